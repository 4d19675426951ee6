"""Events for refused processes: strangers at the master, and false masters that a worker reached.

ZeroMQ reports failed handshakes with the connection's descriptor only, which may be closed and reused before the report
is read. So an address is used only if the descriptor was still the connection's own.
"""

import logging
import os
import socket
import time
from collections.abc import Callable
from typing import Any, Final

import gevent
import zmq
import zmq.green
from locust.runners import MasterRunner
from zmq.utils.monitor import parse_monitor_message

from zk_locust.contract.events import FALSE_MASTER_REFUSED, STRANGER_REFUSED
from zk_locust.load.locust_internals import WORKER_NAME_VARIABLE
from zk_locust.load.stages import happened

UNKNOWN: Final = "an unknown address"
TOO_MANY_FAILED: Final = 3
"""So many handshakes that fail in a row make a false master; one may be the end of the run's own."""
MOST_TOLD: Final = 20
"""Addresses beyond these are not told: whoever has many could fill the disk."""
_UNKNOWN_AFTER_S: Final = 2.0
_MESSAGE: Final = "zk_locust_false_master"
_LOOK_S: Final = 1.0
_FAILED: Final = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)
_WATCHED: Final = _FAILED | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED

logger = logging.getLogger(__name__)


class Handshakes:
    """Watches one socket. `failed_in_a_row` counts since the last handshake that succeeded, `failed` all."""

    def __init__(self, watched: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self.failed = 0
        self.failed_in_a_row = 0
        self._clock = clock
        self._watched = watched
        self._peers: dict[int, str] = {}
        self._refused: set[str] = set()
        self._unsure: set[str] = set()
        self._told: set[str] = set()
        self._unknown_since: float | None = None
        self._reports = watched.get_monitor_socket(_WATCHED)
        self._greenlet = gevent.spawn(self._run)

    def close(self) -> None:
        """Stop watching."""
        self._greenlet.kill(block=False)
        self._watched.disable_monitor()

    def newly_refused(self) -> list[str]:
        """Return the addresses that were refused and have not been returned yet; `UNKNOWN` where none can be told."""
        # Who is connected now may have got the descriptor of the refused one before it was looked up.
        connected = self._unsure & set(self._peers.values())
        self._refused |= self._unsure - connected
        self._unsure.clear()
        if connected and self._unknown_since is None:
            self._unknown_since = self._clock()
        new = sorted(self._refused - self._told)[: MOST_TOLD - len(self._told)]
        waited_s = self._clock() - self._unknown_since if self._unknown_since is not None else 0.0
        if not new and not self._told and waited_s > _UNKNOWN_AFTER_S:
            new = [UNKNOWN]
        self._told.update(new)
        return new

    def _run(self) -> None:
        while True:
            batch = [self._with_peer(parse_monitor_message(self._reports.recv_multipart()))]
            while True:
                try:
                    message = self._reports.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                batch.append(self._with_peer(parse_monitor_message(message)))
            self.take(batch)

    def _with_peer(self, report: Any) -> tuple[int, int, str]:
        event, value = int(report["event"]), int(report["value"])
        return event, value, _peer_of(value) if event == zmq.EVENT_ACCEPTED else ""

    def take(self, batch: list[tuple[int, int, str]]) -> None:
        """Take (event, value, peer) in their order: all that had been reported when the peers were looked up."""
        accepted_here: set[int] = set()
        for place, (event, value, peer) in enumerate(batch):
            if event == zmq.EVENT_ACCEPTED:
                # Accepted once more in this batch: the look-up has found the later connection.
                again = any(later[:2] == (zmq.EVENT_ACCEPTED, value) for later in batch[place + 1 :])
                self._peers[value] = "" if again else peer
                accepted_here.add(value)
            elif event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self.failed_in_a_row = 0
            elif event & _FAILED:
                self.failed += 1
                self.failed_in_a_row += 1
                # A connection's end is reported right after its failure.
                ended = batch[place + 1] if place + 1 < len(batch) else (0, 0, "")
                address = self._peers.get(ended[1], "") if ended[0] == zmq.EVENT_DISCONNECTED else ""
                if address and ended[1] in accepted_here:
                    self._unsure.add(address)
                elif address:
                    self._refused.add(address)
                elif self._unknown_since is None:
                    self._unknown_since = self._clock()
            elif event == zmq.EVENT_DISCONNECTED:
                self._peers.pop(value, None)


def _peer_of(descriptor: int) -> str:
    """Return the address at the other end of a TCP connection of this process, empty where it cannot be told."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as connection:
            return str(connection.getpeername()[0]).removeprefix("::ffff:")
    except (OSError, IndexError):
        return ""


class Refusals:
    """Looks every second whether somebody was refused, on the master or on a worker."""

    def __init__(self, environment: Any, runner: Any) -> None:
        if isinstance(runner, MasterRunner):
            self._look = _strangers_at(environment, runner)
            runner.register_message(_MESSAGE, _on_false_master)
        else:
            self._look = _false_masters_of(runner)
        self._watching = gevent.spawn(self._run)

    def on_quitting(self, **_: Any) -> None:
        """Look for the last time."""
        self._watching.kill()
        self._look()

    def _run(self) -> None:
        while True:
            gevent.sleep(_LOOK_S)
            self._look()


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
