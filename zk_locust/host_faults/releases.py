"""The files that decide which release a member runs: kept, and replaced by those that were rendered for another.

A folder with such a set has them by their plain names, as the role `zookeeper` renders them.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from zk_locust.contract.durable_files import sync_folder
from zk_locust.host_faults.errors import FaultError

_RELEASE = re.compile(r"[0-9][A-Za-z0-9.-]{0,40}\Z")
_CONF = ("zoo.cfg", "members", "log4j.properties", "logback.xml")
_OWN = ("configuration-id", "control")
_UNITS = Path("/etc/systemd/system")


def rendered(member: Path, release: str) -> Path:
    """Return the folder with the files for a release. Raises FaultError where they were not prepared."""
    folder = member / "releases" / release
    if not _RELEASE.match(release) or not (folder / "control").is_file():
        raise FaultError(f"release [{release}] was not prepared on this host")
    return folder


def keep(member: Path, folder: Path) -> None:
    """Keep what the member has in a folder, complete or not at all; what is there already stays."""
    if folder.is_dir():
        return
    new = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700, parents=True)
    for name, place in _places(member):
        if place.is_file():
            _copy(place, new / name)
    sync_folder(new)
    new.rename(folder)


def put(folder: Path, member: Path) -> None:
    """Put the files of a folder in their places, each at once. It can be done again."""
    for name, place in _places(member):
        if (folder / name).is_file():
            _copy(folder / name, place)


def _places(member: Path) -> Iterator[tuple[str, Path]]:
    for name in _CONF:
        yield name, member / "conf" / name
    for name in _OWN:
        yield name, member / name
    unit = f"zookeeper-{member.name}.service"
    if (_UNITS / unit).is_file():
        yield unit, _UNITS / unit


def _copy(source: Path, place: Path) -> None:
    """Copy a file with its mode and owner, so that no reader sees a part of it."""
    found = source.stat()
    new = place.with_name(f".{place.name}.release")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        target.write(source.read_bytes())
        target.flush()
        if os.geteuid() == 0:
            os.fchown(target.fileno(), found.st_uid, found.st_gid)
        os.fchmod(target.fileno(), found.st_mode & 0o7777)
        os.fsync(target.fileno())
    new.replace(place)
    sync_folder(place.parent)
