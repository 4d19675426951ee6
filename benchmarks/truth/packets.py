"""Service times as the packets on loopback show them: a capture in a process of its own, matched by xid (root).

    python -m benchmarks.truth.packets PORT FILE

It says `ready`, captures until SIGTERM, and prints how many packets the kernel has dropped. A row of the file is one
packet with data, as it came in: the kernel's time by CLOCK_REALTIME, the client's port, whether it came from the
server, and the xid of its first frame. A closed loop has one frame in each packet.
"""

import ctypes
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

PACKET: Final = np.dtype([("at", "i8"), ("xid", "i4"), ("port", "u2"), ("from_server", "u2")])
_ROW: Final = struct.Struct("=qiHH")
_ETHERNET_IPV4: Final = 0x0800
_SNAP: Final = 256
_SO_RCVBUFFORCE: Final = 33
_SO_ATTACH_FILTER: Final = 26
_SO_TIMESTAMPNS: Final = 35
_SOL_PACKET: Final = 263
_PACKET_STATISTICS: Final = 6
_REQUEST: Final = struct.Struct("!ii")


def can_capture() -> bool:
    """Whether this process may open a packet socket."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETHERNET_IPV4)).close()
    except OSError:
        return False
    return True


def keys(rows: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return one number for the port and the xid of each packet, or of each row of a record."""
    return rows["port"].astype("i8") << 32 | (rows["xid"].astype("i8") & 0xFFFFFFFF)


def service_us(packets: npt.NDArray[Any], of: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the times from the packets of requests with these keys to those of their replies, microseconds."""
    wanted = packets[(packets["xid"] > 0) & np.isin(keys(packets), of)]
    asked, replies = wanted[wanted["from_server"] == 0], wanted[wanted["from_server"] == 1]
    # A segment that was sent again has the same key: the first one counts.
    _, first, second = np.intersect1d(keys(asked), keys(replies), return_indices=True)
    return np.asarray((replies["at"][second] - asked["at"][first]) / 1000.0)


class Capture:
    """A capture of a server's packets, from `with` to its end. `packets` and `dropped` are there afterwards."""

    def __init__(self, port: int, file: Path) -> None:
        self._command = [sys.executable, "-m", "benchmarks.truth.packets", str(port), str(file)]
        self._file = file
        self.dropped = 0

    def __enter__(self) -> "Capture":
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[2]
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "ready":
            raise RuntimeError("packets cannot be captured")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        out, _ = self._process.communicate(timeout=10)
        self.dropped = int(out)

    @property
    def packets(self) -> npt.NDArray[Any]:
        """The captured packets, one `PACKET` each."""
        return np.fromfile(self._file, PACKET)


def _filter(port: int) -> bytes:
    """Return a classic BPF program: TCP from or to the port, in IPv4 without a packet's own options in between."""
    ld_byte, ldx_ip_size, ld_half, equal, give = 0x30, 0xB1, 0x48, 0x15, 0x06
    program = [
        (ld_byte, 0, 0, 9), (equal, 0, 5, socket.IPPROTO_TCP), (ldx_ip_size, 0, 0, 0), (ld_half, 0, 0, 0),
        (equal, 3, 0, port), (ld_half, 0, 0, 2), (equal, 1, 0, port), (give, 0, 0, 0), (give, 0, 0, _SNAP),
    ]  # fmt: skip
    return b"".join(struct.pack("HBBI", *step) for step in program)


def _open(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETHERNET_IPV4))
    program = ctypes.create_string_buffer(_filter(port))
    steps = len(program) // 8
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", steps, ctypes.addressof(program)))
    sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    sock.bind(("lo", _ETHERNET_IPV4))
    return sock


def _capture(port: int, file: Path) -> int:
    """Capture until SIGTERM, and return how many packets were dropped."""
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
    space = bytearray(_SNAP)
    with _open(port) as sock, file.open("wb") as out:
        sock.settimeout(0.1)
        print("ready", flush=True)
        while True:
            try:
                size, control, _, _ = sock.recvmsg_into([space], 64)
            except TimeoutError:
                if ended:
                    break
                continue
            if not control:
                continue
            tcp = (space[0] & 15) * 4
            data = tcp + (space[tcp + 12] >> 4) * 4
            if size < data + 8:
                continue
            source, target = struct.unpack_from("!HH", space, tcp)
            seconds, nanoseconds = struct.unpack("qq", control[0][2])
            _, xid = _REQUEST.unpack_from(space, data)
            answer = source == port
            out.write(_ROW.pack(seconds * 10**9 + nanoseconds, xid, target if answer else source, answer))
        _, dropped = struct.unpack("II", sock.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
    return int(dropped)


if __name__ == "__main__":
    print(_capture(int(sys.argv[1]), Path(sys.argv[2])))
