#!/usr/bin/python
"""See what a host offers: Java, root, files, room on disk. Nothing is changed."""

from __future__ import annotations

import errno
import os
import pwd
import re
import resource
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: host_probe
short_description: See what a host offers
description:
  - One read-only module instead of a task for each question.
options:
  java: {description: 'Path of the java program; empty looks at JAVA_HOME, then at the PATH.', type: str, default: ''}
  want_java: {description: Whether to look for Java at all., type: bool, default: true}
  files: {description: Paths whose existence is asked for., type: list, elements: path, default: []}
  folders: {description: Folders to be written to; they need not exist yet., type: list, elements: path, default: []}
  addresses: {description: Names or addresses that may be this host's own., type: list, elements: str, default: []}
  user: {description: Name of a user whose existence is asked for., type: str, default: ''}
author: [zk-locust]
"""

EXAMPLES = """
- name: Look for Java and room
  host_probe:
    folders: [/var/lib/zk-locust]
  register: __host
"""

RETURN = """
sudo: {description: Whether sudo works without a password., type: bool, returned: always}
user: {description: Whether the user exists., type: bool, returned: always}
java: {description: 'path, major version and error; path is empty if there is none.', type: dict, returned: always}
files: {description: Existence by path., type: dict, returned: always}
folders: {description: 'writable, free_mb, error and shared by path.', type: dict, returned: always}
addresses:
  description: By address that was given, the literal address of the host that it means; empty if it means none.
  type: dict
  returned: always
memory_mb: {description: Memory of the machine, 0 where it is not known., type: int, returned: always}
machine: {description: 'What tells this machine from others; empty where nothing does.', type: str, returned: always}
limits: {description: 'What caps a load: open_files (0 for none), ports, root.', type: dict, returned: always}
"""

# Kinds of file systems that machines share, by how their names begin.
_SHARED = (
    *("nfs", "cifs", "smb", "ceph", "lustre", "gluster", "fuse.gluster", "fuse.ceph", "fuse.sshfs", "9p", "virtiofs"),
    *("beegfs", "gpfs", "ocfs2", "gfs2", "afs", "orangefs", "pvfs2", "fuse.moosefs", "fuse.juicefs"),
)


def java_major(text: str) -> int:
    """Return the major version in the output of `java -version` (8 for "1.8.0_292"), 0 if there is none."""
    match = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(match.group(1)) if match else 0


def find_java(wanted: str) -> dict[str, Any]:
    """Find and run java; the result's `path` is empty where that fails, and `error` says why."""
    home = os.environ.get("JAVA_HOME")
    candidates = [wanted] if wanted else [str(Path(home) / "bin" / "java")] if home else []
    path = next((found for found in map(shutil.which, candidates) if found), None)
    if path is None and not wanted:
        path = shutil.which("java", path=f"{os.environ.get('PATH', '')}:/usr/bin:/usr/local/bin")
    if path is None:
        return {"path": "", "major": 0, "error": f"there is no program {wanted}" if wanted else "there is no java"}
    try:
        done = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"path": "", "major": 0, "error": str(error)}
    major = java_major(done.stderr + done.stdout)
    if done.returncode or not major:
        return {"path": "", "major": 0, "error": f"{path} -version failed"}
    return {"path": path, "major": major, "error": ""}


