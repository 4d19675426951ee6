"""Shared by the tests of the clients: users that never stop, and waiting that lets greenlets run."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import gevent

from lab.zookeeper_server import ZooKeeperServers
from tests.needs import missing
from zk_locust.clients.interface import ClientSettings, ZooKeeperClient
from zk_locust.clients.libzookeeper import library
from zk_locust.contract.errors import ClientError, ConfigurationError

Client = TypeVar("Client", bound=ZooKeeperClient)


def require_library() -> None:
    """Skip the test if the C library is missing; with CI=true fail it."""
    try:
        library.load()
    except ConfigurationError as error:
        missing(f"needs ZooKeeper's C library: {error}")


def until(condition: Callable[[], object], timeout_s: float = 60.0) -> None:
    with gevent.Timeout(timeout_s, AssertionError("the condition did not come true")):
        while not condition():
            gevent.sleep(0.02)


def in_thread(call: Callable[..., Any], *arguments: Any) -> Any:
    """Wait for servers while the client's greenlets run. `begin` and `restart` start them: see there."""
    assert call.__name__ not in ("start", "restart", "start_all"), "a pool's thread ends, and its servers with it"
    return gevent.get_hub().threadpool.apply(call, arguments)


def begin(servers: ZooKeeperServers, index: int) -> None:
    # A server ends with the thread that started it, which must not be one of the pool.
    servers.start(index, wait=False)
    in_thread(servers.wait_ready, index)


def restart(servers: ZooKeeperServers, index: int) -> None:
    in_thread(servers.stop, index)
    begin(servers, index)


def restart_in_turn(servers: ZooKeeperServers, users: "Sequence[User]") -> None:
    """Restart every member, each after all users go on."""
    for index in range(len(servers.members)):
        restart(servers, index)
        for user in users:
            user.goes_on()


def starter(kind: Callable[..., Client]) -> Iterator[Callable[..., Client]]:
    """Give a function that starts clients of a kind; all of them are closed afterwards."""
    clients: list[Client] = []

    def start(
        hosts: str, *, session_s: float = 3.0, connect_s: float = 10.0, operation_s: float = 5.0, **options: Any
    ) -> Client:
        client = kind(ClientSettings(hosts, session_s, connect_s, operation_s), **options)
        clients.append(client)
        client.start()
        return client

    yield start
    for client in clients:
        client.stop()
        client.close()


class User:
    """Reads and writes without end, and counts successes and failures. Only ClientError may be raised."""

    def __init__(self, client: ZooKeeperClient, path: str) -> None:
        self.client, self.path = client, path
        self.done = 0
        self.failed: list[ClientError] = []
        self.longest_s = 0.0
        self.greenlet = gevent.spawn(self._run)

    def _run(self) -> None:
        written = 0
        while True:
            began = time.monotonic()
            try:
                if self.done % 2:
                    written += 1
                    self.client.set(self.path, str(written).encode())
                else:
                    assert int(self.client.get(self.path)[0]) <= written
                self.done += 1
            except ClientError as error:
                self.failed.append(error)
                gevent.sleep(0.01)
            self.longest_s = max(self.longest_s, time.monotonic() - began)
            gevent.sleep(0.001)

    def goes_on(self, timeout_s: float = 20.0) -> None:
        done = self.done
        until(lambda: self.done > done + 20, timeout_s)

    def stop(self) -> None:
        assert not self.greenlet.dead, self.greenlet.exception
        self.greenlet.kill()

    def kinds_of_failures(self) -> set[type[ClientError]]:
        return {type(error) for error in self.failed}
