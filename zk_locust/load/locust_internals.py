"""Every place where the load uses Locust's private names or patches Locust.

No other file of zk_locust or of the collectors touches a private name of Locust or patches it
(`tests/unit/test_locust_internals.py`). A new version of Locust is checked against this file.
"""

import functools
import os
import random
import socket
import sys
import time
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Callable, Sequence
from types import FunctionType, MethodType
from typing import Any, Final

import gevent
from configargparse import ConfigFileParserException
from locust import argument_parser, runners
from locust import stats as locust_stats
from locust.argument_parser import get_empty_argument_parser
from locust.event import EventHook
from locust.exception import StopUser
from locust.rpc import zmqrpc
from locust.stats import RequestStats, StatsError
from locust.user import User
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING

from zk_locust.contract.histogram import LatencyHistogram
from zk_locust.contract.ranks import highest_equivalent, rank_at

# Events. Locust calls listeners in the order in which they were added. One cannot be put first, or be asked for.


def put_first(hook: EventHook, *listeners: Callable[..., Any]) -> None:
    """Have the listeners called before all others, in this order. A listener that is there already moves."""
    hook._handlers[:] = [*listeners, *(listener for listener in hook._handlers if listener not in listeners)]


def add_once(hook: EventHook, listener: Callable[..., Any]) -> None:
    """Add a listener, unless it is there."""
    if listener not in hook._handlers:
        hook.add_listener(listener)


# Command line. Locust's parser tells neither its options nor, before it parses, the content of its files.


def defaults_of(parser: ArgumentParser) -> dict[str, Any]:
    """Return the default of each option, by its destination."""
    return {action.dest: action.default for action in parser._actions}


def secret_options_of(parser: ArgumentParser) -> set[str]:
    """Return the destinations of the options that are declared as secret (`is_secret=True`)."""
    return {action.dest for action in parser._actions if getattr(action, "is_secret", False)}


def configured(words: Sequence[str]) -> dict[str, str]:
    """Return what Locust's configuration files say: `--config`, `locust.conf`, `pyproject.toml`. The last one wins."""
    parser: Any = get_empty_argument_parser(add_help=False)
    found: dict[str, str] = {}
    try:
        for stream, _ in parser._open_config_files(list(words)):
            with stream:
                content = parser._config_file_parser.parse(stream)
                found.update({name.lstrip("-"): str(value) for name, value in content.items()})
    except (ConfigFileParserException, OSError, SystemExit):
        return {}  # Locust reads them too, and says what is wrong with them
    return found


def find_own_options_once() -> None:
    """Have Locust look up its own options once.

    A worker asks for them for each option of each `spawn` message, and Locust makes a parser each time. So whenever a
    worker joined, all others stopped for 70 ms of CPU.
    """
    find: Any = argument_parser.default_args_dict
    if not hasattr(find, "cache_info"):
        argument_parser.default_args_dict = functools.cache(find)


def in_locusts_command_line() -> bool:
    """Whether Locust's command line is what runs this."""
    frame = sys._getframe()
    while frame is not None and frame.f_globals.get("__name__") != "locust.main":
        frame = frame.f_back  # type: ignore[assignment]
    return frame is not None


# Master and workers. Locust has no setting for the class of its sockets, for how long the two wait for one another, or
# for how often a worker reports; and it sends a worker's last figures only by itself.

WORKER_NAME_VARIABLE: Final = "ZK_LOCUST_WORKER_NAME"
"""Set where a supervisor starts the worker: it ends it at the run's deadline, whatever becomes of the master."""
MISSING_S: Final = 8
_CUT_OFF_S: Final = 170


def use_sockets(master: type[zmqrpc.Server], worker: type[zmqrpc.Client]) -> None:
    """Have Locust's master and workers make their sockets with these classes."""
    rpc: Any = zmqrpc
    rpc.Server, rpc.Client = master, worker


def have_patience_with_workers() -> None:
    """Let this master count a worker as lost after `MISSING_S`, and take it back for some minutes.

    Locust gives a worker up after 5 s. A short network failure would cost figures that TCP delivers later.
    """
    # Locust counts down once a second, and looks before it does.
    runners.HEARTBEAT_LIVENESS = MISSING_S - 2
    runners.HEARTBEAT_DEAD_INTERNAL = -_CUT_OFF_S


