"""What the tests of the libzookeeper client do with servers and clients."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent

from lab.zookeeper_server import ZooKeeperServers
from tests.integration.clients import in_thread, until
from zk_locust.clients.libzookeeper import LibZooKeeperClient
from zk_locust.contract.errors import ClientError

Start = Callable[..., LibZooKeeperClient]


def pause(servers: ZooKeeperServers, index: int) -> None:
    servers.pause(index)
    process = servers.members[index].process
    assert process is not None
    # Its threads stop one after the other, and may answer until then.
    threads = Path(f"/proc/{process.pid}/task")
    until(lambda: all(") T " in (thread / "stat").read_text() for thread in threads.iterdir()))


def outcome_of(call: Callable[..., Any], *arguments: Any) -> Any:
    """Return the result of a call in a greenlet, or its error as a value."""
    try:
        return call(*arguments)
    except ClientError as error:
        return error


def member_of(client: LibZooKeeperClient, servers: ZooKeeperServers) -> int:
    until(lambda: client.connected)
    return [member.address for member in servers.members].index(str(client.member))


def on_a_follower(start: Start, servers: ZooKeeperServers, **options: Any) -> tuple[LibZooKeeperClient, int]:
    """Return a client and the follower it is connected to: a paused leader would stop all members."""
    followers = in_thread(servers.followers)
    while True:
        client = start(servers.hosts, **options)
        if member_of(client, servers) in followers:
            return client, member_of(client, servers)
        client.stop()


def descriptor(client: LibZooKeeperClient) -> int:
    assert client._handle is not None
    return int(client._handle._descriptor[0])


class Ticks:
    """How long the hub kept a greenlet waiting that should run every 5 ms."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self.greenlet = gevent.spawn(self._run)

    def _run(self) -> None:
        while True:
            before = time.monotonic()
            gevent.sleep(0.005)
            self.longest_s = max(self.longest_s, time.monotonic() - before)
