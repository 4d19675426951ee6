#!/usr/bin/python
"""The module `host_probe`: see what a host offers, with one call instead of one for each question. Nothing is changed.

It needs Python and `/proc` only. Without root the processes of other users that listen stay unnamed.

Returns

    sudo       whether sudo works without a password
    user       whether the user exists
    java       path, major version and error; path is empty if there is none
    files      existence by path
    folders    writable, free_mb, error and shared by path
    addresses  by address that was given, the literal address of the host that it means; empty if it means none
    machine    what tells this machine from others; empty where nothing does
    memory_mb  memory of the machine (MiB), 0 where it is not known
    limits     open_files (0 for none), ports (the ephemeral ones), root
    listeners  for each listener on `ports`: port, address, pid (None if it cannot be seen), command (at most 120
               characters), own (whether it is the process of `pid_file`), run (whose process it is, or empty)
"""

from __future__ import annotations

import errno
import os
import pwd
import re
import resource
import shutil
import socket
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.process_identity import Identity, identity_of, named_in_pid_file

# Kinds of file systems that machines share, by how their names begin.
_SHARED = (
    *("nfs", "cifs", "smb", "ceph", "lustre", "gluster", "fuse.gluster", "fuse.ceph", "fuse.sshfs", "9p", "virtiofs"),
    *("beegfs", "gpfs", "ocfs2", "gfs2", "afs", "orangefs", "pvfs2", "fuse.moosefs", "fuse.juicefs"),
)
_LISTEN = "0A"
_COMMAND_LENGTH = 120


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


def decode_address(encoded: str) -> str:
    """Turn an address of /proc/net/tcp or tcp6 (words of 32 bits in the host's byte order, hexadecimal) into text."""
    words = [int(encoded[i : i + 8], 16) for i in range(0, len(encoded), 8)]
    raw = struct.pack(f"={len(words)}I", *words)
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, raw)


def parse_listeners(table: str, ports: set[int]) -> list[tuple[int, str, str]]:
    """Return (port, address, inode) of each listener on `ports` in the text of /proc/net/tcp or tcp6."""
    found = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 10 or fields[3] != _LISTEN:
            continue
        address, port = fields[1].split(":")
        if int(port, 16) in ports:
            found.append((int(port, 16), decode_address(address), fields[9]))
    return found


def owners(inodes: set[str], proc: Path = Path("/proc")) -> dict[str, int]:
    """Map socket inodes to process ids, as far as the caller may see."""
    found: dict[str, int] = {}
    for process in proc.iterdir():
        if not process.name.isdigit() or len(found) == len(inodes):
            continue
        try:
            for entry in (process / "fd").iterdir():
                target = str(entry.readlink())
                if target.startswith("socket:[") and target[8:-1] in inodes:
                    found[target[8:-1]] = int(process.name)
        except OSError:
            continue  # gone, or another user's
    return found


def command_of(pid: int, proc: Path = Path("/proc")) -> str:
    """Return the command line of a process, shortened to its program and what fits."""
    try:
        words = (proc / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    return b" ".join(words).decode("utf-8", "replace").strip()[:_COMMAND_LENGTH]


def run_of(pid: int, proc: Path = Path("/proc")) -> str:
    """Return the id of the run that a process belongs to; those of a load host work in `load/runs/<run id>`."""
    try:
        folder = (proc / str(pid) / "cwd").readlink()
    except OSError:
        return ""
    return folder.name if folder.parent.parts[-2:] == ("load", "runs") else ""


def listeners(ports: set[int], own: Identity | None) -> list[dict[str, Any]]:
    """Return who listens on `ports`; `own` is the process that may."""
    tables = [Path("/proc/net") / name for name in ("tcp", "tcp6")] if ports else []
    found = [entry for table in tables if table.exists() for entry in parse_listeners(table.read_text(), ports)]
    pids = owners({inode for _, _, inode in found})
    told: list[dict[str, Any]] = []
    for port, address, inode in sorted(found):
        pid = pids.get(inode)
        who = {"command": command_of(pid), "run": run_of(pid), "own": is_process(pid, own)} if pid else {}
        told.append({"port": port, "address": address, "pid": pid, "command": "", "run": "", "own": False, **who})
    return told


def is_process(pid: int, known: Identity | None) -> bool:
    """Whether a process is the known one."""
    try:
        return known is not None and identity_of(pid) == known
    except OSError:
        return False


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
            "java": {"type": "str", "default": ""},  # its path; empty looks at JAVA_HOME, then at the PATH
            "want_java": {"type": "bool", "default": True},
            "user": {"type": "str", "default": ""},
            "files": {"type": "list", "elements": "path", "default": []},
            "addresses": {"type": "list", "elements": "str", "default": []},  # that may be this host's own
            "folders": {"type": "list", "elements": "path", "default": []},  # to be written to; they may not exist yet
            "ports": {"type": "list", "elements": "int", "default": []},
            "pid_file": {"type": "path"},  # of a process that may listen
        },
        supports_check_mode=True,
    )
    given = module.params
    module.exit_json(
        changed=False,
        sudo=has_sudo(),
        user=has_user(given["user"]),
        java=find_java(given["java"]) if given["want_java"] else {"path": "", "major": 0, "error": ""},
        files={path: Path(path).exists() for path in given["files"]},
        addresses={address: own_address(address) for address in given["addresses"]},
        limits=limits(),
        machine=machine(),
        memory_mb=memory_mb(),
        folders={path: probe_folder(Path(path)) for path in given["folders"]},
        listeners=listeners(set(given["ports"]), named_in_pid_file(Path(given["pid_file"] or ""))),
    )


if __name__ == "__main__":
    main()
