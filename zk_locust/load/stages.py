"""The plan of a load: its stages, and how they begin and end on every process.

A load has the stages `warm-up` (only with `--warm-up`), `measured` and `cool-down`. An automatic warm-up ends by the
rule of `zk_locust.load.stationary`, which the series of `locust_extra` feeds. The master, or the one process of
a local Locust, begins each stage and tells the workers. `stage_changed` fires on every process, so that recorded
figures can be marked with their stage.

Locust alone would lose or mix figures:

- Its summary would contain the warm-up. The master clears it when the measured stage begins.
- `runner.quit` waits only half a second for the workers' last reports. The master first stops their users and waits for
  each worker's last report.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakKeyDictionary

import gevent
from gevent.event import Event
from locust.event import EventHook
from locust.runners import STATE_INIT, STATE_MISSING, MasterRunner
from locust.stats import RequestStats, StatsEntry

from zk_locust.contract.arrival import START_AHEAD_S, Arrival
from zk_locust.contract.events import LIMIT_REACHED, STATIONARY, WARM_UP_ENDED
from zk_locust.contract.histogram import LatencyHistogram
from zk_locust.contract.options import Options
from zk_locust.contract.stage_names import COOL_DOWN, MEASURED, WARM_UP
from zk_locust.contract.warm_up import WarmUp, parse_warm_up
from zk_locust.load.locust_internals import (
    fire_to,
    have_patience_with_master,
    have_patience_with_workers,
    stop_and_send_last_figures,
)
from zk_locust.load.offered import OfferedCounts
from zk_locust.load.open_loop import LeadingOpenLoop, WorkerOpenLoop
from zk_locust.load.stationary import Stationarity

STAGE_FIELD: Final = "zk_locust_stage"
_STAGE_MESSAGE: Final = "zk_locust_stage"
_WHERE_MESSAGE: Final = "zk_locust_where"
_STOP_MESSAGE: Final = "zk_locust_stop"
_STOPPED_MESSAGE: Final = "zk_locust_stopped"
_STOP_GRACE_S: Final = 10.0
_BOUNDARY_S: Final = 0.5  # a hub that is later than this is the load side's failure, which its own figures show

logger = logging.getLogger(__name__)

stage_changed: Final = EventHook()
"""Fires on every process as a stage begins: `environment`, `stage`, `planned_s` (None where its length is open), and
`elapsed_s` (how long ago it began: a worker learns of the first stage with a delay, and may come late).

It may fire again for a running stage, with better knowledge of when it began.
"""


happened: Final = EventHook()
"""Fires on the process that leads the load as something happens that is worth a line in `events.csv`:
`environment`, `event`, `subject`, `detail`, all text but the first.
"""

member_seen: Final = EventHook()
"""Fires on the process that leads the load as a member was polled: `member`, `state` (what it says it is, `leader` for
example) and `problem` (why it did not answer, else empty), all text.
"""


load_ended: Final = EventHook()
"""Fires on the process that leads the load when all users have ended and nothing is tidied up yet: `environment`."""


_plans: "WeakKeyDictionary[Any, LoadPlan]" = WeakKeyDictionary()


def plan_of(environment: Any) -> "LoadPlan | None":
    """Return the plan that this process walks through; a worker has none."""
    return _plans.get(environment)


def _first_stage(environment: Any) -> str:
    # In an open loop, the measured stage begins with the first due operation, when all users have been started; with
    # stages of users, when those of the first one have.
    options = Options.of(environment.parsed_options)
    has_warm_up = _warm_up_of(environment).limit_s > 0 or options.arrival is not None or bool(options.user_stages)
    return WARM_UP if has_warm_up else MEASURED


def _warm_up_of(environment: Any) -> WarmUp:
    return parse_warm_up(getattr(environment.parsed_options, "warm_up", None) or 0.0)


class WorkerStages:
    """A worker's share: it changes stage when the master says so, and sends what it has recorded before it does."""

    def __init__(self, environment: Any, runner: Any) -> None:
        self._environment = environment
        self._runner = runner
        self._stage = MEASURED
        self._open_loop = WorkerOpenLoop(environment, runner, lambda: self._stage, self._change)
        have_patience_with_master()
        runner.register_message(_STAGE_MESSAGE, self._on_stage)
        runner.register_message(_STOP_MESSAGE, self._on_stop, concurrent=True)

    def catch_up(self, listeners: list[Callable[..., None]]) -> None:
        """Call these listeners of `test_start`, in this order, where the test has started before they were added.

        Locust may let the master send users before it tells us of this process.
        """
        if self._runner.worker_state != STATE_INIT:
            gevent.spawn(self._catch_up, listeners)

    def _catch_up(self, listeners: list[Callable[..., None]]) -> None:
        self._runner.stats.clear_all()  # what nobody has recorded is not to be in Locust's summary either
        fire_to(listeners, {"environment": self._environment})

    def on_test_start(self, **_: Any) -> None:
        """Begin the first stage, and ask the master for the one that is running."""
        self._open_loop.prepare()
        self._begin(_first_stage(self._environment), None)
        # This worker may have come late, to a load that is further on.
        self._runner.send_message(_WHERE_MESSAGE)

    def _on_stage(self, msg: Any, **_: Any) -> None:
        stage = msg.data["stage"]
        if stage == COOL_DOWN or not self._open_loop.walks:
            self._change(stage, msg.data["planned_s"], msg.data["elapsed_s"])

    def _change(self, stage: str, planned_s: float | None, elapsed_s: float) -> None:
        # The figures are taken and the stage is changed in one go, and only then sent: sending may let users run.
        report: dict[str, Any] = {}
        self._environment.events.report_to_master.fire(client_id=self._runner.client_id, data=report)
        self._begin(stage, planned_s, elapsed_s)
        self._runner.send_message("stats", report)

    def _begin(self, stage: str, planned_s: float | None, elapsed_s: float = 0.0) -> None:
        self._stage = stage
        self._open_loop.begin_stage(stage)
        stage_changed.fire(environment=self._environment, stage=stage, planned_s=planned_s, elapsed_s=elapsed_s)

    def before_report_to_master(self, **_: Any) -> None:
        """Wait for a moment at which nothing is due."""
        self._open_loop.before_report_to_master()

    def on_report_to_master(self, data: dict[str, Any], **_: Any) -> None:
        """Say of which stage the report is, and what was due."""
        data[STAGE_FIELD] = self._stage
        self._open_loop.on_report_to_master(data)

    def _on_stop(self, **_: Any) -> None:
        stop_and_send_last_figures(self._runner)
        self._runner.send_message(_STOPPED_MESSAGE)

    def on_quitting(self, **_: Any) -> None:
        """Send the last figures also when this worker is stopped by itself (Ctrl-C, SIGTERM)."""
        stop_and_send_last_figures(self._runner)


