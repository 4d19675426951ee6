"""Archives of ZooKeeper in Apache's layout, made of the packages in the lab's root file systems.

The lab reaches no archive of Apache's, and both releases must run on the same hosts with the same Java.
"""

import re
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from lab.image import ensure_images, image_path

RELEASES: Final = {"3.8.0": "12", "3.9.3": "13"}
"""Releases of ZooKeeper, and of Debian, whose packages have them."""

_JAVA: Final = Path("usr/share/java")
_JARS: Final = ("zookeeper.jar", "servlet-api.jar", "slf4j-api.jar", "slf4j-log4j12.jar", "log4j-1.2.jar")
_MANIFEST: Final = "META-INF/MANIFEST.MF"
_CLASS_PATH: Final = re.compile(r"^Class-Path:(.*\n(?: .*\n)*)", re.MULTILINE)


def make(folder: Path) -> None:
    """Make an archive of each release in `folder`, named as Apache names them. Raises LabError without root files."""
    ensure_images(RELEASES.values(), lambda _: None)
    for version, debian in RELEASES.items():
        _archive(image_path(debian), version, folder / f"apache-zookeeper-{version}-bin.tar.gz")


def _archive(root: Path, version: str, archive: Path) -> None:
    with zipfile.ZipFile(root / _JAVA / _JARS[0]) as jar:
        named = _CLASS_PATH.search(jar.read(_MANIFEST).decode().replace("\r\n", "\n"))
    others = named[1].replace("\n ", "").split() if named else []
    jars = {root / _JAVA / name for name in _JARS} | {root / path.lstrip("/") for path in others}
    with tempfile.TemporaryDirectory() as folder, tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for path in sorted(jars):
            if path.exists():  # the package only suggests some
                own = f"zookeeper-{version}.jar" if path.name == _JARS[0] else path.name
                copy = without_class_path(path, Path(folder) / own)
                tar.add(copy, f"{archive.name.removesuffix('.tar.gz')}/lib/{own}")


def without_class_path(jar: Path, copy: Path) -> Path:
    """Copy a jar without its Class-Path: it names absolute paths, where the hosts have the jars of their package."""
    with zipfile.ZipFile(jar) as given, zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED) as made:
        for entry in given.infolist():
            content = given.read(entry)
            if entry.filename == _MANIFEST:
                content = _CLASS_PATH.sub("", content.decode().replace("\r\n", "\n")).encode()
            made.writestr(entry.filename, content)
    return copy
