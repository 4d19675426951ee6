"""A load inside Locust, from its start to its end: what happens when, in which order, on which process.

`register` is called once, where `ZKLocust` is defined. It has Locust call `on_parser` and `on_init`; everything else
follows from these two. The other modules register nothing: this one says when each of their functions runs.

    import of ZKLocust    the parameters `--bench-*` of the command line are there for the locustfile
    on_parser             Locust knows the parameters and makes its sockets as we say
    on_init               settings are checked; the listeners below are added; the collectors start
    ... then on the process that leads (the master, or the one process of a local Locust): `_lead`
    ... and on each worker: `_join`

Locust fires `test_start` on the master before it sends users to workers, and `quitting` in reverse order.
"""

import functools
import importlib
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import locust
from locust.runners import MasterRunner, WorkerRunner

from zk_locust.contract.options import Options
from zk_locust.contract.parameters import WEB, add_parameters
from zk_locust.load import arrival_times, history, own_node, run_sockets, settings_check
from zk_locust.load.arrivals import arrivals_of
from zk_locust.load.bench import adopt_flags, export_bench_parameters
from zk_locust.load.companion import Companion
from zk_locust.load.garbage import set_program_aside
from zk_locust.load.interrupt import raise_interrupts_in_main
from zk_locust.load.locust_internals import add_once, in_locusts_command_line, put_first, report_every
from zk_locust.load.recording import recording_of
from zk_locust.load.refusals import Refusals
from zk_locust.load.report_dir import ReportDir
from zk_locust.load.stages import LoadPlan, WorkerStages, load_ended
from zk_locust.load.task_sets import ZKLocustTaskSet
from zk_locust.load.time_slice import take_short_slices
from zk_locust.load.timer import TimerSettings, adopt
from zk_locust.load.user_classes import show_hosts
from zk_locust.load.user_control import UserControl
from zk_locust.load.users_check import take_users_of_stages
from zk_locust.workload.reading import workload_text

_STATISTICS: Final = "locust_extra.stats"
_FIRST_REPORT_S: Final = 1.0
_METRICS: Final = "zk_metrics.registration"
_DISPATCHER: Final = "zk_dispatch.registration"
_FILES_OF_STATISTICS: Final = (
    "stats_csv", "stats_distrib", "stats_hlog", "stats_slowest", "stats_events", "stats_progress",
    "stats_moments",
)  # fmt: skip

logger = logging.getLogger(__name__)


def register() -> None:
    """Have Locust call `on_parser` and `on_init`. Safe to call again."""
    add_once(locust.events.init_command_line_parser, on_parser)
    # Before the collectors' listeners, whichever was imported first: their files follow from --report-dir.
    put_first(locust.events.init, on_init)
    adopt_flags(sys.argv[1:])


def on_parser(parser: Any, **_: Any) -> None:
    """Add the parameters, and have Locust use our sockets: it makes none before."""
    add_parameters(parser, {"workload": workload_text})
    # A worker waits for so long before its first report of a load, in which its users may change. Locust has 3 s.
    report_every(_FIRST_REPORT_S)
    run_sockets.install(parser)


def on_init(environment: Any, runner: Any, web_ui: Any = None, **_: Any) -> None:
    """Start this process's share of the load. Locust has its options, its runner, and its page where there is one."""
    settings_check.give_options(environment, runner)
    raise_interrupts_in_main()
    export_bench_parameters(environment)
    if isinstance(runner, WorkerRunner):
        _join(environment, runner)
    elif runner is not None:
        _lead(environment, runner, web_ui)
    else:
        _run_one_user(environment)
    if runner is not None:
        recording_of(environment.events).fill_statistics_of(environment, runner)
        arrival_times.tell_if_missing(environment, runner)
        _start_collectors(environment, runner, web_ui)


