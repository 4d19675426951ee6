"""The wheels that a controller installs, for hosts without a Python index: downloaded once for each Debian release."""

import hashlib
import platform
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from fleet.wheelhouse import Kind, pins_for
from lab.commands import run
from lab.image import image_path
from lab.mounts import remove_tree
from lab.places import PROJECT, cache_dir, locked

# What `make install-dev` installs, and what a controller gathers for load hosts of its own kind.
_PINS = tuple(PROJECT / "requirements" / name for name in ("dev.txt", "load_host.txt"))


def kind_of(release: str) -> Kind:
    """Return the kind of a host of this release, whose root file system exists."""
    python = (image_path(release) / "usr/bin/python3").readlink()
    return Kind(python.name.removeprefix("python"), platform.machine())


def ensure_wheels(releases: Iterable[str], say: Callable[[str], None]) -> dict[str, Path]:
    """Return the folder of wheels of each release, whose root file systems exist; download missing wheels.

    The pins give the hash of every wheel. Raises LabError if pip cannot download one.
    """
    return {release: _ensure(kind_of(release), say) for release in releases}


def _ensure(kind: Kind, say: Callable[[str], None]) -> Path:
    pins = [pins_for(kind, file) for file in _PINS]
    final = cache_dir() / f"wheels-{kind}-{hashlib.sha256(''.join(pins).encode()).hexdigest()[:12]}"
    with locked(f"wheels-{kind}"):
        if final.is_dir():
            return final
        for stale in cache_dir().glob(f"wheels-{kind}-*"):
            remove_tree(stale)
        say(f"Downloading the wheels for Python {kind.python}, once …")
        building = final.with_name(f"{final.name}.building")
        try:
            building.mkdir()
            for text in pins:
                (building / "pins.txt").write_text(text)
                _download(kind, building)
            (building / "pins.txt").unlink()
            building.rename(final)
        finally:
            remove_tree(building)
    return final


def _download(kind: Kind, folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", *kind.tags]
    run([*pip, *options, "--dest", folder, "--requirement", folder / "pins.txt"], timeout_s=600)
