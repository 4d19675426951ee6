"""The final reads: which sessions have read every node of the load at its end, and at which member each was.

Each member is asked by a session of its own: what one of them lacks, the others may have.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from reporting.consistency.history_file import Chunk, HistoryFile, keys_of
from zk_locust.contract import history_format as history
from zk_locust.contract.plain_text import plain_line

Array = np.ndarray[Any, Any]

_LONGEST_MEMBER: Final = 100


@dataclass(frozen=True, slots=True)
class Reader:
    """A session that has read every node below the root. Its sync has reached `zxid`; `member` is the address.

    `member` is empty where the history does not tell it.
    """

    session: int
    member: str
    zxid: int


@dataclass(slots=True)
class FinalReads:
    """What the file of the final reads tells. `members` has the addresses by their keys: all that were to be read."""

    readers: list[Reader] = field(default_factory=list)
    members: dict[int, str] = field(default_factory=dict)
    _read: set[int] = field(default_factory=set)
    _synced: dict[int, int] = field(default_factory=dict)
    """By session: the transaction that its sync has reached."""

    @property
    def zxid(self) -> int:
        """The transaction after which some session has read every node; 0 if none has."""
        return max((reader.zxid for reader in self.readers), default=0)

    @property
    def unread(self) -> list[str]:
        """The members whose nodes were not all read."""
        return [name for key, name in self.members.items() if key not in self._read]

    def take(self, chunk: Chunk, file: HistoryFile) -> None:
        """Take a chunk of the file."""
        if file.members and not self.members:
            keys = keys_of(list(file.members)).tolist()
            self.members = {
                key: plain_line(name, _LONGEST_MEMBER) for key, name in zip(keys, file.members, strict=True)
            }
        records, kind = chunk.records, chunk.records["what"] & history.KIND_MASK
        is_sync = (kind == history.SYNC) & (records["result"] == 0) & (records["zxid"] > 0)
        for at in np.flatnonzero(is_sync | (kind == history.ALL_READ)):
            session, key = int(records["session"][at]), int(chunk.key[at])
            if is_sync[at]:
                self._synced[session] = int(records["zxid"][at])
            elif session in self._synced and len(self.readers) < history.MOST_MEMBERS:
                # Once: another one would have to sync again.
                self.readers.append(Reader(session, self.members.get(key, ""), self._synced.pop(session)))
                self._read.add(key)
