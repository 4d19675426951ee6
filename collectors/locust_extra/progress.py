"""`progress.json`: how far the load is and what is absent, for watchers outside the process."""

import contextlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from locust_extra.series import Interval
from zk_locust.contract.durable_files import overwrite, padded

_LEADER: Final = "leader"
_NAMED: Final = 3
_NOT_SERVING: Final = "not currently serving"
"""Part of what a member says that runs and has no leader to follow."""


@dataclass(slots=True)
class Progress:
    """How far the load is. Rate and p99 are of the last complete interval, counts of the stage.

    `time_left_s` was right at `now_s`, seconds since 1970 by this host's clock. `absent` says in words what is missing:
    workers, members, a leader.
    """

    stage: str = ""
    time_left_s: float | None = None
    now_s: float | None = None
    users: int = 0
    workers: int = 0
    rate_per_s: float = 0.0
    p99_us: int | None = None
    requests: int = 0
    failures: int = 0
    absent: list[str] = field(default_factory=list)

    def begin_stage(self, stage: str) -> None:
        """Count anew."""
        self.stage = stage
        self.requests = self.failures = 0

    def take(self, interval: Interval) -> None:
        """Take an interval of the series."""
        if interval.stage != self.stage:
            return
        total = interval.total()
        self.requests += total.requests
        self.failures += total.failures
        self.rate_per_s = total.requests / interval.length_s
        self.p99_us = total.percentiles_us({"p99": 99.0})["p99"]

    def write(self, path: str) -> None:
        """Replace the file atomically. On a full disk, overwrite it in place."""
        temporary, text = Path(f"{path}.new"), padded(json.dumps(asdict(self)))
        try:
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(path)
        except OSError:
            # The incomplete new file takes room.
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            overwrite(Path(path), text)


class Absent:
    """Absent workers and members, as the leading process knows them."""

    def __init__(self) -> None:
        self._members: dict[str, tuple[str, str]] = {}
        self._had_leader = False

    def see_member(self, member: str, state: str, problem: str) -> None:
        """Note one poll of a member: its state, or why it tells none."""
        self._members[member] = state, problem
        self._had_leader = self._had_leader or self._has_leader()

    def lines(self, workers: int, lost: int) -> list[str]:
        """Return what is absent now, in a few words each."""
        said = [f"{lost} of {workers} workers lost"] if lost else []
        absent = {member: problem for member, (_, problem) in sorted(self._members.items()) if problem}
        idle = [member for member, problem in absent.items() if _NOT_SERVING in problem]
        silent = [member for member in absent if member not in idle]
        for members, what in ((silent, "answer"), (idle, "serve")):
            if members:
                more = f" and {len(members) - _NAMED} more" if len(members) > _NAMED else ""
                said.append(f"{', '.join(members[:_NAMED])}{more} {'does' if len(members) == 1 else 'do'} not {what}")
        if self._had_leader and not self._has_leader():
            said.append("no leader")
        return said

    def _has_leader(self) -> bool:
        return (_LEADER, "") in self._members.values()
