"""Extended statistics: the series and distributions that Locust itself does not keep.

A second test in one Locust process is a second run: its figures go to files of their own (`locust-stats-2.csv`), where
counts and times start anew.

A locustfile says

    from locust_extra.stats import register_extra_stats
    register_extra_stats()

and the parameters `--stats-collect`, `--stats-csv`, `--stats-distrib`, `--stats-hlog`, `--stats-slowest`,
`--stats-events` and `--stats-progress` set what is recorded and where.
"""

import logging
import time
from types import SimpleNamespace
from typing import Any, Final
from weakref import WeakSet

import gevent
import locust
from locust import runners
from locust.runners import MasterRunner, WorkerRunner

from locust_extra.files import DistributionFile, EventFile, HistogramLogFile, StatsFile, WallClock, path_of_run
from locust_extra.moments import moments_of
from locust_extra.own_delay import measured_own_delay
from locust_extra.progress import Absent, Progress
from locust_extra.recorder import Recorder
from locust_extra.report_check import check_report
from locust_extra.series import Interval, Series
from locust_extra.slow_file import SlowOperationsFile
from locust_extra.slow_reports import SlowReports, message_of
from zk_locust.contract import unreported
from zk_locust.contract.events import OPERATIONS_UNREPORTED, RUN_START, WORKER_LATE
from zk_locust.contract.options import converted
from zk_locust.contract.parameters import parameter_of
from zk_locust.contract.plain_text import plain_line
from zk_locust.contract.stage_names import COOL_DOWN
from zk_locust.load.locust_internals import add_once, report_every, worker_name
from zk_locust.load.offered import OfferedCounts
from zk_locust.load.recording import recording_of
from zk_locust.load.report_dir import INTERVAL_MS
from zk_locust.load.settings_check import check_output_files, with_refusal
from zk_locust.load.slowest import most_of
from zk_locust.load.stages import happened, load_ended, member_seen, plan_of, stage_changed
from zk_locust.load.tally import Tally, take_sent

_REPORT_FIELD: Final = "locust_extra"
_NAME_FIELD: Final = "locust_extra_worker"
_LOCAL: Final = "local"
# These go to the workers with the options of a test, so that they know them before they record anything: its number,
# and how many of the slowest operations of an interval to keep.
_RUN_OPTION: Final = "locust_extra_run"
_SLOWEST_OPTION: Final = "locust_extra_slowest"
_SLOW_FIELD: Final = "slow"
# How long a load that has ended waits for room on a full disk. The supervisor gives the master 12 s at the least.
_ROOM_S: Final = 8.0
# So far may a worker be ahead of the master, whose clock stands still while its virtual machine is paused.
_AHEAD_S: Final = 60.0

logger = logging.getLogger(__name__)


# The arguments of a locustfile, as those of 2019 pass them; the last call counts.
_wishes: dict[str, str | float] = {}
_started: "WeakSet[Any]" = WeakSet()


def register_extra_stats(
    stats_csv_path: str | None = None, distrib_path: str | None = None, delay_ms: float | None = None
) -> None:
    """Record extended statistics in this process as the parameters say. Safe to call again.

    The arguments stand in for `--stats-csv`, `--stats-distrib` and `--stats-collect` (milliseconds). With a file and
    without an interval, the interval is a second.
    """
    # A call without arguments keeps those of earlier calls.
    given = {"stats_csv": stats_csv_path, "stats_distrib": distrib_path, "stats_collect": delay_ms}
    _wishes.update({name: value for name, value in given.items() if value is not None})
    add_once(locust.events.init, start)


def start(environment: Any, runner: Any, **_: Any) -> None:
    """Start recording in this process, once for each environment: as Locust initialises."""
    if runner is None or environment in _started:
        return
    _started.add(environment)
    if isinstance(runner, WorkerRunner):
        WorkerStats(environment, runner)
    else:
        _take_wishes(environment, runner)
        LoadStats(environment, runner)