def _lead(environment: Any, runner: Any, web_ui: Any) -> None:
    """Lead the load, as the master or as the one process of a local Locust."""
    options, events = environment.parsed_options, environment.events
    is_master = isinstance(runner, MasterRunner)
    companions = list(_companions(environment, leads=True))
    check = functools.partial(_check, environment, companions)

    # Now: refuse what cannot work, before anything is started. With a page the settings may still come from its form.
    refusing = functools.partial(settings_check.with_refusal, runner)
    refusing(lambda: settings_check.check_output_files(options))
    if web_ui is None:
        refusing(check)
    if web_ui is None and is_master:
        refusing(lambda: settings_check.check_users(environment))
    reports: list[ReportDir] = []
    if getattr(options, "report_dir", None):
        refusing(lambda: reports.append(ReportDir(Path(options.report_dir), environment)))
    restore = settings_check.fixed_parameters(options)  # also those that follow from --report-dir
    refusing(lambda: take_users_of_stages(environment, page=web_ui is not None))
    plan = LoadPlan(environment, runner)
    users = UserControl(environment, runner)
    refusals = [Refusals(environment, runner)] if is_master else []
    show_hosts(environment, getattr(options, "hosts", None))

    # When a test starts: settings are final and checked, then nodes are made, then the first stage begins.
    put_first(
        events.test_start,
        *([restore] if web_ui is not None else []),
        export_bench_parameters,
        *([_refusing_test(check)] if web_ui is not None else []),
        own_node.make_own_node,
        *(_only_in(environment, companion.on_test_start) for companion in companions),
    )
    # Listeners of the locustfile that were added before are called here.
    if is_master:
        events.test_start.add_listener(settings_check.warn_of_idle_workers)
        events.worker_report.add_listener(history.count_workers(environment))
    else:
        for listener in (history.begin, *_making_users_prompt()):
            events.test_start.add_listener(listener)
    events.test_start.add_listener(users.on_test_start)
    events.test_start.add_listener(plan.on_test_start)
    for report in reports:
        events.test_start.add_listener(report.on_test_start)
    events.test_start.add_listener(_adopt_options)

    # While it runs: the plan drops figures of other stages before Locust adds them to its summary.
    events.spawning_complete.add_listener(users.on_spawning_complete)
    events.spawning_complete.add_listener(plan.on_spawning_complete)
    if is_master:
        put_first(events.worker_report, plan.on_worker_report)

    # When it stops: a step ends before the measured stage does; then all users end, and their number changes no more.
    put_first(
        events.test_stopping,
        users.on_test_stopping,
        *(_only_in(environment, companion.on_test_stopping) for companion in companions),
    )
    events.test_stopping.add_listener(plan.on_test_stopping)

    # When it has stopped: figures are written before nodes are removed, which an ensemble may take its time for.
    put_first(events.test_stop, _tell_of_end)
    events.test_stop.add_listener(history.end)
    events.quit.add_listener(functools.partial(history.end, environment))  # a signal ends no test; users are gone then
    events.test_stop.add_listener(history.read_all_nodes)
    events.test_stop.add_listener(own_node.remove_nodes)
    for companion in companions:
        events.test_stop.add_listener(_only_in(environment, companion.on_test_stop))

    # When the process ends (from the last of these to the first): what removes nodes is waited for; strangers are
    # looked for once more; and the report is written after all listeners of `quit`, which close the files.
    for report in reports:
        events.quitting.add_listener(_at_the_end_of_quit(report.on_quit))
    for refusal in refusals:
        events.quitting.add_listener(refusal.on_quitting)
    events.quitting.add_listener(own_node.wait_for_removal)
    for companion in companions:
        events.quitting.add_listener(_only_in(environment, companion.on_quitting))


