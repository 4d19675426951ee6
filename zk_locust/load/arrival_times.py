"""Notes in `events.csv` that a kernel gives no arrival times of replies: service time then contains client delay."""

from functools import partial
from typing import Any, Final

import gevent
from locust.runners import MasterRunner, WorkerRunner

from zk_locust.clients.native.arrival import stamps
from zk_locust.contract.events import NO_ARRIVAL_TIMES
from zk_locust.load.locust_internals import worker_name
from zk_locust.load.stages import happened

_MESSAGE: Final = "zk_locust_no_arrival_times"


def tell_if_missing(environment: Any, runner: Any) -> None:
    """Have this process note it once, or tell its master. A master has no sessions of its own."""
    if isinstance(runner, WorkerRunner):
        stamps.on_problem = lambda problem: gevent.spawn(_send, runner, problem)
    else:
        stamps.on_problem = partial(_note, environment, "local")
    if isinstance(runner, MasterRunner):
        runner.register_message(_MESSAGE, _on_message)


def _send(runner: Any, problem: str) -> None:
    runner.send_message(_MESSAGE, {"worker": worker_name(runner), "problem": problem})


def _on_message(environment: Any, msg: Any, **_: Any) -> None:
    _note(environment, str(msg.data["worker"]), str(msg.data["problem"]))


def _note(environment: Any, subject: str, problem: str) -> None:
    detail = f"service time contains client delay there: {problem}"
    happened.fire(environment=environment, event=NO_ARRIVAL_TIMES, subject=subject, detail=detail)
