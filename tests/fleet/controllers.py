"""Bare hosts of the lab as controllers: they have only python3, make and the checkout.

They install from their own disk: wheels that pip's configuration names, and the only archive of Debian packages in the
configuration of their apt.
"""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab import Host
from lab.image import ZOOKEEPER_PACKAGES
from lab.mounts import mount_overlay
from lab.places import PROJECT

CHECKOUT = "/root/zk-locust"
_WHEELS = "srv/wheels"
_MAKE_BARE = f"""
export DEBIAN_FRONTEND=noninteractive
echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/lab
echo 'deb [trusted=yes] file:/srv/debian ./' >/etc/apt/sources.list
apt-get purge --yes --autoremove default-jre {" ".join(ZOOKEEPER_PACKAGES)}
apt-get update
apt-get install --yes --no-install-recommends make
rm -r /var/lib/apt/lists/*  # whatever installs a package updates them
# The last line is pip's option --no-compile: modules are compiled at their first use.
printf '[global]\nno-index = true\nfind-links = /{_WHEELS}\n[install]\nno-compile = no\n' >/etc/pip.conf
"""
_COMMANDS = ("make", "pip3", "git", "gcc", "java")


@dataclass(frozen=True, slots=True)
class Controller:
    """A host of the lab with this checkout."""

    host: Host

    def prepare(self, wheels: Path) -> None:
        """Remove the packages of members, and copy the checkout and the wheels."""
        root = mount_overlay(self.host.image, self.host.folder)
        shutil.copytree(wheels, root / _WHEELS)
        copy_checkout(root / CHECKOUT.lstrip("/"))
        self.host.run(["sh", "-ec", _MAKE_BARE], timeout_s=300)

    def run(self, command: str, timeout_s: float = 900) -> "subprocess.CompletedProcess[str]":
        """Run a command in the checkout as root, without this machine's environment; return its output."""
        return self.host.run(f"cd {CHECKOUT} && exec sh -c '{command}' 2>&1", check=False, timeout_s=timeout_s)

    def commands(self) -> list[str]:
        """Return which of some commands the host has. A bare host has only make."""
        found = self.host.run(f"for c in {' '.join(_COMMANDS)}; do command -v $c || :; done").stdout
        return [Path(line).name for line in found.splitlines()]


def copy_checkout(target: Path) -> None:
    """Copy the files of this checkout, without those that git ignores."""
    listed = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=PROJECT, stdout=subprocess.PIPE, check=True).stdout.decode().split("\0")
    for name in names:
        if (PROJECT / name).is_file():  # a removed file is still listed
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, target / name)