def have_patience_with_master() -> None:
    """Let this worker run without its master for some minutes, where a supervisor ends it in time.

    Locust gives a master up after a minute, and TCP may take another minute until it tries again.
    """
    if os.environ.get(WORKER_NAME_VARIABLE):
        runners.MASTER_HEARTBEAT_TIMEOUT = _CUT_OFF_S


def worker_name(runner: Any) -> str:
    """Return the name of this worker in figures and events."""
    return os.environ.get(WORKER_NAME_VARIABLE) or f"{socket.gethostname()}/worker-{runner.worker_index}"


def report_every(seconds: float) -> None:
    """Have this worker report to its master so often. Locust reads this at every turn."""
    runners.WORKER_REPORT_INTERVAL = seconds


def stop_and_send_last_figures(runner: Any) -> None:
    """Stop this worker's users, and send what its statistics have."""
    runner.stop()
    runner._send_stats()


# The summary. Locust's listener calls four functions for each of two entries, the operation's and the total: a fifth
# of a core on a worker that sends ten thousand requests a second. Its latencies are whole milliseconds, and those of
# failures are among them.

_LOCUSTS_OWN: Final = "Runner.__init__.<locals>.on_request"
_LOCUSTS_BUCKETS: Final = locust_stats.bucket_response_time


def listeners_of(hook: EventHook) -> list[Any]:
    """Return the list of listeners itself: it changes as they come and go."""
    listeners: list[Any] = hook._handlers
    return listeners


def fire_to(listeners: list[Any], event: dict[str, Any]) -> None:
    """Fire an event to these listeners, as Locust fires one to all."""
    hook = EventHook()
    hook._handlers = listeners
    hook.fire(**event)


def count_requests_quickly(environment: Any, runner: Any) -> Callable[..., None] | None:
    """Replace the listener of this runner of Locust's by ours; return it, None where there is none."""
    handlers = environment.events.request._handlers
    for place, handler in enumerate(handlers):
        if getattr(handler, "__qualname__", "") == _LOCUSTS_OWN and any(
            cell.cell_contents is runner for cell in handler.__closure__
        ):
            handlers[place] = counter_of(environment.stats)
            found: Callable[..., None] = handlers[place]
            return found
    return None


def counter_of(stats: Any) -> Callable[..., None]:
    """Return a listener that counts requests in `stats`, a `locust.stats.RequestStats`.

    It gives the numbers that Locust's own listener gives, at a third of the cost, but for the times of failures.
    """

    def on_request(
        request_type: str,
        name: str,
        response_time: float | None,
        response_length: int,
        exception: BaseException | None = None,
        **_: Any,
    ) -> None:
        now = time.time()
        second = int(now)
        if exception:
            response_time = None
        rounded = None if response_time is None else locust_stats.bucket_response_time(response_time)
        for entry in _entries(stats, request_type, name):
            _cache(entry, second)
            entry.num_requests += 1
            entry.num_reqs_per_sec[second] += 1
            entry.last_request_timestamp = now
            entry.total_content_length += response_length
            if response_time is None or rounded is None:
                entry.num_none_requests += 1
                continue
            entry.total_response_time += response_time
            least = entry.min_response_time
            if least is None or response_time < least:
                entry.min_response_time = response_time
            if response_time > entry.max_response_time:
                entry.max_response_time = response_time
            entry.response_times[rounded] += 1
        if exception:
            _count_error(stats, request_type, name, exception)

    return on_request


def _entries(stats: Any, request_type: str, name: str) -> tuple[Any, Any]:
    """Return the two entries that an operation counts in, without filling them first."""
    attributes = vars(stats)
    return attributes["total"], attributes["entries"][(name, request_type)]


def _cache(entry: Any, second: int) -> None:
    last = entry.last_request_timestamp
    if entry.use_response_times_cache and last and second > int(last):
        entry._cache_response_times(second - 1)


