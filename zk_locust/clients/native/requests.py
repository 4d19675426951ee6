"""Requests as values, for `NativeClient.pipeline` and `NativeClient.multi`."""

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import ClassVar, Final, Protocol, TypeAlias

from kazoo.protocol.states import ZnodeStat

from zk_locust.clients.native import jute, protocol
from zk_locust.clients.native.paths import ServerPaths
from zk_locust.contract.errors import ProtocolError, server_error

# Id("world", "anyone") with all permissions (31): ZooDefs.Ids.OPEN_ACL_UNSAFE as a vector of one ACL.
OPEN_ACL: Final = jute.INT.pack(1) + jute.INT.pack(31) + jute.string("world") + jute.string("anyone")
# By ephemeral + 2 * sequence: CreateMode.toFlag.
_CREATE_TAIL: Final = tuple(OPEN_ACL + jute.INT.pack(flags) for flags in range(4))

_MULTI_HEADER = Struct("!ibi")
_MULTI_END: Final = _MULTI_HEADER.pack(-1, 1, -1)
# Steps of a failed transaction: rolled back, or not tried (KeeperException.Code).
_ROLLED_BACK: Final = 0
_NOT_TRIED: Final = -2

Result: TypeAlias = str | bytes | ZnodeStat | tuple[bytes, ZnodeStat] | list[str] | None


class Request(Protocol):
    """One request; its result follows from the reply alone."""

    @property
    def opcode(self) -> int:
        """ZooKeeper's number of the operation."""
        ...

    def body(self, paths: ServerPaths) -> bytes:
        """Return the record. Raises BadArgumentsError for an invalid path."""
        ...

    def result(self, reply: bytes, paths: ServerPaths) -> Result:
        """Return the result in the reply. Raises one of `jute.MALFORMED`."""
        ...


@dataclass(frozen=True, slots=True)
class Create:
    """Create a node that everybody may use; the result is its path."""

    path: str
    value: bytes = b""
    ephemeral: bool = False
    sequence: bool = False
    opcode: ClassVar[int] = protocol.CREATE

    def body(self, paths: ServerPaths) -> bytes:
        """Return the CreateRequest."""
        path = paths.sequential(self.path) if self.sequence else paths[self.path]
        return path + jute.buffer(self.value) + _CREATE_TAIL[self.ephemeral + 2 * self.sequence]

    def result(self, reply: bytes, paths: ServerPaths) -> str:
        """Return the path, with the sequence number where there is one."""
        return paths.client_path(jute.read_path(reply))


@dataclass(frozen=True, slots=True)
class SetData:
    """Replace a value; the result is the new stat."""

    path: str
    value: bytes
    version: int = -1
    opcode: ClassVar[int] = protocol.SET_DATA

    def body(self, paths: ServerPaths) -> bytes:
        """Return the SetDataRequest."""
        return paths[self.path] + jute.buffer(self.value) + jute.INT.pack(self.version)

    def result(self, reply: bytes, paths: ServerPaths) -> ZnodeStat:  # noqa: ARG002 - the protocol's signature
        """Return the stat."""
        return jute.read_stat(reply)


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a node without children; the result is None."""

    path: str
    version: int = -1
    opcode: ClassVar[int] = protocol.DELETE

    def body(self, paths: ServerPaths) -> bytes:
        """Return the DeleteRequest."""
        return paths[self.path] + jute.INT.pack(self.version)

    def result(self, reply: bytes, paths: ServerPaths) -> None:  # noqa: ARG002 - the protocol's signature
        """Return nothing."""
        jute.read_nothing(reply)


@dataclass(frozen=True, slots=True)
class GetData:
    """Read a value and its stat."""

    path: str
    opcode: ClassVar[int] = protocol.GET_DATA

    def body(self, paths: ServerPaths) -> bytes:
        """Return the GetDataRequest."""
        return paths[self.path] + b"\0"

    def result(self, reply: bytes, paths: ServerPaths) -> tuple[bytes, ZnodeStat]:  # noqa: ARG002 - likewise
        """Return value and stat."""
        return jute.read_data_and_stat(reply)


@dataclass(frozen=True, slots=True)
class GetChildren:
    """Read the names of a node's children, in no order."""

    path: str
    opcode: ClassVar[int] = protocol.GET_CHILDREN

    def body(self, paths: ServerPaths) -> bytes:
        """Return the GetChildrenRequest."""
        return paths[self.path] + b"\0"

    def result(self, reply: bytes, paths: ServerPaths) -> list[str]:  # noqa: ARG002 - the protocol's signature
        """Return the names."""
        return jute.read_children(reply)


@dataclass(frozen=True, slots=True)
class Check:
    """In a transaction: fail it unless the node has this version; the result is None."""

    path: str
    version: int
    opcode: ClassVar[int] = protocol.CHECK

    def body(self, paths: ServerPaths) -> bytes:
        """Return the CheckVersionRequest."""
        return paths[self.path] + jute.INT.pack(self.version)


Step: TypeAlias = Create | SetData | Delete | Check


def multi_body(steps: Sequence[Step], paths: ServerPaths) -> bytes:
    """Return the MultiTransactionRecord: a MultiHeader before each record and one at the end."""
    pieces: list[bytes] = []
    for step in steps:
        pieces += (_MULTI_HEADER.pack(step.opcode, 0, -1), step.body(paths))
    return b"".join(pieces) + _MULTI_END


def multi_results(reply: bytes, steps: Sequence[Step], paths: ServerPaths) -> list[Result]:
    """Read a MultiResponse. Raises the error of the step that failed, or one of `jute.MALFORMED`."""
    results: list[Result] = []
    offset = jute.RECORD
    for number, step in enumerate(steps):
        opcode, done, _ = _MULTI_HEADER.unpack_from(reply, offset)
        offset += _MULTI_HEADER.size
        if opcode == -1 and not done:
            code = jute.INT.unpack_from(reply, offset)[0]
            offset += 4
            if code not in (_ROLLED_BACK, _NOT_TRIED):
                raise server_error(code, f"step {number + 1} of the transaction, {step.path}")
        elif done or opcode != step.opcode:
            raise ProtocolError(f"result {opcode} for step {number + 1}, {step.opcode}")
        elif opcode == protocol.CREATE:
            path, offset = jute.string_at(reply, offset)
            results.append(paths.client_path(path))
        elif opcode == protocol.SET_DATA:
            results.append(jute.stat_at(reply, offset))
            offset += jute.STAT.size
        else:
            results.append(None)
    if reply[offset:] != _MULTI_END or len(results) != len(steps):
        raise ProtocolError("a transaction's reply without its end")
    return results
