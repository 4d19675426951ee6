"""What becomes of a refusal: strangers and false masters become events; a worker without its secrets ends."""

import logging
import os
import sys
from collections.abc import Callable
from typing import Any, Final

import gevent
from locust.runners import MasterRunner, WorkerRunner

from zk_locust.contract.events import FALSE_MASTER_REFUSED, STRANGER_REFUSED
from zk_locust.contract.parameters import find
from zk_locust.load.patience import WORKER_NAME_VARIABLE
from zk_locust.load.run_sockets import TOO_MANY_FAILED, missing_secrets
from zk_locust.load.stages import happened

_MESSAGE: Final = "zk_locust_false_master"
_LOOK_S: Final = 1.0
_EXIT_CODE: Final = 2

logger = logging.getLogger(__name__)


def register_refusals(environment: Any, runner: Any, **_: Any) -> None:
    """Watch over who joins (a listener of `events.init`)."""
    if isinstance(runner, MasterRunner):
        look = _strangers_at(environment, runner)
        runner.register_message(_MESSAGE, _on_false_master)
    elif isinstance(runner, WorkerRunner):
        look = _false_masters_of(runner)
        # Before any other listener makes a client.
        environment.events.test_start._handlers.insert(0, _require_own_secrets)
    else:
        return
    watching = gevent.spawn(_every_second, look)

    def end(**_: Any) -> None:
        watching.kill()
        look()

    environment.events.quitting.add_listener(end)


def _every_second(look: Callable[[], None]) -> None:
    while True:
        gevent.sleep(_LOOK_S)
        look()


def _strangers_at(environment: Any, runner: Any) -> Callable[[], None]:
    def look() -> None:
        handshakes = getattr(runner.server, "handshakes", None)
        for address in handshakes.newly_refused() if handshakes is not None else ():
            logger.warning("Refused a process at %s: it did not prove this run's token", address)
            happened.fire(
                environment=environment,
                event=STRANGER_REFUSED,
                subject=address,
                detail="it did not prove this run's token; it got no message and no share of the load",
            )

    return look


def _on_false_master(environment: Any, msg: Any, **_: Any) -> None:
    happened.fire(
        environment=environment,
        event=FALSE_MASTER_REFUSED,
        subject=str(msg.data["worker"]),
        detail=f"what it reached in place of the master did not prove this run's token, {int(msg.data['times'])} times",
    )


def _false_masters_of(runner: Any) -> Callable[[], None]:
    told = 0

    def look() -> None:
        nonlocal told
        handshakes = getattr(runner.client, "handshakes", None)
        if handshakes is None or handshakes.failed_in_a_row:  # not back at the master
            return
        if handshakes.failed - told >= TOO_MANY_FAILED:
            told = handshakes.failed
            worker = os.environ.get(WORKER_NAME_VARIABLE) or runner.client_id
            runner.send_message(_MESSAGE, {"worker": worker, "times": told})

    return look


def _require_own_secrets(environment: Any, **_: Any) -> None:
    """End this worker where it lacks a secret that the master has: it would drive another load than was asked for."""
    missing = missing_secrets(getattr(environment.runner.client, "asked", ()), vars(environment.parsed_options))
    if not missing:
        return
    names = [parameter.environment if (parameter := find(name)) else name.upper() for name in missing]
    print(
        f"zk-locust: the master has {' and '.join(names)}, and this worker has not; secrets are not sent: set the same "
        "on every worker",
        file=sys.stderr,
    )
    environment.process_exit_code = _EXIT_CODE
    environment.runner.quit()
