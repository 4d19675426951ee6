"""The number and the sum of the names in a list of children, which a history keeps in their place.

Most loads list the same names again and again: then nothing is counted anew.
"""

from typing import Final

import numpy as np
from zlib_ng.zlib_ng import crc32

from zk_locust.clients.native import jute

_FEW: Final = 64
"""With fewer names numpy costs more than it saves."""
_MOST_BYTES: Final = 1024 * 1024
_int_at: Final = jute.INT.unpack_from


class NameSums:
    """Counts the names of lists. It remembers the newest ones, up to so many bytes."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[int, int]] = {}
        self._bytes = 0

    def of(self, record: bytes) -> tuple[int, int]:
        """Return of a list as a server sends it how many names it has, and the sum of their CRC-32, modulo 2^32.

        A stat may follow the names (GetChildren2Response).
        """
        found = self._known.get(record)
        if found is None:
            names = _names(record)
            found = len(names), sum(map(crc32, names)) & 0xFFFFFFFF
            self._bytes += len(record)
            if self._bytes > _MOST_BYTES:
                self._known.clear()
                self._bytes = len(record)
            self._known[record] = found
        return found


def _names(record: bytes) -> list[bytes]:
    count = max(_int_at(record)[0], 0)
    if count >= _FEW:
        size = _int_at(record, 4)[0]
        if 4 + count * (4 + size) <= len(record):
            alike = np.frombuffer(record, [("size", ">i4"), ("name", f"V{size}")], count, 4)
            if (alike["size"] == size).all():
                names: list[bytes] = alike["name"].tolist()
                return names
    names, at = [], 4
    for _ in range(count):  # the client has read it, so it is as it should be
        start = at + 4
        at = start + _int_at(record, at)[0]
        names.append(record[start:at])
    return names
