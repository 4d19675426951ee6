"""Every place where the load uses Locust's private names or patches Locust.

No other file of zk_locust or of the collectors touches a private name of Locust or patches it
(`tests/unit/test_locust_internals.py`). A new version of Locust is checked against this file.
"""

import os
import random
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from types import FunctionType, MethodType
from typing import Any, Final

import gevent
from configargparse import ConfigFileParserException
from locust import runners
from locust import stats as locust_stats
from locust.argument_parser import get_empty_argument_parser
from locust.event import EventHook
from locust.exception import StopUser
from locust.rpc import zmqrpc
from locust.user import User
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING

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


def report_every(seconds: float) -> None:
    """Have this worker report to its master so often. Locust reads this at every turn."""
    runners.WORKER_REPORT_INTERVAL = seconds


def stop_and_send_last_figures(runner: Any) -> None:
    """Stop this worker's users, and send what its statistics have."""
    runner.stop()
    runner._send_stats()


# The summary. Locust's listener calls four functions for each of two entries, the operation's and the total: a fifth
# of a core on a worker that sends ten thousand requests a second.

_LOCUSTS_OWN: Final = "Runner.__init__.<locals>.on_request"


def count_requests_quickly(environment: Any, runner: Any) -> None:
    """Replace Locust's own listener by ours."""
    handlers = environment.events.request._handlers
    for place, handler in enumerate(handlers):
        if runner is not None and getattr(handler, "__qualname__", "") == _LOCUSTS_OWN:
            handlers[place] = counter_of(environment.stats)


def counter_of(stats: Any) -> Callable[..., None]:
    """Return a listener that counts requests in `stats`, a `locust.stats.RequestStats`.

    It gives the numbers that Locust's own listener gives, at a third of the cost.
    """

    def on_request(
        request_type: str,
        name: str,
        response_time: float | None,
        response_length: int,
        exception: BaseException | None = None,
        **_: Any,
    ) -> None:
        if response_time is None:
            stats.log_request(request_type, name, response_time, response_length)
        else:
            now = time.time()
            second = int(now)
            rounded = locust_stats.bucket_response_time(response_time)  # users may put their own there
            for entry in (stats.total, stats.entries[(name, request_type)]):
                last = entry.last_request_timestamp
                if entry.use_response_times_cache and last and second > int(last):
                    entry._cache_response_times(second - 1)
                entry.num_requests += 1
                entry.num_reqs_per_sec[second] += 1
                entry.last_request_timestamp = now
                entry.total_response_time += response_time
                least = entry.min_response_time
                if least is None or response_time < least:
                    entry.min_response_time = response_time
                if response_time > entry.max_response_time:
                    entry.max_response_time = response_time
                entry.response_times[rounded] += 1
                entry.total_content_length += response_length
        if exception:
            stats.log_error(request_type, name, exception)

    return on_request


# Users. Locust does not tell whether a user is to stop, and its loop costs more than an operation: each turn draws
# lots, looks at what a task is, and sleeps for no time.


def is_stopping(user: Any) -> bool:
    """Whether the user is to stop after what it is doing."""
    return bool(user._state == LOCUST_STATE_STOPPING)


def user_of(greenlet: Any) -> User | None:
    """Return the user that this greenlet runs, if it is one of Locust's. It is forgotten once the greenlet is killed."""
    arguments = getattr(greenlet, "args", None)  # Locust finds it in the same way
    return arguments[0] if arguments and isinstance(arguments[0], User) else None


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
