"""ZooKeeper 3.4.13 as Debian 11 has it: fetched once from the mirror of this machine's apt, and verified by its hashes.

Nothing is installed. A server runs on this machine's Java and with its other libraries.
"""

import hashlib
import json
from pathlib import Path
from typing import Final

from lab.commands import LabError, run
from lab.mirror import own_mirror
from lab.mounts import remove_tree
from lab.places import cache_dir, locked
from lab.zookeeper_server import JARS, JAVA_FOLDER

# Below the mirror's pool/main, with the SHA-256 sums that Debian 11's signed index gives. Together 1.5 MB.
_PACKAGES: Final = {
    "z/zookeeper/libzookeeper-java_3.4.13-6+deb11u1_all.deb": (
        "9c4ab50e6d8fef7cd21b4d0a68d1bca1aea93e59022c806f1857504565e4b79d"
    ),
    "z/zookeeper/zookeeper_3.4.13-6+deb11u1_all.deb": (
        "39c28d9e89fd772b34a300b6be224d446f03650a245f40e42869514e524185a3"
    ),
}
_DOWNLOAD: Final = Path("/usr/lib/apt/apt-helper")
_SERVER: Final = "zookeeper.jar"


def ensure_packages() -> Path:
    """Return the folder that holds the unpacked packages, after fetching them if they are not in the cache.

    Raises LabError if this machine has no Debian mirror, the mirror does not have them, or a server could not run here;
    OSError if the cache cannot be written.
    """
    if lacking := [jar for jar in JARS if not (JAVA_FOLDER / jar).exists()]:
        raise LabError(f"{JAVA_FOLDER} has no {', '.join(lacking)}: apt install zookeeper libservlet-api-java")
    recipe = hashlib.sha256(json.dumps(_PACKAGES).encode()).hexdigest()[:12]
    final = cache_dir() / f"zookeeper-3.4.13-{recipe}"
    with locked("zookeeper-3.4.13"):
        if final.is_dir():
            return final
        building = final.with_name(f"{final.name}.building")
        remove_tree(building)
        try:
            building.mkdir(parents=True)
            for path, checksum in _PACKAGES.items():
                _unpack(path, checksum, building)
            building.rename(final)
        finally:
            remove_tree(building)
    return final


def class_path(packages: Path) -> str:
    """Return the class path of a server: that of this machine's release with the packages' zookeeper.jar."""
    folder = packages / JAVA_FOLDER.relative_to("/")
    return ":".join(str((folder if jar == _SERVER else JAVA_FOLDER) / jar) for jar in JARS)


def log4j(packages: Path) -> str:
    """Return what the package's log4j.properties says."""
    return (packages / "etc/zookeeper/conf_example/log4j.properties").read_text()


def _unpack(path: str, checksum: str, folder: Path) -> None:
    if not _DOWNLOAD.exists():
        raise LabError(f"there is no [{_DOWNLOAD}]: the packages of Debian 11 are fetched on Debian only")
    package = folder / "package.deb"
    run([_DOWNLOAD, "download-file", f"{own_mirror()}/pool/main/{path}", package, f"SHA256:{checksum}"], timeout_s=120)
    run(["dpkg-deb", "--extract", package, folder])
    package.unlink()
