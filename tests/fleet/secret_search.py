"""A search for secrets in all places where a run on a lab could leave one."""

import base64
import json
import os
import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lab.host import Host

_ETH_P_ALL: Final = 3
_SOL_PACKET, _PACKET_STATISTICS = 263, 6

# Runs inside a host as root. It reads the words from standard input, so that no process list shows them.
_IN_HOST: Final = r"""
import json, os, pathlib, subprocess, sys
words = [bytes.fromhex(word) for word in json.load(sys.stdin)]
places, found = 0, []
def look(where, content):
    global places
    places += 1
    found.extend(where for word in words if word in content)
for process in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        look(f"{process}/cmdline", (process / "cmdline").read_bytes())
    except OSError:
        pass
journal = subprocess.run(["journalctl", "--output=export", "--no-pager", "--all"], capture_output=True).stdout
look("journal", journal)
for folder in ("/run", "/tmp", "/var/tmp", "/dev/shm"):
    for top, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(top, name)
            if os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path) < 1 << 27:
                try:
                    look(path, pathlib.Path(path).read_bytes())
                except OSError:
                    pass
print(json.dumps([places, found]))
"""


def disguises(secret: str) -> list[bytes]:
    """Return the secret itself, and the forms that it takes inside text in base64."""
    found = [secret.encode()]
    for before in range(3):
        text = base64.b64encode(b"\0" * before + secret.encode()).decode().rstrip("=")
        # The first and the last characters depend on adjacent bytes.
        found.append(text[(before * 8 + 5) // 6 : -2].encode())
    return found


@dataclass
class Search:
    """Counts the places that were searched, and records those with a secret."""

    secrets: Iterable[str]
    places: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    found: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._words = [word for secret in self.secrets for word in disguises(secret)]

    def look(self, kind: str, where: object, content: bytes) -> None:
        """Search some content."""
        self.places[kind] += 1
        if any(word in content for word in self._words):
            self.found.append(f"{kind}: {where}")

    def files(self, kind: str, folder: Path, *, since: float = 0.0, without: Iterable[Path] = ()) -> None:
        """Search each regular file below a folder that was written or renamed since then."""
        left_out = set(without)
        for path in _files_below(folder):
            try:
                state = path.stat()
                if path not in left_out and max(state.st_mtime, state.st_ctime) >= since:
                    self.look(kind, path, path.read_bytes())
            except OSError:
                continue  # it was removed meanwhile

    def host(self, host: Host, since: float) -> None:
        """Search the files that a host has written since then, its memory disks, its journal and its processes."""
        self.files(f"files of hosts, {host.name}", host.folder / "upper", since=since)
        done = host.run(["python3", "-c", _IN_HOST], stdin=json.dumps([word.hex() for word in self._words]))
        places, found = json.loads(done.stdout)
        self.places[f"processes, journal and memory disks, {host.name}"] += places
        self.found += [f"{host.name}: {where}" for where in found]

    def controller(self) -> None:
        """Search the command lines of all processes of this machine, which include those of the hosts."""
        for process in Path("/proc").glob("[0-9]*"):
            try:
                self.look("command lines", process, (process / "cmdline").read_bytes())
            except OSError:
                continue


def _files_below(folder: Path) -> Iterator[Path]:
    for top, _, names in os.walk(folder):
        for name in names:
            path = Path(top, name)
            if path.is_file() and not path.is_symlink():
                yield path


class Capture:
    """All TCP packets of one port on a host's network interface, like tcpdump."""

    def __init__(self, host: Host, port: int) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 25)
        self._socket.bind((host.link, 0))
        self._socket.settimeout(0.2)
        self._port = port
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.streams: dict[tuple[Any, ...], bytearray] = defaultdict(bytearray)
        self.packets = 0
        self.dropped = 0

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                self._take(self._socket.recv(1 << 17))
            except TimeoutError:
                continue

    def _take(self, frame: bytes) -> None:
        if frame[12:14] != b"\x08\x00" or frame[23] != socket.IPPROTO_TCP:
            return
        tcp = 14 + (frame[14] & 0x0F) * 4
        source, target = struct.unpack_from("!HH", frame, tcp)
        if self._port in (source, target):
            end = 14 + struct.unpack_from("!H", frame, 16)[0]
            self.packets += 1
            self.streams[frame[26:34], source, target] += frame[tcp + (frame[tcp + 12] >> 4) * 4 : end]

    def __enter__(self) -> "Capture":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(5)
        statistics = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        self.dropped = struct.unpack("II", statistics)[1]
        self._socket.close()