def _count_error(stats: Any, request_type: str, name: str, error: Any) -> None:
    for entry in _entries(stats, request_type, name):
        entry.log_error(error)
    key = StatsError.create_key(request_type, name, error)
    if key not in stats.errors:
        stats.errors[key] = StatsError(request_type, name, error)
    stats.errors[key].occurred()


class FilledStats(RequestStats):
    """Locust's statistics, filled in bulk as somebody reads them. Latencies are those of successes, milliseconds."""

    total: Any = property(lambda self: self._filled("total"), lambda self, value: self._put("total", value))
    entries: Any = property(lambda self: self._filled("entries"), lambda self, value: self._put("entries", value))

    def _filled(self, name: str) -> Any:
        attributes = vars(self)
        attributes["harvest"]()
        return attributes[name]

    def _put(self, name: str, value: Any) -> None:
        vars(self)[name] = value

    def clear_all(self) -> None:
        """Remove everything, also what is recorded and not filled in yet."""
        vars(self)["harvest"]()
        super().clear_all()

    def fill(self, key: tuple[str, str], taken: LatencyHistogram, content: int, since_s: float, ended_s: float) -> None:
        """Add successes that ended between the two times (seconds since 1970, as Locust's are)."""
        if not taken.requests:
            return
        most_us = taken.max_us or 0
        exact = locust_stats.bucket_response_time is _LOCUSTS_BUCKETS  # users may put their own there
        times: dict[float, int] = defaultdict(int)
        for bucket, count in taken.counts.items():
            time_ms = min(highest_equivalent(bucket), most_us) / 1000
            times[time_ms if exact else locust_stats.bucket_response_time(time_ms)] += count
        if taken.overflows:
            times[most_us / 1000] += taken.overflows
        second = int(ended_s)
        for entry in _entries(self, *key):
            _cache(entry, second)
            entry.num_requests += taken.requests
            first = min(second, int(max(since_s, entry.start_time)))
            each, left = divmod(taken.requests, second - first + 1)
            for at in range(first, second + 1):
                entry.num_reqs_per_sec[at] += each + (second - at < left)
            entry.last_request_timestamp = max(entry.last_request_timestamp or 0.0, ended_s)
            entry.total_response_time += taken.sum_us / 1000
            entry.max_response_time = max(entry.max_response_time, most_us / 1000)
            least = (taken.min_us or 0) / 1000
            known = entry.min_response_time
            entry.min_response_time = least if known is None else min(known, least)
            for time_ms, count in times.items():
                entry.response_times[time_ms] += count
            entry.total_content_length += content

    def count_failure(self, request_type: str, name: str, error: BaseException) -> None:
        """Count a failure that ends now."""
        counter_of(self)(request_type, name, None, 0, error)


def fill_before_reading(stats: Any, harvest: Callable[[], None]) -> FilledStats:
    """Have `harvest` called before somebody reads these statistics; it calls `fill`. Percentiles are ours then."""
    vars(stats)["harvest"] = harvest
    stats.__class__ = FilledStats
    theirs: Any = locust_stats
    theirs.calculate_response_time_percentile = _percentile_by_ceiling
    theirs.StatsCSV._percentile_fields = _exact_percentiles
    filled: FilledStats = stats
    return filled


def _percentile_by_ceiling(response_times: dict[float, int], num_requests: int, percent: float) -> float:
    """Return the value at the rank that our own percentiles have; Locust's own is one higher at times."""
    rank = rank_at(round(percent * 100, 9), num_requests)
    for value in sorted(response_times):
        rank -= response_times[value]
        if rank <= 0:
            return value
    return 0


def _exact_percentiles(file: Any, entry: Any, use_current: bool = False) -> list[Any]:
    """Return the percentiles of an entry for Locust's CSV, which cuts them to whole milliseconds by itself."""
    if not entry.num_requests:
        nothing: list[Any] = file.percentiles_na
        return nothing
    current = use_current and entry.use_response_times_cache
    ask = entry.get_current_response_time_percentile if current else entry.get_response_time_percentile
    return [ask(percent) or 0 for percent in file.percentiles_to_report]


