"""The format of a history file: what one process of a load has recorded of its operations (`--history`).

A file is `MAGIC`, the length of the header (4 bytes), the header (a JSON object: `process`, `host`, `client`, `root`,
and in the file of the final reads `workers`, how many processes with users took part, and `members`, the addresses that
were to be read), and blocks. A block is `BLOCK`, a table of paths and records of `FIELDS`. All integers are
little-endian. A record's `path` is the place of its path in the table, which goes on over blocks until a block with
`NEW_TABLE`; place 0 is no path. The last block of a file that was ended has `LAST` and the number of all records in
place of `records`.

Times are nanoseconds of the host's monotonic clock. Each block tells both clocks of one moment.
"""

from struct import Struct
from typing import Final

MAGIC: Final = b"zk-locust history 1\n"
HEADER_LENGTH: Final = Struct("<I")
MOST_HEADER_BYTES: Final = 64 * 1024
BLOCK: Final = Struct("<4sIIIIqqI")
"""Mark, flags, number of paths, their bytes, records, wall clock, monotonic clock (ns), CRC-32 of what follows."""
BLOCK_MARK: Final = b"blk\n"
NEW_TABLE: Final = 1
LAST: Final = 2
PATH_END: Final = b"\0"
"""Behind each path of a table. ZooKeeper allows it in no path."""
MOST_PATH_CHARACTERS: Final = 16 * 1024
MOST_RECORDS: Final = 65_536
MOST_PATH_BYTES: Final = 64 * 1024 * 1024

FIELDS: Final = [
    ("sent", "<i8"),  # monotonic clock, ns; 0 for what was not asked for
    ("arrived", "<i8"),  # when the worker has handled the reply: no earlier than it arrived
    ("session", "<i8"),
    # Of the reply's header: of a failed write that of its own transaction, of a read the state's; 0 if it is not known.
    ("zxid", "<i8"),
    ("mzxid", "<i8"),  # of the stat, as the next two; 0 where the reply has none
    ("czxid", "<i8"),
    ("version", "<i4"),  # of a record with NAMES the number of the names
    ("xid", "<i4"),  # with CONNECTED the time limit of the session, ms; 0 where it is not known
    ("digest", "<u4"),  # CRC-32 of the value; of a record with NAMES the sum of those of the names, modulo 2^32
    ("path", "<u4"),
    ("what", "<u2"),  # a kind and flags
    ("result", "<i2"),  # 0, an error of the server, or UNDECIDED; of an event its type
]

# Kinds. Those of operations are ZooKeeper's numbers where there is one.
CREATE: Final = 1
DELETE: Final = 2
EXISTS: Final = 3
GET: Final = 4
SET: Final = 5
GET_CHILDREN: Final = 8
SYNC: Final = 9
EVENT: Final = 32
CONNECTED: Final = 33
LOST: Final = 34  # the connection, not the session
EXPIRED: Final = 35
CLOSED: Final = 36  # the session; the record has the reply to its end
ALL_READ: Final = 37  # at the end, all nodes of the load by one session; the path is the address of its member
HELD: Final = 38  # a lock, by its folder; noted once it is held
RELEASED: Final = 39  # noted before it is given up
UNRECORDED: Final = 40  # a client of the process does something that is in no history
WATCHES_ENDED: Final = 41  # with a lost connection, by the client, which does not set them again
KINDS: Final = {
    CREATE: "create",
    DELETE: "delete",
    EXISTS: "exists",
    GET: "get",
    SET: "set",
    GET_CHILDREN: "get children",
    SYNC: "sync",
    EVENT: "watch event",
    CONNECTED: "connected",
    LOST: "connection lost",
    EXPIRED: "session expired",
    CLOSED: "session closed",
    ALL_READ: "final reads",
    HELD: "holds the lock",
    RELEASED: "releases the lock",
    UNRECORDED: "is not recorded",
    WATCHES_ENDED: "has no watches any more",
}
KIND_MASK: Final = 0xFF
WATCH: Final = 0x100
EPHEMERAL: Final = 0x200
SEQUENCE: Final = 0x400
IN_MULTI: Final = 0x800
STAT: Final = 0x1000
"""The reply has a stat."""
NAMES: Final = 0x2000
"""The reply has names of children, and the record tells their number and sum."""
KNOWN_FLAGS: Final = WATCH | EPHEMERAL | SEQUENCE | IN_MULTI | STAT | NAMES

UNDECIDED: Final = 1
"""No reply has come: the operation may or may not have been carried out."""
NO_NODE: Final = -101

EVENTS: Final = {1: "created", 2: "deleted", 3: "changed", 4: "children changed"}


CLIENTS: Final = ("native", "kazoo", "libzookeeper", "zkpython")
"""Those that keep a history."""
FINAL_READS_S: Final = 15.0
"""How long the reading of all nodes at the end of a load may take, of all members at the same time, seconds."""
MOST_MEMBERS: Final = 100
"""How many members' final reads a checker takes."""


def problem_with(client: str, kazoo_handler: str = "") -> tuple[str, str] | None:
    """Return why a client keeps no history, and the remedy; None for one that does."""
    if client == "kazoo" and kazoo_handler == "threading":
        return "kazoo's handler with threads keeps no history", "choose another kazoo-handler, or leave history out"
    if client in CLIENTS:
        return None
    return f"the client {client} keeps no history", f"use one of {', '.join(CLIENTS)}, or leave history out"


def file_name(process: str) -> str:
    """Return the name of a process's history file, as it is on a load host."""
    return f"history-{process}.bin"


def is_history(name: str) -> bool:
    """Whether a file of a load host is a history, by its name."""
    return name.startswith("history-") and name.endswith(".bin")
