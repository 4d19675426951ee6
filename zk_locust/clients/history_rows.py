"""What clients note for a history: a row of values for each operation, from which a journal makes records."""

import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from zk_locust.clients.native import jute
from zk_locust.contract import history_format as history

COLUMNS: Final = 7
"""When it was sent and handled (`time.perf_counter_ns`), session, kind and flags, path, value, the reply's frame."""

CREATE_FLAGS: Final = (0, history.EPHEMERAL, history.SEQUENCE, history.EPHEMERAL | history.SEQUENCE)
"""By ZooKeeper's own flags of a create."""

clock_ns: Final[Callable[[], int]] = time.perf_counter_ns
header: Final[Callable[[int, int, int, int], bytes]] = jute.REPLY.pack
"""Makes the header of a reply: 16, xid, zxid, result."""


class Journal(Protocol):
    """Where operations are noted."""

    rows: list[Any]
    """The values of all rows, one after the other: a list of tuples would keep the garbage collector busy.

    They are added to this very list, and taken away now and then.
    """


def note(rows: list[Any], session_id: int, kind: int, path: str = "", told: tuple[int, int, int] = (0, 0, 0)) -> None:
    """Note what was not asked for; `told` are its xid, zxid and result."""
    rows += (0, clock_ns(), session_id, kind, path, b"", header(16, *told))


def note_unrecorded(rows: list[Any]) -> None:
    """Note that a client does something that is not recorded."""
    note(rows, 0, history.UNRECORDED)