class LoadPlan:
    """The master's or the local process's share: it decides when a stage begins, and ends the load."""

    def __init__(self, environment: Any, runner: Any) -> None:
        self._environment = environment
        self._runner = runner
        self._is_master = isinstance(runner, MasterRunner)
        self._summary_stage = MEASURED
        self._stage: str | None = None
        self._stage_planned_s: float | None = None
        self._stage_began_s = 0.0
        self._stopping = Event()
        self._stopped = Event()
        self._stopped_workers: set[str] = set()
        self._run_time_s: float | None = None
        self._limit_s: float | None = None  # of any test, without the arrival stages of one
        self._measured_s: float | None = None
        self._measured_until: float | None = None
        self._warm_until: float | None = None
        self._warm_up_over = Event()
        self._warm_from_s = 0.0
        self._stationarity: Stationarity | None = None
        self._take_over_run_time()
        self._walking: Any = None
        self._noting: Any = None
        self._arrival: Arrival | None = None
        self._open_loop = LeadingOpenLoop(environment, runner, is_master=self._is_master)
        _plans[environment] = self
        if self._is_master:
            have_patience_with_workers()
            runner.register_message(_STOPPED_MESSAGE, self._on_worker_stopped)
            runner.register_message(_WHERE_MESSAGE, self._on_where)

    def _take_over_run_time(self) -> None:
        """Let `--run-time` count from the start of the measured stage: Locust would count from the first user."""
        options = self._environment.parsed_options
        if options is not None and getattr(options, "run_time", None):
            self._run_time_s = self._limit_s = self._measured_s = float(options.run_time)
            options.run_time = None

    @property
    def measured_s(self) -> float | None:
        """How long the measured stage is to take, seconds; None where that is open."""
        return self._measured_s

    def limit_measured_stage(self, seconds: float) -> None:
        """Let the measured stage be no longer than this, whatever `--run-time` says. Call it before a test starts."""
        self._limit_s = self._measured_s = seconds if self._run_time_s is None else min(seconds, self._run_time_s)

    def see_interval(self, stage: str, start_s: float, length_s: float, operations: LatencyHistogram) -> None:
        """Take a complete interval of the series: it may end an automatic warm-up.

        `start_s` counts from the start of the stage. `operations` are those of all workers.
        """
        rule = self._stationarity
        # Users were still starting in an interval that began before the warm-up counts.
        if rule is None or stage != WARM_UP or start_s < self._warm_from_s or self._warm_up_over.is_set():
            return
        rule.take(length_s, operations)
        if rule.reached:
            self._warm_up_over.set()

    def time_left_s(self) -> float | None:
        """Return how long the load still takes at most, seconds; None where it has no planned end or is not running."""
        now = time.perf_counter()
        if self._measured_until is not None:
            return max(0.0, self._measured_until - now)
        if self._warm_until is not None and self._measured_s is not None:
            return max(0.0, self._warm_until - now) + self._measured_s
        return None

    def on_test_start(self, **_: Any) -> None:
        """Begin the first stage."""
        self._stopping.clear()
        self._stopped.clear()
        self._measured_until = self._warm_until = None
        self._stopped_workers.clear()
        self._walking = None
        self._stationarity = None
        self._warm_up_over.clear()
        self._arrival = arrival = self._open_loop.prepare()
        self._measured_s = self._limit_s
        if arrival is not None and arrival.length_s is not None:
            self._measured_s = min(arrival.length_s, self._limit_s or arrival.length_s)
        first = _first_stage(self._environment)
        self._summary_stage = first
        if first == WARM_UP:
            ahead_s = 0.0 if arrival is None else START_AHEAD_S
            self._warm_until = time.perf_counter() + self._ramp_s() + ahead_s + _warm_up_of(self._environment).limit_s
        self._enter(first, self._measured_s if first == MEASURED else None)
        if first == MEASURED and self._measured_s:
            self._walking = gevent.spawn(self._measure, self._measured_s)

    def _ramp_s(self) -> float:
        """Return how long it takes to start all users, as far as the command line says."""
        options = self._environment.parsed_options
        return float(options.num_users or 1) / float(options.spawn_rate or 1)

    def on_spawning_complete(self, **_: Any) -> None:
        """Let the warm-up count from now on."""
        if self._summary_stage == WARM_UP and self._walking is None:
            self._walking = gevent.spawn(self._warm_up)

    def _warm_up(self) -> None:
        began_s, warm_up = time.perf_counter(), _warm_up_of(self._environment)
        if self._arrival is not None:
            began_s = self._open_loop.start(warm_up.planned_s, self._measured_s)
        begins_s = self._warm_until = began_s + warm_up.limit_s
        self._warm_from_s = began_s - self._stage_began_s
        self._stationarity = Stationarity() if warm_up.automatic else None
        # Workers of an open loop must hear beforehand when the measured stage begins.
        ahead_s = START_AHEAD_S if warm_up.automatic and self._arrival is not None else 0.0
        self._warm_up_over.wait(max(0.0, begins_s - ahead_s - time.perf_counter()))
        if self._stationarity is not None and not self._stopping.is_set():
            begins_s = self._end_automatic_warm_up(self._stationarity, began_s)
        if self._stopping.is_set():
            return
        if self._arrival is None:
            begins_s = time.perf_counter()
        else:
            self._open_loop.wait_for_boundary(_BOUNDARY_S)
        self._runner.stats.clear_all()
        self._summary_stage = MEASURED
        self._begin(MEASURED, self._measured_s, begins_s)
        if self._arrival is not None:
            self._noting = gevent.spawn(self._note_arrival_stages, self._arrival, begins_s)
        if self._measured_s:
            self._measure(self._measured_s, begins_s)

    def _end_automatic_warm_up(self, rule: Stationarity, began_s: float) -> float:
        """Say why the warm-up ends, and return when the measured stage begins."""
        now = time.perf_counter()
        self._say_why_warm_up_ends(rule, now - began_s)
        if self._arrival is None:
            return now
        self._warm_until = now + START_AHEAD_S
        self._open_loop.plan_measured_stage(self._warm_until, self._measured_s)
        self._stopping.wait(START_AHEAD_S)
        return self._warm_until

    def _note_arrival_stages(self, arrival: Arrival, begins_s: float) -> None:
        for number, stage in enumerate(arrival.stages, 1):
            gevent.sleep(max(0.0, begins_s - time.perf_counter()))
            happened.fire(
                environment=self._environment,
                event="arrival-stage-start",
                subject=f"{number} of {len(arrival.stages)}",
                detail=str(stage),
            )
            begins_s += stage.length_s or 0.0

    def _say_why_warm_up_ends(self, rule: Stationarity, lasted_s: float) -> None:
        if self._warm_up_over.is_set():
            subject, detail = (
                STATIONARY,
                f"rate, p50 and p99 are stationary, {lasted_s:.1f} s after all users had started",
            )
        elif getattr(self._environment.parsed_options, "stats_collect", 0.0):
            subject, detail = LIMIT_REACHED, f"not stationary within {lasted_s:.0f} s: {rule.why_not}"
        else:
            subject, detail = LIMIT_REACHED, f"no statistics are recorded, so it lasted {lasted_s:.0f} s"
        logger.info("The warm-up ends: %s", detail)
        happened.fire(environment=self._environment, event=WARM_UP_ENDED, subject=subject, detail=detail)

    def _measure(self, measured_s: float, began_s: float | None = None) -> None:
        began_s = time.perf_counter() if began_s is None else began_s
        self._measured_until = began_s + measured_s
        if not self._stopping.wait(max(0.0, self._measured_until - time.perf_counter())):
            logger.info("The measured stage is over, stopping the load")
            # In a greenlet of its own: stopping must not wait for the one that asks for it.
            gevent.spawn(self._end)

    def _end(self) -> None:
        if self._environment.web_ui is None:
            self._runner.quit()
            return
        self._runner.stop()
        if self._ends_by_itself():
            gevent.sleep(self._environment.parsed_options.autoquit)
            self._quit()

    def _quit(self) -> None:
        self._runner.quit()
        if self._environment.web_ui is not None:
            self._environment.web_ui.stop()

    def _ends_by_itself(self) -> bool:
        """Whether this process ends with its load, instead of waiting on a page for the next one."""
        return self._environment.web_ui is None or self._environment.parsed_options.autoquit != -1

    def _begin(self, stage: str, planned_s: float | None, began_s: float | None = None) -> None:
        self._enter(stage, planned_s, began_s)
        if self._is_master:
            self._tell_where()

    def _enter(self, stage: str, planned_s: float | None, began_s: float | None = None) -> None:
        now = time.perf_counter()
        began_s = now if began_s is None else began_s
        self._stage, self._stage_planned_s, self._stage_began_s = stage, planned_s, began_s
        self._open_loop.begin_stage(stage)
        stage_changed.fire(
            environment=self._environment, stage=stage, planned_s=planned_s, elapsed_s=max(0.0, now - began_s)
        )

    def offered(self, stage: str, at_s: float, *, ends: bool) -> dict[str | None, OfferedCounts]:
        """Return what was due since the stage began (see `LeadingOpenLoop.offered`); empty in a closed loop."""
        return self._open_loop.offered(stage, at_s, ends=ends)

    def _on_where(self, msg: Any, **_: Any) -> None:
        self._tell_where(msg.node_id)
        self._open_loop.tell(msg.node_id)

    def _tell_where(self, worker: str | None = None) -> None:
        """Tell one worker, or all, which stage it is and how long it has been."""
        elapsed_s = time.perf_counter() - self._stage_began_s
        data = {"stage": self._stage, "planned_s": self._stage_planned_s, "elapsed_s": elapsed_s}
        self._runner.send_message(_STAGE_MESSAGE, data, worker)

    def on_test_stopping(self, **_: Any) -> None:
        """Begin the cool-down on the workers, and wait for their last figures."""
        if self._stopping.is_set():
            # Another greenlet is stopping the load, which Locust does not know yet.
            self._stopped.wait((self._environment.stop_timeout or 0) + _STOP_GRACE_S)
            return
        self._stopping.set()
        self._warm_up_over.set()
        if self._noting is not None:
            self._noting.kill()
        if not self._is_master:
            self._open_loop.begin_stage(COOL_DOWN)
            self._stopped.set()
            return
        workers_before = self._workers_alive()
        self._begin(COOL_DOWN, None)
        self._runner.send_message(_STOP_MESSAGE)
        limit = time.perf_counter() + (self._environment.stop_timeout or 0) + _STOP_GRACE_S
        self._wait_until(self._all_stopped, limit)
        self._stopped.set()
        all_lost = self._runner.clients and not self._workers_alive()
        if (not workers_before or all_lost) and self._ends_by_itself():
            logger.error("No worker is left, giving up")
            self._environment.process_exit_code = 1
            gevent.spawn(self._quit)

    def _workers_alive(self) -> bool:
        return any(worker.state != STATE_MISSING for worker in self._runner.clients.values())

    def _all_stopped(self) -> bool:
        return all(
            worker.state == STATE_MISSING or name in self._stopped_workers
            for name, worker in list(self._runner.clients.items())
        )

    @staticmethod
    def _wait_until(condition: Callable[[], bool], deadline: float) -> None:
        while not condition() and time.perf_counter() < deadline:
            gevent.sleep(0.02)

    def _on_worker_stopped(self, msg: Any, **_: Any) -> None:
        self._stopped_workers.add(msg.node_id)

    def on_worker_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        """Drop what is of another stage than the summary's, before Locust adds it to the summary."""
        self._open_loop.on_worker_report(client_id, data)
        if data.get(STAGE_FIELD) != self._summary_stage:
            data["stats"] = []
            data["errors"] = {}
            data["stats_total"] = StatsEntry(RequestStats(), "Aggregated", "").get_stripped_report()
