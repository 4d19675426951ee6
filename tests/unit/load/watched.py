"""The ensemble of a dictionary, with versions and watches that fire."""

# ruff: noqa: ARG002 - the arguments are those of the interface

from collections import defaultdict
from itertools import count
from typing import Any
from unittest.mock import Mock

from kazoo.protocol.states import EventType, KeeperState

from tests.unit.load.fakes import FakeZooKeeper
from zk_locust.clients.interface import Watch, WatchedEvent, ZnodeStat


class WatchedZooKeeper(FakeZooKeeper):
    """A watch fires once, within the request that changes its node; `meanwhile` is called by the next set before that.

    A node with a sequence number gets the next of all numbers.
    """

    def __init__(self) -> None:
        super().__init__()
        self.versions: dict[str, int] = defaultdict(int)
        self.watches: dict[str, list[Watch]] = defaultdict(list)
        self.meanwhile: Any = None
        self._numbers = count()

    def get(self, path: str, watch: Watch | None = None) -> tuple[bytes, ZnodeStat]:
        value, _ = super().get(path)
        self._watch(path, watch)
        return value, self._stat(path)

    def exists(self, path: str, watch: Watch | None = None) -> ZnodeStat | None:
        found = super().exists(path)
        self._watch(path, watch)
        return self._stat(path) if found is not None else None

    def set(self, path: str, value: bytes, version: int = -1) -> ZnodeStat:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        super().set(path, value)
        self.versions[path] += 1
        self._fire(path, EventType.CHANGED)
        return self._stat(path)

    def create(self, path: str, value: bytes = b"", *, ephemeral: bool = False, sequence: bool = False) -> str:
        made = super().create(f"{path}{next(self._numbers):010}" if sequence else path, value)
        self._fire(made, EventType.CREATED)
        return made

    def delete(self, path: str, version: int = -1) -> None:
        super().delete(path)
        self._fire(path, EventType.DELETED)

    def lose_the_session(self) -> None:
        """Tell every watch that the connection is gone."""
        for path in list(self.watches):
            self._fire(path, EventType.NONE, KeeperState.CONNECTING)

    def _watch(self, path: str, watch: Watch | None) -> None:
        if watch is not None and watch not in self.watches[path]:
            self.watches[path].append(watch)

    def _fire(self, path: str, kind: str, state: str = KeeperState.CONNECTED) -> None:
        for watch in self.watches.pop(path, []):
            watch(WatchedEvent(kind, state, path))

    def _stat(self, path: str) -> ZnodeStat:
        return Mock(spec=ZnodeStat, version=self.versions[path], dataLength=len(self.nodes[path]))
