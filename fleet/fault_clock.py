"""When planned faults are due: by this machine's monotonic clock, and by the clock of the host that does one.

The plan counts from the beginning of the measured stage. The master's host tells it with its progress, by its own wall
clock; the offsets of all hosts' clocks were measured before the load.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeGuard

from zk_locust.contract.stage_names import MEASURED

_LOOKS_S: Final = 10.0
"""How old a progress may be that is believed: the load host is asked once a second."""
_SLACK_S: Final = 15.0
"""So much longer than since it was last seen to be outside of it, a load may say to be in its measured stage."""
_MOST: Final = 1e18


class FaultClock:
    """`offsets_s` has, by host, its clock minus ours; none where it is not known. The plan lasts `run_time_s`."""

    def __init__(
        self,
        run_time_s: float,
        master: str = "",
        offsets_s: Mapping[str, float] | None = None,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run_time_s = run_time_s
        self._master = master
        self._offsets_s = offsets_s or {}
        self._wall = wall
        self._monotonic = monotonic
        self._began: float | None = None
        self._outside = monotonic()  # when the measured stage was last seen not to have begun

    @property
    def began(self) -> float | None:
        """When the measured stage began, by our monotonic clock; None before that is known."""
        return self._began

    def see(self, progress: Mapping[str, Any] | None) -> bool:
        """Look at the master's progress; return whether the measured stage has begun.

        The load host is believed as far as it can be: what it says of the time before we looked does not count.
        """
        told = progress or {}
        stage = told.get("stage")
        if self._began is None and stage == MEASURED:
            now = self._monotonic()
            left_s, age_s = told.get("time_left_s"), self._age_s(told.get("now_s"))
            gone_s = max(0.0, self._run_time_s - left_s) if _is_number(left_s) else 0.0
            self._began = now - age_s - (gone_s if gone_s + age_s <= now - self._outside + _SLACK_S else 0.0)
        elif stage:
            self._outside = self._monotonic()
        return self._began is not None

    def _age_s(self, written_s: Any) -> float:
        """Return how long ago a progress was written, seconds; 0 where the clocks do not tell."""
        offset_s = self._offsets_s.get(self._master)
        if offset_s is None or not _is_number(written_s):
            return 0.0
        age_s = self._wall() - (written_s - offset_s)
        return age_s if 0 <= age_s <= _LOOKS_S else 0.0

    def due(self, at_s: float) -> float:
        """Return when what is planned `at_s` after the beginning is due, by our monotonic clock."""
        return (self._began or 0.0) + at_s

    def on_host(self, name: str, at_s: float) -> dict[str, float]:
        """Return what the host `name` is told of that moment.

        That is `in_s`, seconds from now, negative if it is over; and `at`, seconds since 1970 by its own clock, where
        its offset is known.
        """
        in_s = self.due(at_s) - self._monotonic()
        offset_s = self._offsets_s.get(name)
        return {"in_s": in_s} | ({} if offset_s is None else {"at": self._wall() + in_s + offset_s})


def offsets_of(clocks: Mapping[str, Any]) -> dict[str, float]:
    """Return the offsets, seconds, of the results of the action `clock_offset` by host, as far as they are known."""
    found = {name: (clock or {}).get("offset_ms") for name, clock in clocks.items()}
    return {name: offset_ms / 1000 for name, offset_ms in found.items() if _is_number(offset_ms)}


def _is_number(value: Any) -> TypeGuard[float]:
    """Whether it is a number with which can be reckoned: JSON may also have NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MOST