def _join(environment: Any, runner: Any) -> None:
    """Take part in a load as a worker: the master says what to do when."""
    events = environment.events
    stages = WorkerStages(environment, runner)
    refusals = Refusals(environment, runner)
    list(_companions(environment, leads=False))  # they listen for stages

    # When a test starts: the options have come from the master, but for secret ones.
    first: list[Callable[..., None]] = [run_sockets.require_own_secrets, export_bench_parameters, history.begin]
    last: list[Callable[..., None]] = [*_making_users_prompt(), stages.on_test_start, _adopt_options]
    put_first(events.test_start, *first)
    for listener in last:
        events.test_start.add_listener(listener)
    stages.catch_up([*first, *last])

    events.test_stop.add_listener(history.end)
    events.quit.add_listener(functools.partial(history.end, environment))  # a signal ends no test; users are gone then

    # While it runs, and when the process ends (from the last of these to the first).
    put_first(events.report_to_master, stages.before_report_to_master)
    events.report_to_master.add_listener(stages.on_report_to_master)
    events.quitting.add_listener(stages.on_quitting)
    events.quitting.add_listener(refusals.on_quitting)


def _run_one_user(environment: Any) -> None:
    """Have one user run in a debugger (`locust.debug.run_single_user`): there is no runner, and no stage."""
    show_hosts(environment, getattr(environment.parsed_options, "hosts", None))
    put_first(environment.events.test_start, own_node.make_own_node, export_bench_parameters)
    environment.events.test_start.add_listener(_adopt_options)
    environment.events.test_stop.add_listener(own_node.remove_nodes)
    environment.events.quitting.add_listener(own_node.wait_for_removal)


def _start_collectors(environment: Any, runner: Any, web_ui: Any) -> None:
    """Start what is to record, and the dispatcher, also where the locustfile does not register them.

    The collectors are found by name: this package does not import them, and works without them.
    """
    options, asked = environment.parsed_options, []
    # A worker is not told of files: whether it records is in the options that come with the test.
    is_worker = isinstance(runner, WorkerRunner)
    if is_worker or any(getattr(options, name, None) for name in _FILES_OF_STATISTICS):
        asked.append(_STATISTICS)
    collects = getattr(options, "zk_metrics_collect", None) not in (None, "", 0.0, WEB)
    if not is_worker and (collects or getattr(options, "zk_metrics_csv", None)):
        asked.append(_METRICS)
    if not is_worker and getattr(options, "zk_dispatch_program", None):
        asked.append(_DISPATCHER)
    for module in asked:
        try:
            importlib.import_module(module).start(environment=environment, runner=runner, web_ui=web_ui)
        except ImportError as error:
            logger.warning("%s is not active: it cannot be imported (%s)", module, error)


def _companions(environment: Any, *, leads: bool) -> Iterator[Companion]:
    """Make the companion of each task set that has one."""
    waiting: list[Any] = [ZKLocustTaskSet]
    while waiting:
        task_set = waiting.pop()
        waiting += task_set.__subclasses__()
        if kind := vars(task_set).get("companion"):
            yield kind(environment, task_set, leads=leads)


def _only_in(environment: Any, listener: Callable[..., None]) -> Callable[..., None]:
    """Call the listener for its own environment only: a program may have several that share `locust.events`."""

    @functools.wraps(listener)
    def called(**event: Any) -> None:
        if event["environment"] is environment:
            listener(**event)

    return called


def _check(environment: Any, companions: list[Companion]) -> None:
    settings_check.check_settings(environment, [companion.check for companion in companions])


def _refusing_test(check: Callable[[], object]) -> Callable[..., None]:
    return lambda **_: settings_check.refuse_test(check)


def _at_the_end_of_quit(listener: Callable[..., None]) -> Callable[..., None]:
    return lambda environment, **_: environment.events.quit.add_listener(listener)


def _making_users_prompt() -> list[Callable[..., None]]:
    """Return what makes a process ready for users as a test starts, before the first stage.

    A program of somebody's own decides itself: nothing then.
    """
    return [set_program_aside, take_short_slices] if in_locusts_command_line() else []


def _tell_of_end(environment: Any, **_: Any) -> None:
    """Tell whoever records that all users have ended."""
    load_ended.fire(environment=environment)


def _adopt_options(environment: Any, **_: Any) -> None:
    """Have timers of users of other kinds follow the options too: on a worker they come with the test."""
    options = Options.of(environment.parsed_options)
    adopt(
        TimerSettings(
            environment.events,
            options.exception_behavior,
            options.ignore_connection_down,
            arrivals=arrivals_of(environment),
        )
    )
