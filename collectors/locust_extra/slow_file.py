"""`slow-operations.csv`: the slowest operations of each worker in each interval, as the master writes them.

The file grows by at most `LIMIT_BYTES` in the planned time of a load, in a day where no time is planned. Where 20
operations of each worker in each interval would be more, it has the slowest of all workers in each interval, at least
one. The first 10 % of that size are for whatever comes first, so a short load is complete.
"""

import csv
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from heapq import nlargest
from itertools import chain
from typing import Any, Final

from host_metrics.lasting_file import Tell
from locust_extra.columns import SLOW_COLUMNS
from locust_extra.files import RecordFile
from locust_extra.series import Interval
from locust_extra.slow_reports import STAGES, ToldOperation, told_in
from zk_locust.load.slowest import MOST

LIMIT_BYTES: Final = 140_000_000
_AT_ONCE: Final = 0.1
_UNPLANNED_S: Final = 86_400.0
_AHEAD_S: Final = 5.0

logger = logging.getLogger(__name__)

Place = tuple[int, int]
"""Which stage, and number of the interval."""


class SlowOperationsFile(RecordFile):
    """`slow-operations.csv`. An interval is written when the series gives it out; what comes later, with the next one.

    `began_s` is when the load began, seconds of `time.perf_counter`. `time_left_s` says how long it still takes, None
    where that is not known.
    """

    def __init__(
        self,
        path: str,
        began_s: float,
        interval_s: float,
        time_left_s: Callable[[], float | None],
        tell: Tell | None = None,
    ) -> None:
        super().__init__(path, tell)
        self._began_s = began_s
        self._interval_s = interval_s
        self._time_left_s = time_left_s
        self._room_bytes = LIMIT_BYTES * _AT_ONCE
        self._held: dict[Place, dict[str, list[ToldOperation]]] = {}
        self._refused: set[str] = set()
        self._writer = csv.writer(self._text)
        self._writer.writerow(SLOW_COLUMNS)
        self._write_text()

    def take(self, worker: str, message: object) -> None:
        """Take a worker's message (`SlowReports.message`), None where it has none. Any other is logged and left out."""
        try:
            told = [] if message is None else list(told_in(message))
            latest = (time.perf_counter() - self._began_s + _AHEAD_S) / self._interval_s
            if any(number > latest for _, number, _ in told):
                raise ValueError("an interval of it has not begun")
        except ValueError as error:
            if worker not in self._refused:
                self._refused.add(worker)
                logger.error("What %s says of its slowest operations is left out: %s", worker, error)
            return
        for stage, number, operations in told:
            of_workers = self._held.setdefault((STAGES.index(stage), number), defaultdict(list))
            of_workers[worker] = nlargest(MOST, of_workers[worker] + operations)

    def write(self, interval: Interval) -> None:
        """Write the operations of this interval, and those of earlier ones that came late."""
        if interval.stage not in STAGES:
            return  # a worker has invented it
        end_s = interval.end_s
        left_s = self._time_left_s()
        planned_s = max(_UNPLANNED_S, end_s) if left_s is None else end_s + left_s
        self._room_bytes += LIMIT_BYTES * (1 - _AT_ONCE) * interval.length_s / max(planned_s, interval.length_s)
        self._write_until((STAGES.index(interval.stage), interval.number))

    def close(self, patience_s: float = 0.0) -> int:
        """Write what is held still, and close the file (see `RecordFile`)."""
        self._write_until((len(STAGES), 0))
        return super().close(patience_s)

    def _write_until(self, last: Place) -> None:
        for place in sorted(place for place in self._held if place <= last):
            of_workers = self._held.pop(place)
            slowest = sorted(
                chain.from_iterable(((one, worker) for one in found) for worker, found in of_workers.items()),
                reverse=True,
                key=_latency,
            )
            for one, worker in slowest[:1]:
                self._row(place, worker, one)
            for one, worker in slowest[1:]:
                if self._room_bytes <= 0:
                    break
                self._row(place, worker, one)
        self._write_text()

    def _row(self, place: Place, worker: str, one: ToldOperation) -> None:
        self._room_bytes -= self._writer.writerow(
            (
                STAGES[place[0]],
                place[1],
                worker,
                one.request_type,
                one.name,
                self._elapsed(one.due_s),
                self._elapsed(one.sent_s),
                self._elapsed(one.arrived_s),
                self._elapsed(one.handled_s),
                one.latency_us,
                one.outcome,
                f"{one.session:#x}" if one.session else "",
                one.member,
                one.xid or "",
            )
        )

    def _elapsed(self, at_s: float | None) -> str:
        return "" if at_s is None else f"{at_s - self._began_s:.6f}"


def _latency(of_worker: tuple[ToldOperation, Any]) -> int:
    return of_worker[0].latency_us