def has_sudo() -> bool:
    """Whether `sudo` works without asking."""
    if os.geteuid() == 0 or not shutil.which("sudo"):
        return False
    try:
        return subprocess.run(["sudo", "-n", "true"], capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def has_user(name: str) -> bool:
    """Whether there is a user of that name."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def probe_folder(path: Path) -> dict[str, Any]:
    """Say whether a folder can be written to, or made, how much room there is (MiB), and which machines share it.

    `shared` is the same text wherever a folder of a network file system is mounted; empty for a disk of the machine.
    """
    existing = path
    try:
        while not existing.exists() and existing != existing.parent:
            existing = existing.parent
        shared = shared_as(existing.resolve() / path.relative_to(existing))
        if not existing.is_dir():
            return {"writable": False, "free_mb": 0, "error": f"{existing} is not a folder"}
        free_mb = shutil.disk_usage(existing).free // 2**20
        try:
            os.close(os.open(existing, os.O_TMPFILE | os.O_WRONLY))  # never has a name, so leaves no trace
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
                raise
            with tempfile.TemporaryFile(dir=existing):
                pass
    except OSError as error:
        return {"writable": False, "free_mb": 0, "error": f"nothing can be made in {existing} ({error.strerror})"}
    return {"writable": True, "free_mb": free_mb, "error": "", "shared": shared}


def shared_as(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """Return what a folder on a network file system is on each machine that has it; empty for any other (proc(5))."""
    shared, depth = "", 0
    for line in mounts.read_text(errors="replace").splitlines():
        fields, _, rest = line.partition(" - ")
        root, mount_point = (_unescaped(field) for field in fields.split()[3:5])
        kind, source = (_unescaped(field) for field in rest.split()[:2])
        place = Path(mount_point)
        if (place == path or place in path.parents) and len(place.parts) >= depth:  # the last one is on top
            depth = len(place.parts)
            is_shared = kind.startswith(_SHARED)
            shared = str(Path(f"{source}{root}") / path.relative_to(place)) if is_shared else ""
    return shared


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def machine(root: Path = Path("/")) -> str:
    """Return what tells a machine from others, under whatever address it is reached; empty where nothing does.

    Clones of an image share their machine-id, and containers of a kernel their boot_id: only all of it together tells.
    """

    def read(path: str) -> str:
        try:
            return (root / path).read_text().strip()
        except (OSError, ValueError):
            return ""

    ids = [read("etc/machine-id"), read("proc/sys/kernel/random/boot_id")]
    try:
        network = str((root / "proc/self/ns/net").readlink())  # whose ports they are
    except OSError:
        network = ""
    return " ".join([*ids, read("proc/sys/kernel/hostname"), network]) if any(ids) else ""


def own_address(address: str) -> str:
    """Return the literal address of this host that `address` means; empty where it is another's, e.g. a translated one.

    A name that leads to a loopback address, as Debian gives a host's own, says nothing of how others reach the host.
    """
    try:
        found = socket.getaddrinfo(address, 0, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ""
    for family, kind, protocol, _, target in found:
        literal = str(target[0])
        if literal != address and address != "localhost" and (literal.startswith("127.") or literal == "::1"):
            continue
        with socket.socket(family, kind, protocol) as candidate:
            try:
                candidate.bind(target)
            except OSError:
                continue
        return literal
    return ""


def limits() -> dict[str, Any]:
    """Return the hard limit of open files (0: none), and the first and last ephemeral port."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        ports = [int(word) for word in Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()]
    except (OSError, ValueError):
        ports = [32768, 60999]  # Linux's own default
    return {"open_files": 0 if hard == resource.RLIM_INFINITY else hard, "ports": ports, "root": os.geteuid() == 0}


def memory_mb(meminfo: Path = Path("/proc/meminfo")) -> int:
    """Return the machine's memory (MiB), 0 where it is not known."""
    try:
        total = re.search(r"^MemTotal:\s+(\d+) kB$", meminfo.read_text(), re.MULTILINE)
    except OSError:
        total = None
    return int(total.group(1)) // 1024 if total else 0


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "java": {"type": "str", "default": ""},
            "want_java": {"type": "bool", "default": True},
            "user": {"type": "str", "default": ""},
            "files": {"type": "list", "elements": "path", "default": []},
            "addresses": {"type": "list", "elements": "str", "default": []},
            "folders": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    module.exit_json(
        changed=False,
        sudo=has_sudo(),
        user=has_user(module.params["user"]),
        java=find_java(module.params["java"]) if module.params["want_java"] else {"path": "", "major": 0, "error": ""},
        files={path: Path(path).exists() for path in module.params["files"]},
        addresses={address: own_address(address) for address in module.params["addresses"]},
        limits=limits(),
        machine=machine(),
        memory_mb=memory_mb(),
        folders={path: probe_folder(Path(path)) for path in module.params["folders"]},
    )


if __name__ == "__main__":
    main()
