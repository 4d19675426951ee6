#!/usr/bin/python
"""Find out who listens on TCP ports, from /proc alone."""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: listening_ports
short_description: Find out who listens on TCP ports
description:
  - Reads C(/proc/net/tcp*) and C(/proc/PID/fd), so that neither C(ss) nor C(netstat) is needed.
  - Without root the processes of other users stay unnamed.
options:
  ports: {description: The ports to look at., type: list, elements: int, required: true}
  own_pid_file: {description: File with the id and the start time of a process that may listen., type: path}
author: [zk-locust]
"""

EXAMPLES = """
- name: See who holds the client port
  listening_ports:
    ports: [2181]
  register: __ports
"""

RETURN = """
listeners:
  description: One entry for each listener on the ports.
  returned: always
  type: list
  elements: dict
  contains:
    port: {description: The port., type: int}
    address: {description: The address it is bound to., type: str}
    pid: {description: 'Process id, or null if it cannot be seen.', type: int}
    command: {description: 'Command line, at most 120 characters, or empty.', type: str}
    own: {description: Whether it is the process of own_pid_file., type: bool}
    run: {description: 'The run whose process it is, by the folder that it works in, or empty.', type: str}
"""

_LISTEN = "0A"
_COMMAND_LENGTH = 120


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


def is_process(pid: int, recorded: str, proc: Path = Path("/proc")) -> bool:
    """Whether the text of a pid file, `PID STARTTIME`, names this very process."""
    try:
        start_ticks = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return False
    return recorded.split()[:2] == [str(pid), start_ticks]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "ports": {"type": "list", "elements": "int", "required": True},
            "own_pid_file": {"type": "path"},
        },
        supports_check_mode=True,
    )
    ports = set(module.params["ports"])
    recorded = ""
    if module.params["own_pid_file"] and Path(module.params["own_pid_file"]).exists():
        recorded = Path(module.params["own_pid_file"]).read_text()
    found = []
    for name in ("tcp", "tcp6"):
        table = Path("/proc/net") / name
        if table.exists():
            found += parse_listeners(table.read_text(), ports)
    pids = owners({inode for _, _, inode in found})
    listeners: list[dict[str, Any]] = []
    for port, address, inode in sorted(found):
        pid = pids.get(inode)
        listeners.append(
            {
                "port": port,
                "address": address,
                "pid": pid,
                "command": command_of(pid) if pid else "",
                "run": run_of(pid) if pid else "",
                "own": pid is not None and is_process(pid, recorded),
            }
        )
    module.exit_json(changed=False, listeners=listeners)


if __name__ == "__main__":
    main()
