"""An archive in the layout of Apache's releases, which tests cannot download."""

import hashlib
import re
import tarfile
import zipfile
from pathlib import Path

from lab.zookeeper_server import JARS, JAVA_FOLDER


def stand_in_archive(folder: Path, version: str) -> Path:
    """Make an archive in Apache's layout from Debian's jars."""
    jars = {JAVA_FOLDER / jar for jar in JARS}
    with zipfile.ZipFile(JAVA_FOLDER / "zookeeper.jar") as jar:
        manifest = jar.read("META-INF/MANIFEST.MF").decode().replace("\r\n", "\n").replace("\n ", "")
    jars |= {Path(path) for path in re.findall(r"^Class-Path: (.*)$", manifest, re.MULTILINE)[0].split()}
    name = f"apache-zookeeper-{version}-bin"
    archive = folder / f"{name}.tar.gz"
    with tarfile.open(archive, "w:gz", dereference=True, compresslevel=1) as tar:
        for path in sorted(jars):
            if path.exists():
                own = f"zookeeper-{version}.jar" if path.name == "zookeeper.jar" else path.name
                tar.add(path, f"{name}/lib/{own}")
    checksum = hashlib.sha512(archive.read_bytes()).hexdigest()
    archive.with_name(f"{archive.name}.sha512").write_text(f"{checksum}  {archive.name}\n")
    return archive
