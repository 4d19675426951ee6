"""A client without an ensemble, and what stands around it."""

# ruff: noqa: ARG002 - the arguments are those of the interface

from collections.abc import Iterable, Iterator
from typing import Any
from unittest.mock import Mock

from locust.env import Environment
from locust.event import Events

from zk_locust.clients.interface import LastReply, Watch, ZnodeStat
from zk_locust.clients.native import Create, Delete, GetChildren
from zk_locust.contract.errors import NodeExistsError, NoNodeError, NotEmptyError, ServerError
from zk_locust.contract.options import Options
from zk_locust.load.locust_client import LocustClient


class FakeZooKeeper:
    """Nodes in a dictionary. `problems` are raised by the next requests, one each; `starts` by the next starts."""

    def __init__(self) -> None:
        self.last_reply = LastReply()
        self.nodes: dict[str, bytes] = {"/": b""}
        self.problems: list[BaseException | None] = []
        self.start_problems: list[BaseException | None] = []
        self.requests: list[tuple[str, str]] = []
        self.starts = self.stops = self.closes = 0
        self.connected = False

    def start(self) -> None:
        self.starts += 1
        self._raise_next(self.start_problems)
        self.connected = True

    def stop(self) -> None:
        self.stops += 1
        self.connected = False

    def close(self) -> None:
        self.closes += 1

    def get(self, path: str, watch: Watch | None = None) -> tuple[bytes, ZnodeStat]:
        self._request("get", path)
        if path not in self.nodes:
            raise NoNodeError(path)
        return self.nodes[path], Mock(spec=ZnodeStat)

    def get_value(self, path: str, watch: Watch | None = None) -> bytes:
        return self.get(path, watch)[0]

    def exists(self, path: str, watch: Watch | None = None) -> ZnodeStat | None:
        self._request("exists", path)
        return Mock(spec=ZnodeStat) if path in self.nodes else None

    def set(self, path: str, value: bytes, version: int = -1) -> ZnodeStat:
        self._request("set", path)
        if path not in self.nodes:
            raise NoNodeError(path)
        self.nodes[path] = value
        return Mock(spec=ZnodeStat)

    def create(self, path: str, value: bytes = b"", *, ephemeral: bool = False, sequence: bool = False) -> str:
        self._request("create", path)
        if path in self.nodes:
            raise NodeExistsError(path)
        if (path.rpartition("/")[0] or "/") not in self.nodes:
            raise NoNodeError(path)
        self.nodes[path] = value
        return path

    def delete(self, path: str, version: int = -1) -> None:
        self._request("delete", path)
        self.nodes.pop(path)

    def get_children(self, path: str, watch: Watch | None = None, include_data: bool = False) -> Any:
        self._request("get_children", path)
        if path not in self.nodes:
            raise NoNodeError(path)
        prefix = path.rstrip("/") + "/"
        return [
            name.removeprefix(prefix) for name in self.nodes if name != "/" and name.rpartition("/")[0] + "/" == prefix
        ]

    def pipeline(self, requests: Iterable[Any], window: int = 256) -> Iterator[Any]:
        """Carry out the requests of the native client's pipeline."""
        for request in requests:
            try:
                match request:
                    case Create():
                        yield self.create(request.path, request.value)
                    case GetChildren():
                        yield self.get_children(request.path)
                    case Delete():
                        if self.get_children(request.path):
                            raise NotEmptyError(request.path)
                        self.delete(request.path)
                        yield None
            except ServerError as error:
                yield error

    def _request(self, kind: str, path: str) -> None:
        self.requests.append((kind, path))
        self._raise_next(self.problems)

    @staticmethod
    def _raise_next(problems: list[BaseException | None]) -> None:
        problem = problems.pop(0) if problems else None
        if problem is not None:
            raise problem


class Recorded:
    """Locust's events, and the requests that were fired: (name, exception) each."""

    def __init__(self) -> None:
        self.events = Events()
        self.fired: list[tuple[str, BaseException | None]] = []
        self.times_ms: list[float] = []
        self.lengths: list[int] = []
        self.events.request.add_listener(self._on_request)

    def _on_request(
        self, name: str, exception: BaseException | None, response_time: float, response_length: int, **_: Any
    ) -> None:
        self.fired.append((name, exception))
        self.times_ms.append(response_time)
        self.lengths.append(response_length)

    @property
    def kinds(self) -> list[tuple[str, str | None]]:
        """Return (name, type of the failure or None) of each request."""
        return [(name, type(error).__name__ if error else None) for name, error in self.fired]


def options(**values: Any) -> Options:
    """Return options with defaults, but for `values` by their destination in Locust's parsed options."""
    return Options.of(Mock(spec_set=list(values) or ["none"], **values))


def locust_client(
    zookeeper: FakeZooKeeper, recorded: Recorded, pseudo_root: str = "/kl", **values: Any
) -> LocustClient:
    """Return a client for operations, on a fake ensemble."""
    client = LocustClient(options(**values), pseudo_root=pseudo_root, events=recorded.events)
    client._zk = zookeeper
    return client


def environment(recorded: Recorded, **values: Any) -> Environment:
    """Return a Locust environment with `values` as parsed options."""
    return Environment(events=recorded.events, parsed_options=Mock(spec_set=list(values) or ["none"], **values))