# Users. Locust does not tell whether a user is to stop, and its loop costs more than an operation: each turn draws
# lots, looks at what a task is, and sleeps for no time.


def is_stopping(user: Any) -> bool:
    """Whether the user is to stop after what it is doing."""
    return bool(user._state == LOCUST_STATE_STOPPING)


def user_of(greenlet: Any) -> User | None:
    """Return the user that this greenlet runs, if it runs one. It is forgotten once the greenlet is killed."""
    arguments = getattr(greenlet, "args", None)  # Locust finds it in the same way
    user = arguments[0] if arguments else None
    return user if isinstance(user, User) and user._greenlet is greenlet else None


def begin_waiting(user: User) -> bool:
    """Let Locust stop the user at once while it waits; return False where it is to stop already."""
    if user._state != LOCUST_STATE_RUNNING:
        return False
    user._state = LOCUST_STATE_WAITING
    return True


def end_waiting(user: User) -> None:
    """Have Locust wait for the user's task, before it stops it."""
    user._state = LOCUST_STATE_RUNNING


def is_being_killed(user: User) -> bool:
    """Whether Locust has decided to kill the user's greenlet: it does so in a later turn of the hub."""
    return user._greenlet in user._group.dying


class QuickTurns:
    """A base of task sets, before one of Locust's own: the same turns at less cost."""

    own_waits_s: tuple[float, float] | None = None
    """The least and the most wait of the task set's class, seconds; None where it leaves that to the user."""
    _loop_turn = -1
    _loop: Any = None
    _never_waits = False

    def get_next_task(self) -> Any:
        """Return one of the tasks by chance; the only one where there is one."""
        tasks = self.tasks  # type: ignore[attr-defined]
        return tasks[0] if len(tasks) == 1 else super().get_next_task()  # type: ignore[misc]

    def execute_task(self, task: Any) -> None:
        """Run a task; a function, and an operation's method, is called at once."""
        kind = type(task)
        if kind is FunctionType or (kind is MethodType and task.__self__ is not self):
            task(self)
        else:
            super().execute_task(task)  # type: ignore[misc]

    def wait(self) -> None:
        """Wait as long as `wait_time` says. For no time only where the task has not let others run."""
        user = self._user  # type: ignore[attr-defined]
        if user._state == LOCUST_STATE_STOPPING:
            raise StopUser
        if self._loop is None:
            self._loop = gevent.get_hub().loop
            # Found once: to ask each time is a quarter of what a turn takes.
            self._never_waits = getattr(user, "paced", False) or (
                self.own_waits_s is None
                and getattr(self.wait_time, "__func__", None) is QuickTurns.wait_time
                and getattr(user, "never_waits", False)
            )
        seconds = 0.0 if self._never_waits else self.wait_time()
        turn = self._loop.iteration
        # Whoever has waited for a reply since has let all others run; who fails without asking anybody must do so now.
        if seconds > 0 or turn == self._loop_turn:
            user._state = LOCUST_STATE_WAITING
            self._sleep(seconds)  # type: ignore[attr-defined]
            if user._state == LOCUST_STATE_STOPPING:
                raise StopUser
            user._state = LOCUST_STATE_RUNNING
            turn = self._loop.iteration
        self._loop_turn = turn

    def goes_on(self) -> bool:
        """Whether a task may run its next operation without another turn of Locust's.

        It may where there is no wait and no other task, the user is not to stop, and others have run since the
        operation before.
        """
        if (
            not self._never_waits
            or len(self.tasks) != 1  # type: ignore[attr-defined]
            or self._task_queue  # type: ignore[attr-defined]
            or self._user._state == LOCUST_STATE_STOPPING  # type: ignore[attr-defined]
        ):
            return False
        turn = self._loop.iteration
        if turn == self._loop_turn:
            return False
        self._loop_turn = turn
        return True

    def wait_time(self) -> float:
        """Return how long to wait until the next task, seconds."""
        if self.own_waits_s is None:
            return float(self._user.wait_time())  # type: ignore[attr-defined]
        return random.uniform(*self.own_waits_s)
