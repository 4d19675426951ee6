"""How large a request a server takes: `jute.maxbuffer`, and what a value needs beside its own bytes."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

DEFAULT_MAX_BUFFER_BYTES: Final = 0xFFFFF
"""The server's `jute.maxbuffer` unless it is set (ZooKeeper's BinaryInputArchive)."""
REQUEST_OVERHEAD_BYTES: Final = 20
"""A setData request without path and value: header (8), two lengths (4 each), version (4)."""

_OPTION: Final = re.compile(r"-Djute\.maxbuffer=(.*)")


def max_buffer_bytes(java_options: Iterable[Any], properties: Mapping[str, Any]) -> int:
    """Return a member's `jute.maxbuffer`. Options of the JVM override `properties`.

    A value that Java cannot read is ignored, as Java does.
    """
    given = [
        properties.get("jute.maxbuffer"),
        *(found[1] for o in java_options if (found := _OPTION.fullmatch(str(o)))),
    ]
    numbers = [number for value in given if (number := java_integer(str(value).strip())) is not None]
    return numbers[-1] if numbers else DEFAULT_MAX_BUFFER_BYTES


def largest_value_bytes(max_buffer: int, path_bytes: int = 1) -> int:
    """Return the largest value that fits into a request for a path of that length under `max_buffer`."""
    return max_buffer - REQUEST_OVERHEAD_BYTES - path_bytes


def java_integer(text: str) -> int | None:
    """Return what Java's `Integer.getInteger` reads: decimal, or hexadecimal after 0x or #."""
    if found := re.fullmatch(r"(?i)(-?)(?:0x|#)([0-9a-f]+)", text):
        return int(found[1] + found[2], 16)
    return int(text) if re.fullmatch(r"-?\d+", text, re.ASCII) else None
