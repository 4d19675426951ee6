"""The open loop of a load: its start, and its share on this process.

The process that leads says when the load starts, `START_AHEAD_S` ahead, and when the measured stage begins. Due times
follow from that alone, so the warm-up and the measured stage lie on one grid over all workers.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, Final

import gevent

from zk_locust.contract.arrival import FASTEST_S, START_AHEAD_S, Arrival, carries
from zk_locust.contract.options import Options
from zk_locust.contract.stage_names import COOL_DOWN, MEASURED, WARM_UP
from zk_locust.load.arrivals import Arrivals, arrivals_of, expect_open_loop, open_loop
from zk_locust.load.master_clock import master_clock_of, tell_time
from zk_locust.load.offered import Offered, OfferedCounts
from zk_locust.load.schedule import Schedule, Turns
from zk_locust.load.shares import START_MESSAGE, Shares

ARRIVALS_FIELD: Final = "zk_locust_arrivals"
_S: Final = 1_000_000_000
_SESSION_S: Final = 10.0
_REPORT_NS: Final = 3_000_000
"""A report takes about so long where each worker does some hundred operations a second."""

logger = logging.getLogger(__name__)


def arrival_of(environment: Any) -> Arrival | None:
    """Return what the open loop of this load is to do; None in a closed loop."""
    return Options.of(environment.parsed_options).arrival


class LeadingOpenLoop:
    """The open loop on the process that leads: the master, or a local Locust, which has all operations itself."""

    def __init__(self, environment: Any, runner: Any, *, is_master: bool) -> None:
        self._environment = environment
        expect_open_loop(environment)
        self._shares = Shares(runner) if is_master else None
        self._arrival: Arrival | None = None
        self._offered: Offered | None = None
        if is_master:
            tell_time(runner)

    def prepare(self) -> Arrival | None:
        """Read what the load that begins is to do; None in a closed loop."""
        self._arrival, self._offered = arrival_of(self._environment), None
        if self._arrival is not None:
            self._say_what_sessions_carry(self._arrival)
        if self._shares is not None:
            self._shares.forget()
        else:
            open_loop(self._environment, None if self._arrival is None else self._arrival.queue)
        return self._arrival

    def _say_what_sessions_carry(self, arrival: Arrival) -> None:
        options = self._environment.parsed_options
        users, limit_s = int(getattr(options, "num_users", None) or 1), Options.of(options).operation_timeout_s
        level = logging.WARNING if users < arrival.most_per_s * FASTEST_S else logging.INFO
        logger.log(level, "Open loop: %s", carries(users, arrival.most_per_s, limit_s))

    def start(self, warm_up_s: float | None, measured_s: float | None) -> float:
        """Start the load, with its warm-up; return when, seconds of `time.perf_counter`. It is a little ahead.

        Where the length of the warm-up is not known yet, `plan_measured_stage` follows.
        """
        assert self._arrival is not None
        start_ns = time.perf_counter_ns() + round(START_AHEAD_S * _S)
        schedule = Schedule(self._arrival, None if warm_up_s is None else round(warm_up_s * _S), measured_s)
        self._offered = Offered(schedule, start_ns)
        if self._shares is not None:
            options = self._environment.parsed_options
            given = [getattr(options, name, None) for name in ("arrival_workers", "expect_workers")]
            self._shares.begin(self._offered, max(int(number or 1) for number in given))
        elif (arrivals := arrivals_of(self._environment)) is not None:
            arrivals.start(Turns(schedule, 0, 1), start_ns)
            arrivals.hold_at(schedule.measured_ns)
        return start_ns / _S

    def plan_measured_stage(self, at_s: float, measured_s: float | None) -> None:
        """Let the measured stage begin then, seconds of `time.perf_counter`: so far ahead that workers hear of it."""
        assert self._arrival is not None
        assert self._offered is not None
        measured_ns = max(0, round(at_s * _S) - self._offered.start_ns)
        schedule = Schedule(self._arrival, measured_ns, measured_s)
        self._offered.follow(schedule)
        if self._shares is not None:
            self._shares.tell_all()
        elif (arrivals := arrivals_of(self._environment)) is not None:
            arrivals.follow(schedule)
            arrivals.hold_at(measured_ns)

    def wait_for_boundary(self, limit_s: float) -> None:
        """Wait until all operations of the warm-up have been offered here; no longer than `limit_s`."""
        if (arrivals := arrivals_of(self._environment)) is not None:
            arrivals.boundary_reached.wait(limit_s)

    def begin_stage(self, stage: str) -> None:
        """Count the operations of this process under this stage; offer none in the cool-down."""
        _begin_stage(arrivals_of(self._environment), stage)
        if self._shares is not None and stage == COOL_DOWN:
            self._shares.close()

    def tell(self, worker: str) -> None:
        """Give a worker that asks its share, once the load has started."""
        if self._shares is not None:
            self._shares.tell(worker)

    def on_worker_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        """Take the counts of a worker. One without a share was not there at the start, and is back: it is told."""
        if self._shares is None or self._offered is None:
            return
        number = self._shares.number_of(client_id)
        if number is None:
            self._shares.tell(client_id)
        else:
            self._offered.take(number, data.get(ARRIVALS_FIELD, ()))

    def offered(self, stage: str, at_s: float, *, ends: bool) -> dict[str | None, OfferedCounts]:
        """Return what was due from the stage's beginning to `at_s` (`time.perf_counter`); empty in a closed loop.

        The key is the worker's identity in Locust: of those that never came, and of a local Locust, it is None. `ends`:
        the stage has ended then. Ask for one moment after another.
        """
        if self._offered is None:
            return {}
        if self._shares is None:
            arrivals = arrivals_of(self._environment)
            self._offered.take(0, arrivals.report() if arrivals is not None else ())
        lost = self._shares.lost() if self._shares is not None else frozenset()
        names = self._shares.names() if self._shares is not None else {}
        found: dict[str | None, OfferedCounts] = {}
        for number, counts in enumerate(self._offered.at(stage, round(at_s * _S), ends=ends, lost=lost)):
            name = names.get(number)
            found[name] = found.get(name, OfferedCounts()) + counts
        return found


class WorkerOpenLoop:
    """The open loop on a worker. It begins the measured stage when it is planned, without being told again.

    `change_stage(stage, planned_s, elapsed_s)` does that; `stage()` returns the running stage.
    """

    def __init__(
        self, environment: Any, runner: Any, stage: Callable[[], str], change_stage: Callable[..., None]
    ) -> None:
        self._environment = environment
        expect_open_loop(environment)
        self._stage = stage
        self._change_stage = change_stage
        self._clock = master_clock_of(runner)
        self._prepared = False
        self._start_ns: int | None = None
        self._walking: Any = None
        runner.register_message(START_MESSAGE, self._on_start, concurrent=True)

    @property
    def walks(self) -> bool:
        """Whether this worker knows when the measured stage begins."""
        return self._walking is not None

    def prepare(self) -> None:
        """Make ready for a load that begins."""
        arrival = arrival_of(self._environment)
        self._prepared = True
        self._start_ns = None
        self._stop_walking()
        open_loop(self._environment, None if arrival is None else arrival.queue)
        if arrival is not None:
            gevent.spawn(self._clock.measure)

    def begin_stage(self, stage: str) -> None:
        """Count the operations of this process under this stage; offer none in the cool-down."""
        _begin_stage(arrivals_of(self._environment), stage)
        if stage == COOL_DOWN:
            self._stop_walking()

    def before_report_to_master(self) -> None:
        """Wait until a report delays no operation, where there is such a moment."""
        if (arrivals := arrivals_of(self._environment)) is not None:
            arrivals.wait_for_gap(_REPORT_NS)

    def on_report_to_master(self, data: dict[str, Any], **_: Any) -> None:
        """Add the counts of this process, once it has its share: what is due until then is missed."""
        if self._start_ns is not None and (arrivals := arrivals_of(self._environment)) is not None:
            data[ARRIVALS_FIELD] = arrivals.report()

    def _on_start(self, msg: Any, **_: Any) -> None:
        arrival, arrivals, told = arrival_of(self._environment), arrivals_of(self._environment), msg.data
        if arrival is None or arrivals is None or not self._prepared:
            return  # this worker is late: it asks again, once it knows of the load
        start_ns = self._clock.here_ns(told["start_ns"])
        if start_ns is None:
            logger.error("This worker gets no operations: the master has not told it the time. Its share is missed")
            return
        if time.perf_counter_ns() > start_ns:
            # This worker is late. What comes due while its users still start is missed, and does not wait for them.
            arrivals.wait_for_session(_SESSION_S)
        if self._stage() == COOL_DOWN or arrivals is not arrivals_of(self._environment):
            return  # the load has ended meanwhile
        measured_ns, schedule = told["measured_ns"], Schedule(arrival, told["measured_ns"], told["measured_s"])
        if self._start_ns is not None:
            if measured_ns is None or self._walking is not None:
                return
            start_ns = self._start_ns  # what is due is fixed
            arrivals.follow(schedule)
        else:
            self._start_ns = start_ns
            begun = measured_ns is not None and time.perf_counter_ns() >= start_ns + measured_ns
            if begun and self._stage() == WARM_UP:
                self._change(start_ns + measured_ns, told["measured_s"])
            arrivals.start(Turns(schedule, told["worker"], told["workers"]), start_ns, measured_ns if begun else 0)
        if measured_ns is not None and self._walking is None:
            self._walking = gevent.spawn(self._walk, arrivals, start_ns, measured_ns, told["measured_s"])

    def _walk(self, arrivals: Arrivals, start_ns: int, measured_ns: int, measured_s: float | None) -> None:
        if self._stage() == WARM_UP:
            arrivals.hold_at(measured_ns)
            arrivals.boundary_reached.wait()
            self._change(start_ns + measured_ns, measured_s)

    def _change(self, begins_ns: int, measured_s: float | None) -> None:
        self._change_stage(MEASURED, measured_s, (time.perf_counter_ns() - begins_ns) / _S)

    def _stop_walking(self) -> None:
        walking, self._walking = self._walking, None
        if walking is not None:
            walking.kill(block=False)


def _begin_stage(arrivals: Arrivals | None, stage: str) -> None:
    if arrivals is not None:
        arrivals.begin_stage(stage)
        if stage == COOL_DOWN:
            arrivals.end()