def _take_wishes(environment: Any, runner: Any) -> None:
    if not _wishes:
        return
    with_refusal(runner, lambda: check_output_files(SimpleNamespace(**_wishes)))
    options = environment.parsed_options
    if "stats_collect" in _wishes:
        with_refusal(runner, lambda: _set_interval(options, str(_wishes["stats_collect"])))
    elif not getattr(options, "stats_collect", None):
        options.stats_collect = INTERVAL_MS


def _set_interval(options: Any, text: str) -> None:
    options.stats_collect = converted(parameter_of("stats-collect"), text)


def _interval_s(environment: Any) -> float:
    return float(getattr(environment.parsed_options, "stats_collect", 0.0) or 0.0) / 1000


class WorkerStats:
    """The worker's side: records its requests and sends them with Locust's reports."""

    def __init__(self, environment: Any, runner: Any) -> None:
        self._environment = environment
        self._runner = runner
        self._recorder: Recorder | None = None
        self._recorded: dict[str, int] = {}
        self._slow = SlowReports(runner)
        self._tally = Tally(runner.client_id)
        self._tally.count(recording_of(environment.events))
        self._moments = moments_of(environment.parsed_options, recording_of(environment.events))  # as given here
        stage_changed.add_listener(self._on_stage_changed)
        environment.events.report_to_master.add_listener(self._on_report_to_master)
        environment.events.quit.add_listener(self._on_quit)

    def _on_stage_changed(
        self, environment: Any, stage: str, planned_s: float | None, elapsed_s: float, **_: Any
    ) -> None:
        if environment is not self._environment:
            return
        interval_s = _interval_s(environment)
        if self._recorder is None and interval_s > 0:
            report_every(min(1.0, max(0.1, interval_s / 2)))  # a report must not be much older than an interval
            self._recorder = Recorder(interval_s, recording_of(environment.events), own_delay=measured_own_delay())
        if self._recorder is not None and interval_s > 0:
            self._recorder.interval_ns = round(interval_s * 1e9)
            run = int(getattr(environment.parsed_options, _RUN_OPTION, 1))
            self._recorder.slowest = int(getattr(environment.parsed_options, _SLOWEST_OPTION, 0))
            self._slow.begin(run, wanted=self._recorder.slowest > 0)
            self._recorder.begin_stage(stage, planned_s, elapsed_s, run=run)

    def _on_report_to_master(self, data: dict[str, Any], **_: Any) -> None:
        data[_NAME_FIELD] = worker_name(self._runner)
        if self._recorder is not None:
            report = data[_REPORT_FIELD] = self._recorder.report(int(self._runner.user_count))
            report[_SLOW_FIELD] = self._slow.message(report[_SLOW_FIELD])
            for stage, _, records in report["records"]:
                requests = sum(message["requests"] for _, _, message in records)
                self._recorded[stage] = self._recorded.get(stage, 0) + requests

    def _on_quit(self, **_: Any) -> None:
        self._tally.remove()
        # For comparison with what has reached the master.
        for stage, requests in self._recorded.items():
            logger.info("Recorded here in the stage %s: %d successful operations", stage, requests)
        self._slow.close()
        if self._moments is not None:
            self._moments.close()
        if self._recorder is not None:
            self._recorder.close()


