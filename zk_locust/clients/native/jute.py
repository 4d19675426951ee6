"""Jute, ZooKeeper's record format.

Source: ZooKeeper's `zookeeper-jute/src/main/resources/zookeeper.jute` and `BinaryOutputArchive`. Integers are
big-endian; a string is its length in bytes (int) and UTF-8; a buffer is its length and the bytes; a vector is its
count and the elements; length -1 is null, any other negative one an error; a boolean is one byte.

The readers take a complete frame with its length in front, so the body need not be copied:

    length int | xid int | zxid long | error int | record
"""

from collections.abc import Iterable
from functools import partial
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is a class
from typing import Final

from kazoo.protocol.states import ZnodeStat

from zk_locust.contract.errors import ProtocolError

INT: Final = Struct("!i")
LONG: Final = Struct("!q")
# czxid mzxid ctime mtime | version cversion aversion | ephemeralOwner | dataLength numChildren | pzxid
STAT: Final = Struct("!qqqqiiiqiiq")
REPLY: Final = Struct("!iiqi")
RECORD: Final = REPLY.size
# Where the value of a reply that begins with one is.
_VALUE: Final = RECORD + INT.size

# What the readers raise for a malformed record.
MALFORMED: Final = (ProtocolError, StructError, UnicodeDecodeError)

_pack_int = INT.pack
_int_at = INT.unpack_from
_stat_at = STAT.unpack_from
# ZnodeStat._make costs twice as much; STAT has as many fields as ZnodeStat.
_new_stat = partial(tuple.__new__, ZnodeStat)


def buffer(value: bytes) -> bytes:
    """Return the value as a jute buffer."""
    return _pack_int(len(value)) + value


def string(value: str) -> bytes:
    """Return the text as a jute string."""
    return buffer(value.encode())


def strings(values: Iterable[str]) -> bytes:
    """Return the texts as a jute vector of strings."""
    encoded = [string(value) for value in values]
    return _pack_int(len(encoded)) + b"".join(encoded)


def read_nothing(reply: bytes) -> None:
    """Check that a reply has no record (delete, close)."""
    _ends(reply, RECORD)


def read_data_and_stat(reply: bytes) -> tuple[bytes, ZnodeStat]:
    """Return value and stat: GetDataResponse. A null value reads as an empty one."""
    value = read_data(reply)
    return value, _new_stat(_stat_at(reply, len(reply) - 68))


def read_data(reply: bytes) -> bytes:
    """Return the value of a GetDataResponse. Any stat of the right length will do."""
    size, end = _int_at(reply, RECORD)[0], len(reply) - 68
    if size != end - _VALUE and (size != -1 or end != _VALUE):
        raise ProtocolError(f"a value of {size} bytes in a reply of {len(reply)}")
    return reply[_VALUE:end]


def read_stat(reply: bytes) -> ZnodeStat:
    """Return the stat: ExistsResponse, SetDataResponse."""
    if len(reply) != RECORD + 68:
        raise ProtocolError(f"a stat in a reply of {len(reply)} bytes")
    return _new_stat(_stat_at(reply, RECORD))


def read_path(reply: bytes) -> str:
    """Return the path: CreateResponse."""
    path, end = string_at(reply, RECORD)
    _ends(reply, end)
    return path


def read_children(reply: bytes) -> list[str]:
    """Return the names of the children: GetChildrenResponse."""
    names, end = _strings_at(reply, RECORD)
    _ends(reply, end)
    return names


def read_children_and_stat(reply: bytes) -> tuple[list[str], ZnodeStat]:
    """Return the names of the children and the parent's stat: GetChildren2Response."""
    names, end = _strings_at(reply, RECORD)
    _ends(reply, end + STAT.size)
    return names, stat_at(reply, end)


def stat_at(data: bytes, offset: int) -> ZnodeStat:
    """Return the stat that starts at the offset."""
    return _new_stat(_stat_at(data, offset))


def string_at(data: bytes, offset: int) -> tuple[str, int]:
    """Return the string that starts at the offset, and where it ends."""
    size = _int_at(data, offset)[0]
    start = offset + 4
    end = start + size
    if size < 0 or end > len(data):
        raise ProtocolError(f"a string of {size} bytes at {offset} in a record of {len(data)}")
    return data[start:end].decode(), end


def buffer_at(data: bytes, offset: int) -> tuple[bytes, int]:
    """Return the buffer that starts at the offset, and where it ends; null reads as empty."""
    size = _int_at(data, offset)[0]
    end = offset + 4 + max(size, 0)
    if end > len(data) or size < -1:
        raise ProtocolError(f"a buffer of {size} bytes at {offset} in a record of {len(data)}")
    return data[offset + 4 : end], end


def _strings_at(data: bytes, offset: int) -> tuple[list[str], int]:
    count = _int_at(data, offset)[0]
    offset += 4
    # Each string takes at least four bytes, so a higher count is malformed. -1 is null, which reads as none.
    if not -1 <= count <= (len(data) - offset) // 4:
        raise ProtocolError(f"{count} strings in a record of {len(data)} bytes")
    names: list[str] = []
    for _ in range(count):
        name, offset = string_at(data, offset)
        names.append(name)
    return names, offset


def _ends(reply: bytes, end: int) -> None:
    if len(reply) != end:
        raise ProtocolError(f"a record that ends at {end} in a reply of {len(reply)} bytes")
