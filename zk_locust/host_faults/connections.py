"""Drops client connections of a member, as a broken switch does: both ends see a reset, and the sessions live on.

ss(8) has the kernel reset them (`ss -K`: root, and a kernel with INET_DIAG_DESTROY). Where it does not, they are shut
down through copies of the member's descriptors (pidfd_getfd, Linux 5.6): then both ends see an end.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import socket
from collections.abc import Sequence
from typing import Any

from zk_locust.contract.process_identity import PROC, Identity
from zk_locust.host_faults.commands import run
from zk_locust.host_faults.errors import FaultError

_LIMIT_S = 20.0
_ESTABLISHED = "01"
_AT_ONCE = 100
_PIDFD_GETFD = 438  # the same for all machines but Alpha


def drop(note: dict[str, Any], process: Identity, port: int) -> None:
    """Drop `percent` of the connections to the port of this process; note how many (`met`).

    Raises FaultError where there are some and none can be dropped.
    """
    chance = random.Random(note["id"])
    inodes = _connections(process, port)
    count = shared(len(inodes), note["percent"])
    note["met"] = _reset(port, count, note["percent"], chance) if inodes else 0
    if inodes and not note["met"]:
        note["met"] = _shut(process, set(chance.sample(sorted(inodes), count)))


def shared(number: int, percent: float) -> int:
    """Return how many of so many a share is: one at least, if there is one."""
    return min(number, max(1, round(number * percent / 100)))


def _connections(process: Identity, port: int) -> list[int]:
    """Return the inodes of the established connections to this port, in the process's own network."""
    found = []
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(FileNotFoundError):  # without IPv6
            lines = (PROC / str(process.pid) / "net" / name).read_text(encoding="ascii").splitlines()[1:]
            rows = [line.split() for line in lines]
            found += [
                int(row[9]) for row in rows if row[3] == _ESTABLISHED and int(row[1].rpartition(":")[2], 16) == port
            ]
    return [inode for inode in found if inode]


def _reset(port: int, count: int, percent: float, chance: random.Random) -> int:
    """Have the kernel reset so many of the connections; return how many it has. 0 where it cannot."""
    of_port = ["sport", "=", f":{port}"]
    words = ["ss", "-H", "-t", "-n", "state", "established"]
    try:
        if percent >= 100:
            return len(run([*words, "-K", *of_port], _LIMIT_S).splitlines())
        peers = [line.split()[3] for line in run([*words, *of_port], _LIMIT_S).splitlines()]
        chosen = chance.sample(sorted(peers), min(count, len(peers)))
        return sum(_reset_some([*words, "-K", *of_port], chosen[at : at + _AT_ONCE])
                   for at in range(0, len(chosen), _AT_ONCE))  # fmt: skip
    except FaultError:  # there is no ss
        return 0


def _reset_some(words: Sequence[str], peers: Sequence[str]) -> int:
    either = [word for peer in peers for word in ("or", "dst", peer)][1:]
    return len(run([*words, "and", "(", *either, ")"], _LIMIT_S).splitlines())


def _shut(process: Identity, inodes: set[int]) -> int:
    """Shut these sockets down; return how many were."""
    library = ctypes.CDLL(None, use_errno=True)
    count = 0
    try:
        handle = os.pidfd_open(process.pid)
    except OSError as error:
        raise FaultError(f"the member's connections cannot be reached: {error.strerror}") from None
    try:
        for number, inode in _sockets(process):
            if inode not in inodes:
                continue
            copy = library.syscall(_PIDFD_GETFD, handle, number, 0)
            if copy < 0:
                why = os.strerror(ctypes.get_errno())
                raise FaultError(
                    f"the kernel drops no connections, neither by ss -K nor by pidfd_getfd ({why}); run as root, or"
                    " leave the fault out"
                )
            with socket.socket(fileno=copy) as connection, contextlib.suppress(OSError):  # it may have ended
                connection.shutdown(socket.SHUT_RDWR)
                count += 1
    finally:
        os.close(handle)
    return count


def _sockets(process: Identity) -> list[tuple[int, int]]:
    """Return descriptor and inode of the process's sockets. Raises FaultError where they are not shown."""
    folder, found = PROC / str(process.pid) / "fd", []
    try:
        names = list(folder.iterdir())
    except OSError as error:
        raise FaultError(f"the member's connections cannot be seen: {error.strerror}; run as root") from None
    for name in names:
        with contextlib.suppress(OSError):  # it may be closed meanwhile
            target = str(name.readlink())
            if target.startswith("socket:["):
                found.append((int(name.name), int(target[8:-1])))
    return found