class LoadStats:
    """The side of the master or local process: combines the reports and writes the files."""

    def __init__(self, environment: Any, runner: Any) -> None:
        self._environment = environment
        self._runner = runner
        self._options = environment.parsed_options
        self._stage = ""
        self._running = False
        self._began_s = time.perf_counter()
        self._wall = WallClock()
        self._run = 0
        self._lost_records = 0
        self._series: Series | None = None
        self._interval_s = 0.0
        self._shown = (-1, -1)  # the last interval that the plan has seen
        self._last_numbers: dict[int, int] = {}  # of each stage, the last interval that was given out
        self._recorder: Recorder | None = None
        self._files: list[StatsFile | DistributionFile | HistogramLogFile | SlowOperationsFile] = []
        self._slow_file: SlowOperationsFile | None = None
        self._worker_names: dict[str, str] = {}
        self._refused: set[str] = set()
        self._troubles: set[str] = set()
        self._lost: set[str] = set()
        self._told_unreported: set[str] = set()
        self._settled: dict[str, int] = {}
        self._absent = Absent()
        self._progress = Progress()
        self._progress_path: str | None = self._option("stats_progress")
        events_path = self._option("stats_events")
        self._events = EventFile(events_path, "master") if events_path else None
        stage_changed.add_listener(self._on_stage_changed)
        happened.add_listener(self._on_happened)
        member_seen.add_listener(self._on_member_seen)
        load_ended.add_listener(self._on_load_ended)
        # After the cleanup and before Locust's own summary: if that fails, `quit` does not fire.
        environment.events.test_stop.add_listener(self._wait_for_room)
        environment.events.quit.add_listener(self._on_quit)
        if isinstance(runner, MasterRunner):
            environment.events.worker_report.add_listener(self._on_worker_report)
        of_this = None if isinstance(runner, MasterRunner) else recording_of(environment.events)
        self._moments = moments_of(self._options, of_this) if of_this is not None else None
        self._watching = gevent.spawn(self._watch)

    def _option(self, name: str) -> str | None:
        # The web UI resets the options that name files to those of the command line.
        return str(_wishes.get(name) or getattr(self._options, name, None) or "") or None

    def _elapsed_s(self) -> float:
        return time.perf_counter() - self._began_s

    def _on_stage_changed(self, environment: Any, stage: str, planned_s: float | None, **_: Any) -> None:
        if environment is not self._environment:
            return
        if not self._running:
            self._begin_run(_interval_s(environment))
        self._stage, self._running = stage, True
        self._progress.begin_stage(stage)
        if self._series is not None:
            self._series.begin_stage(stage)
        if self._recorder is not None and self._series is not None:
            self._recorder.begin_stage(stage, planned_s, run=self._run)
        self._note("stage-start", stage, f"planned for {planned_s:g} s" if planned_s else "")

    def _begin_run(self, interval_s: float) -> None:
        """Begin the first test of this process, or another one."""
        self._give_out(final=True)  # figures of the test before that came late
        self._lost_records += sum(file.close() for file in self._files)
        self._files, self._slow_file = [], None
        self._run += 1
        self._shown, self._last_numbers = (-1, -1), {}
        setattr(self._environment.parsed_options, _RUN_OPTION, self._run)
        setattr(self._environment.parsed_options, _SLOWEST_OPTION, 0)
        self._series = None
        if interval_s > 0:
            self._open(interval_s)
        if self._run > 1:
            self._note(RUN_START, str(self._run), f"a test of its own: figures go to files that end in -{self._run}")

    def _open(self, interval_s: float) -> None:
        self._began_s, self._wall = time.perf_counter(), WallClock()
        self._interval_s = interval_s
        self._series = Series(interval_s, self._elapsed_s)
        for option, kind in (
            ("stats_csv", StatsFile),
            ("stats_distrib", DistributionFile),
            ("stats_hlog", HistogramLogFile),
        ):
            if path := self._option(option):
                self._files.append(kind(path_of_run(path, self._run), self._wall, self._note))
        slowest = 0
        if path := self._option("stats_slowest"):
            slowest, path = most_of(interval_s), path_of_run(path, self._run)
            self._slow_file = SlowOperationsFile(path, self._began_s, interval_s, self._time_left_s, self._note)
            self._files.append(self._slow_file)
            setattr(self._environment.parsed_options, _SLOWEST_OPTION, slowest)
        if self._recorder is None and not isinstance(self._runner, MasterRunner):
            self._recorder = Recorder(
                interval_s, recording_of(self._environment.events), own_delay=measured_own_delay()
            )
        if self._recorder is not None:
            self._recorder.interval_ns = round(interval_s * 1e9)
            self._recorder.slowest = slowest

    def _on_worker_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        name = data.get(_NAME_FIELD)
        if name and isinstance(name, str) and client_id not in self._worker_names:
            self._worker_names[client_id] = name = plain_line(name) or client_id
            self._note("worker-ready", name)
        report = data.get(_REPORT_FIELD)
        if self._series is None or report is None:
            return
        worker = self._worker_names.get(client_id, client_id)
        try:
            check_report(report, self._run, (self._elapsed_s() + _AHEAD_S) / self._interval_s)
            self._settled[client_id] = report["settled"]
            if report["run"] == self._run:
                self._take_report(client_id, worker, report)
            elif report["records"]:
                logger.warning("Figures of an earlier test have come too late, and are dropped: %s", worker)
        except ValueError as error:
            if client_id not in self._refused:
                self._refused.add(client_id)
                logger.error("What %s reports is left out: %s", worker, error)

    def _take_report(self, client_id: str, worker: str, report: dict[str, Any]) -> None:
        if self._series is not None and (self._running or report["records"]):  # else idle, and the test is over
            self._series.add_report(worker, report)
            self._note_late(worker, report)
            if self._slow_file is not None:
                self._slow_file.take(worker, report.get(_SLOW_FIELD))
            if client_id in self._lost:
                self._series.lose(worker)

    def _note_late(self, worker: str, report: dict[str, Any]) -> None:
        """Tell when a worker ran nothing. Its time is later by what the message takes."""
        if self._events is not None:
            for ago_ns, took_ns in report.get("late", ()):
                self._events.write(WORKER_LATE, worker, ago_s=ago_ns / 1e9, duration_s=took_ns / 1e9)

    def _watch(self) -> None:
        """Several times a second, notice lost workers, give out complete intervals, and write the progress."""
        while True:
            try:
                self._look_for_lost_workers()
                self._give_out(final=False)
                self._retry()
                if self._progress_path:
                    self._write_progress(self._progress_path)
            except Exception as error:  # any error: what comes next is recorded all the same
                self._tell_of_trouble(error)
            gevent.sleep(0.25)

    def _tell_of_trouble(self, error: Exception) -> None:
        """Log an error with its place, once: it may come back several times a second."""
        if repr(error) not in self._troubles:
            self._troubles.add(repr(error))
            logger.error("Figures of the load may be missing", exc_info=error)

    def _look_for_lost_workers(self) -> None:
        if not self._running or not isinstance(self._runner, MasterRunner):
            return
        for client_id, name in self._worker_names.items():
            client = self._runner.clients.get(client_id)
            if client is None and self._stage == COOL_DOWN:
                continue  # it may leave now
            gone = client is None or client.state == runners.STATE_MISSING
            if gone and client_id not in self._lost:
                self._lost.add(client_id)
                self._note("worker-lost", name, "no heartbeat" if client else "it has ended")
                if self._series is not None:
                    self._series.lose(name)
            elif not gone and client_id in self._lost:
                self._lost.discard(client_id)
                self._told_unreported.discard(client_id)
                self._note("worker-returned", name)

    def _tell_of_unreported(self) -> None:
        """Tell of each lost worker once; of one that was lost before its first report, where its count is known."""
        for client_id in sorted((self._lost | self._never_heard()) - self._told_unreported):
            self._told_unreported.add(client_id)
            name, settled, sent = (
                self._worker_names.get(client_id),
                self._settled.get(client_id, 0),
                take_sent(client_id),
            )
            if sent is not None and sent != settled:
                self._note(OPERATIONS_UNREPORTED, name or client_id, unreported.known(sent - settled))
            elif sent is None and name is not None:
                self._note(OPERATIONS_UNREPORTED, name, unreported.unknown(settled))

    def _never_heard(self) -> set[str]:
        """Return the workers that are gone and have never reported."""
        clients = self._runner.clients if isinstance(self._runner, MasterRunner) else {}
        gone = {client_id for client_id, client in clients.items() if client.state == runners.STATE_MISSING}
        return gone - self._worker_names.keys()

    def _give_out(self, final: bool) -> None:
        if self._series is None:
            return
        if self._recorder is not None and self._running:
            users = int(self._runner.user_count)
            if final or self._recorder.has_complete:
                report = self._recorder.report(users)
                self._series.add_report(_LOCAL, report)
                self._note_late(_LOCAL, report)
                if self._slow_file is not None:
                    self._slow_file.take(_LOCAL, message_of(report[_SLOW_FIELD], 0))
            else:
                self._series.see_users(_LOCAL, *self._recorder.place, users)
        for interval in self._series.take_all() if final else self._series.take_complete():
            self._add_offered(interval)
            self._progress.take(interval)
            self._show_to_plan(interval)
            for file in self._files:
                file.write(interval)

    def _add_offered(self, interval: Interval) -> None:
        """Add what was due until the interval's end; not to late figures, for the plan counts onwards only.

        The last interval of a stage has the counts of the complete stage, also where figures of it come late.
        """
        plan, last = plan_of(self._environment), self._last_numbers.get(interval.stage_ordinal, -1)
        if plan is not None and interval.number >= last:
            self._last_numbers[interval.stage_ordinal] = interval.number
            counts = plan.offered(interval.stage, self._began_s + interval.end_s, ends=interval.ends_stage)
            for worker, of_worker in counts.items():
                name = _LOCAL if worker is None else self._worker_names.get(worker, worker)
                # A worker that was started again has its name of before, and another share.
                interval.offered[name] = interval.offered.get(name, OfferedCounts()) + of_worker

    def _show_to_plan(self, interval: Interval) -> None:
        """Let the plan of the load see the interval, unless it is late: figures of it were given out before."""
        plan, place = plan_of(self._environment), (interval.stage_ordinal, interval.number)
        if plan is not None and place > self._shown:
            self._shown = place
            start_s = interval.number * _interval_s(self._environment)
            plan.see_interval(interval.stage, start_s, interval.length_s, interval.total())

    def _retry(self) -> bool:
        """Write waiting records if there is room again; return whether none waits any more."""
        done = [file.retry() for file in self._files]
        return all(done) and (self._events is None or self._events.retry())

    def _wait_for_room(self, **_: Any) -> None:
        deadline = time.perf_counter() + _ROOM_S
        while not self._retry() and time.perf_counter() < deadline:
            gevent.sleep(0.1)

    def _write_progress(self, path: str) -> None:
        self._progress.users = int(self._runner.user_count)
        self._progress.workers = len(self._worker_names) - len(self._lost)
        self._progress.absent = self._absent.lines(len(self._worker_names), len(self._lost))
        self._progress.time_left_s, self._progress.now_s = self._time_left_s(), time.time()
        self._progress.write(path)

    def _time_left_s(self) -> float | None:
        plan = plan_of(self._environment)
        return plan.time_left_s() if plan else None

    def _on_load_ended(self, environment: Any, **_: Any) -> None:
        if environment is not self._environment or not self._running:
            return  # Locust stops twice if two callers ask for it
        self._look_for_lost_workers()
        self._tell_of_unreported()
        self._give_out(final=True)
        self._running = False
        self._note("run-stopped", "load")

    def _on_quit(self, **_: Any) -> None:
        self._watching.kill()
        self._give_out(final=True)
        if self._moments is not None:
            self._moments.close()
        if self._recorder is not None:
            self._recorder.close()
        self._progress.stage = "ended"
        if self._progress_path:
            self._write_progress(self._progress_path)
        lost = self._lost_records + sum(file.close() for file in self._files)
        lost += self._events.close() if self._events else 0
        if lost:
            logger.error("%d records of the load are lost: until its end there was no room to write them", lost)

    def _on_happened(self, event: str, subject: str, detail: str, **_: Any) -> None:
        self._note(event, subject, detail)

    def _on_member_seen(self, member: str, state: str, problem: str, **_: Any) -> None:
        self._absent.see_member(member, state, problem)

    def _note(self, event: str, subject: str = "", detail: str = "") -> None:
        if self._events is not None:
            self._events.write(event, subject, detail)
