"""What the checks find: violations, by check, with the records that show them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

Array = np.ndarray[Any, Any]

WRITES: Final = "acknowledged writes stay"
ORDER: Final = "writes have one order"
SESSIONS: Final = "sessions never go back"
REAL_TIME: Final = "writes follow real time"
SYNC: Final = "reads after sync"
WATCHES: Final = "watches fire once and in time"
EPHEMERALS: Final = "ephemeral nodes live as long as their session"
SEQUENCES: Final = "sequence numbers never repeat"
MULTI: Final = "transactions are all or nothing"
LOCKS: Final = "locks have one holder"
CHILDREN: Final = "lists of children are complete and true"
CHECKS: Final = (LOCKS, MULTI, SEQUENCES, EPHEMERALS, WRITES, SESSIONS, WATCHES, SYNC, REAL_TIME, CHILDREN, ORDER)
"""The most telling first: what breaks one of the first often breaks the order of writes too."""
LEADERS_SYNC: Final = "reads after a sync that the leader may have answered"
NOT_PROMISED: Final = {
    LEADERS_SYNC: "Where not all of it was with one leader's follower, ZooKeeper does not promise it: a sync is no"
    " operation of the quorum (ZOOKEEPER-1675)"
}
"""Checks whose findings are notes, no violations, and why."""

KEPT: Final = 5
"""How many violations of a check are kept; all are counted."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One violation. `records` are places in the history (`place`), `seen` a transaction that the last one had to see.

    `seen` is 0 where no earlier reply is part of the evidence.
    """

    check: str
    text: str
    records: tuple[int, ...]
    seen: int = 0


@dataclass(slots=True)
class Findings:
    """All that was found so far."""

    violations: dict[str, list[Violation]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    """By check: how often something is not as it has to be, and an operation without a reply may be why."""

    def leave_out(self, check: str, count: int) -> None:
        """Count what is no violation only because an operation without a reply may explain it."""
        if count:
            self.left_out[check] = self.left_out.get(check, 0) + count

    def add(self, check: str, text: str, *columns: Array, seen: Array | None = None) -> None:
        """Take violations of one kind; each column has a record of each."""
        count = len(columns[0])
        if not count:
            return
        self.counts[check] = self.counts.get(check, 0) + count
        kept = self.violations.setdefault(check, [])
        for place in range(min(count, KEPT)):
            records: Sequence[int] = [int(column[place]) for column in columns]
            kept.append(Violation(check, text, tuple(records), 0 if seen is None else int(seen[place])))
        kept.sort(key=lambda violation: len(violation.records))
        del kept[KEPT:]
