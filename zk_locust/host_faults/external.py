"""A member of an external ensemble: all that is known of it is that its process listens at the client port."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from zk_locust.contract.process_identity import PROC, Identity, identity_of
from zk_locust.host_faults.errors import FaultError
from zk_locust.host_faults.workers import Workers

_LISTENS = "0A"
_SERVERS = (b"QuorumPeerMain", b"ZooKeeperServerMain")


class ExternalMember(Workers):
    """The member that listens at `port`. It is neither started nor stopped: whoever runs it does that."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder)
        self._port = port

    def processes(self) -> list[Identity]:
        """Return its process. Raises FaultError where none is found that is a ZooKeeper server."""
        pid = _listener(self._port)
        if pid is None:
            raise FaultError(f"no process is seen to listen at port {self._port}; its owner or root sees it")
        words = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
        if not any(word.endswith(_SERVERS) for word in words):
            raise FaultError(f"process {pid}, which listens at port {self._port}, is no ZooKeeper server")
        return [identity_of(pid)]


def _listener(port: int) -> int | None:
    """Return the process that listens at a port of TCP (proc(5), `net/tcp`)."""
    wanted = set()
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (PROC / "net" / name).read_text(encoding="ascii").splitlines()[1:]:
                words = line.split()
                if words[3] == _LISTENS and int(words[1].rpartition(":")[2], 16) == port:
                    wanted.add(f"socket:[{words[9]}]")
    for folder in PROC.iterdir():
        if re.fullmatch(r"\d+", folder.name):
            with contextlib.suppress(OSError):  # it has ended, or is another user's
                if any(str(link.readlink()) in wanted for link in (folder / "fd").iterdir()):
                    return int(folder.name)
    return None
