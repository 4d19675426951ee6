"""A locustfile whose worker speaks to the master for many: every message goes out under as many names.

The master has the work of a large fleet, on a machine that has no room for one. Environment: `REPLICAS` is the number
of workers that join the master, this one included.
"""

import os
from typing import Any, cast

import gevent
import locust
from locust.rpc import Message
from locust.runners import WorkerRunner

from locust_extra.stats import register_extra_stats
from zk_locust.locustfiles.locust_get import Get

__all__ = ["REPLICAS", "Get"]

REPLICAS = "REPLICAS"
_NAME = "locust_extra_worker"
_READY = "client_ready"


class Replicas:
    """The socket of a worker and of its replicas: it sends to the master for all, and receives for the first."""

    def __init__(self, runner: Any, count: int) -> None:
        self._own = runner.client
        self._others = {}
        for number in range(2, count + 1):
            name = f"{runner.client_id}-{number}"
            self._others[name] = type(self._own)(runner.master_host, runner.master_port, name)
        for name, socket in self._others.items():
            gevent.spawn(_ignore_all, socket)
            socket.send(Message(_READY, locust.__version__, name))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def send(self, message: Any) -> None:
        """Send a message under each name."""
        self._own.send(message)
        for number, (name, socket) in enumerate(self._others.items(), start=2):
            data = message.data
            if isinstance(data, dict) and _NAME in data:
                data = {**data, _NAME: f"{data[_NAME]}-{number}"}
            socket.send(Message(message.type, data, name))


def _ignore_all(socket: Any) -> None:
    while True:
        socket.recv()


def _replicate(runner: Any, **_: Any) -> None:
    if isinstance(runner, WorkerRunner):
        runner.client = cast(Any, Replicas(runner, int(os.environ[REPLICAS])))


register_extra_stats()
locust.events.init.add_listener(_replicate)
