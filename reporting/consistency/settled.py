"""Until when an operation without a reply may still be carried out.

The leader carries out the requests of a session in their order, and none of a member that the session has left. So what
was sent before an acknowledged write of its session has the lower transaction number, or is never carried out.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from reporting.consistency.sessions import NEVER
from zk_locust.contract import history_format as history

Array = np.ndarray[Any, Any]

_WRITES: Final = (history.CREATE, history.SET, history.DELETE)


@dataclass(slots=True)
class Settled:
    """Finds for some operations the first acknowledged write that was sent after it in its session."""

    _waiting: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """By session: when such operations were sent, and their places."""
    _found: dict[int, int] = field(default_factory=dict)

    def take(self, records: Array, places: Array, rows: Array) -> None:
        """Take a chunk; `rows` are those of its operations that are asked for."""
        waiting = self._waiting
        told = (records["session"][rows], records["sent"][rows], places[rows])
        for session, sent, place in zip(*(column.tolist() for column in told), strict=True):
            waiting.setdefault(session, []).append((sent, place))
        if not waiting:
            return
        is_write = np.isin(records["what"] & history.KIND_MASK, _WRITES)
        writes = np.flatnonzero(is_write & (records["result"] == 0) & (records["zxid"] > 0))
        if not len(writes):
            return
        writes = writes[np.lexsort((records["sent"][writes], records["session"][writes]))]
        sessions, first = np.unique(records["session"][writes], return_index=True)
        ends = np.append(first[1:], len(writes))
        for session, begin, end in zip(sessions.tolist(), first.tolist(), ends.tolist(), strict=True):
            if session in waiting:
                self._settle(session, records[writes[begin:end]])

    def _settle(self, session: int, writes: Array) -> None:
        rest = []
        for sent, place in self._waiting.pop(session):
            after = int(np.searchsorted(writes["sent"], sent, "right"))
            if after < len(writes):
                self._found[place] = int(writes["zxid"][after])
            else:
                rest.append((sent, place))
        if rest:
            self._waiting[session] = rest

    def until(self, places: Array) -> Array:
        """Return of such operations the transaction before which they are carried out if at all; NEVER if unknown."""
        return np.array([self._found.get(place, NEVER) for place in places.tolist()], np.int64)
