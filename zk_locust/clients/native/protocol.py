"""ZooKeeper's protocol, above jute: operation codes, reserved xids, the handshake.

Source: ZooKeeper's `ZooDefs.OpCode`, `ClientCnxn` and `zookeeper.jute`. Every frame is preceded by its length (int).
A request is RequestHeader (xid int, type int) and a record, a reply ReplyHeader (xid int, zxid long, err int) and a
record. Replies come in the order of the requests. Only the first frame in each direction has no header:
ConnectRequest and ConnectResponse.
"""

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Final, NamedTuple

from zk_locust.clients.native import jute
from zk_locust.contract.errors import ProtocolError, SessionExpiredError

CREATE: Final = 1
DELETE: Final = 2
EXISTS: Final = 3
GET_DATA: Final = 4
SET_DATA: Final = 5
GET_CHILDREN: Final = 8
SYNC: Final = 9
PING: Final = 11
GET_CHILDREN2: Final = 12
CHECK: Final = 13
MULTI: Final = 14
AUTH: Final = 100
SET_WATCHES: Final = 101
CLOSE_SESSION: Final = -11

XID_EVENT: Final = -1
XID_PING: Final = -2
XID_AUTH: Final = -4
XID_SET_WATCHES: Final = -8
# Requests count from 1 and start over, so they never equal a reserved xid.
MAX_XID: Final = 2**31 - 1

SESSION_EXPIRED: Final = -112

# The length of a frame, xid and operation code of a request.
REQUEST: Final = Struct("!iii")
PING_FRAME: Final = REQUEST.pack(8, XID_PING, PING)

NO_SESSION: Final = 0
NO_PASSWORD: Final = bytes(16)

# The server refuses requests above jute.maxbuffer (1 MiB): watches are set again in pieces, as in ClientCnxn.
SET_WATCHES_LIMIT: Final = 128 * 1024

_CONNECT_REQUEST = Struct("!iqiq")
_CONNECT_RESPONSE = Struct("!iiq")


class ConnectResponse(NamedTuple):
    """What the server grants: the session's time limit (ms), id and password."""

    timeout_ms: int
    session_id: int
    password: bytes


def request_frame(xid: int, opcode: int, body: bytes) -> bytes:
    """Return the complete frame of a request."""
    return REQUEST.pack(len(body) + 8, xid, opcode) + body


def connect_frame(last_zxid: int, timeout_ms: int, session_id: int, password: bytes) -> bytes:
    """Return the frame that requests a new session or an earlier one, but not from a read-only server."""
    body = _CONNECT_REQUEST.pack(0, last_zxid, timeout_ms, session_id) + jute.buffer(password) + b"\0"
    return jute.buffer(body)


def read_connect_response(frame: bytes) -> ConnectResponse:
    """Read the first frame of a server (without its length).

    Raises SessionExpiredError if the server no longer knows the session, ProtocolError for anything that is no
    ConnectResponse. Servers before 3.4 do not send the last byte (readOnly).
    """
    try:
        _, timeout_ms, session_id = _CONNECT_RESPONSE.unpack_from(frame)
        password, end = jute.buffer_at(frame, _CONNECT_RESPONSE.size)
    except jute.MALFORMED as error:
        raise ProtocolError(f"no ConnectResponse: {error}") from None
    if len(frame) - end not in (0, 1):
        raise ProtocolError(f"a ConnectResponse of {len(frame)} bytes that ends at {end}")
    if timeout_ms <= 0:
        raise SessionExpiredError("the ensemble has ended the session")
    return ConnectResponse(timeout_ms, session_id, password)


def read_event(frame: bytes) -> tuple[int, str]:
    """Return the event's number and the server's path of a notification. Raises one of `jute.MALFORMED`."""
    number = jute.INT.unpack_from(frame, jute.RECORD)[0]
    path, end = jute.string_at(frame, jute.RECORD + 8)
    if end != len(frame):
        raise ProtocolError(f"a notification that ends at {end} in a frame of {len(frame)} bytes")
    return number, path


def auth_frame(scheme: str, credential: bytes) -> bytes:
    """Return the frame of an AuthPacket."""
    return request_frame(XID_AUTH, AUTH, jute.INT.pack(0) + jute.string(scheme) + jute.buffer(credential))


def set_watches_frames(last_zxid: int, watches: Sequence[Sequence[str]]) -> Iterator[bytes]:
    """Return the frames of SetWatches for server paths with data, exist and child watches, in this order.

    The server fires at once the watches whose node has changed since the zxid.
    """
    piece: tuple[list[str], list[str], list[str]] = ([], [], [])
    size = 0
    for kind, paths in enumerate(watches):
        for path in paths:
            piece[kind].append(path)
            size += len(path) + 4
            if size >= SET_WATCHES_LIMIT:
                yield _set_watches_frame(last_zxid, piece)
                piece = ([], [], [])
                size = 0
    if size:
        yield _set_watches_frame(last_zxid, piece)


def _set_watches_frame(last_zxid: int, watches: Sequence[Sequence[str]]) -> bytes:
    body = jute.LONG.pack(last_zxid) + b"".join(jute.strings(paths) for paths in watches)
    return request_frame(XID_SET_WATCHES, SET_WATCHES, body)
