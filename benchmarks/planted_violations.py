"""A small load with a history through a lying proxy, and the check of that history."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gevent
from kazoo.exceptions import KazooException

from benchmarks.lying_proxy import (
    DoubledEvent,
    DroppedWrite,
    HalvedTransaction,
    KeptEphemeral,
    LateEvent,
    Lie,
    LostEphemeral,
    LostEvent,
    LyingProxy,
    ReusedSequence,
    StaleRead,
    SwappedReplies,
)
from reporting.consistency.result import Consistency, of_run
from reporting.read.manifest import Manifest
from zk_locust.clients.interface import ClientSettings
from zk_locust.clients.kazoo.recorded import RecordedKazooClient
from zk_locust.clients.libzookeeper.recorded import RecordedLibZooKeeperClient
from zk_locust.clients.native import SetData
from zk_locust.clients.native.recorded import RecordedNativeClient
from zk_locust.contract.errors import ClientError
from zk_locust.contract.history_format import file_name
from zk_locust.contract.run_files import HISTORY, HISTORY_LOCAL
from zk_locust.load.history import read_tree
from zk_locust.load.journal import Journal

LIES: Final[dict[str, Callable[[int], Lie]]] = {
    "acknowledged write dropped": DroppedWrite,
    "stale read after a newer one": StaleRead,
    "two replies swapped": SwappedReplies,
    "watch event lost": LostEvent,
    "watch event doubled": DoubledEvent,
    "watch event late": LateEvent,
    "ephemeral node kept": KeptEphemeral,
    "ephemeral node lost": LostEphemeral,
    "transaction halved": HalvedTransaction,
    "sequence number reused": ReusedSequence,
}
TOLD: Final = {
    "native": tuple(LIES),
    "kazoo": tuple(LIES),
    "libzookeeper": (
        "acknowledged write dropped",
        "stale read after a newer one",
        "two replies swapped",
        "watch event lost",
        "watch event late",
        "sequence number reused",
    ),
}
"""By client: the kinds that what it tells can show."""
UNPLACED: Final = ("libzookeeper",)
"""Clients that do not tell of transactions: of them no history is complete."""
NODES: Final = 6
_ERRORS: Final = (ClientError, KazooException)
"""kazoo's own calls, for what the interface lacks, raise kazoo's errors."""
_RECORDED: Final[dict[str, Callable[[ClientSettings, Journal], Any]]] = {
    "native": RecordedNativeClient,
    "kazoo": RecordedKazooClient,
    "libzookeeper": RecordedLibZooKeeperClient,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether the lie was told, and what the check says."""

    told: bool
    found: Consistency


def run_with_lie(
    port: int, folder: Path, lie: Lie, *, seed: int, rounds: int = 20, users: int = 3, client: str = "native"
) -> Outcome:
    """Run users against the server through a proxy that tells the lie, and check. `folder` must be new."""
    with LyingProxy(port, lie) as proxy:
        found = run(proxy.address, folder, seed=seed, rounds=rounds, users=users, client=client)
    return Outcome(lie.told, found)


def run(
    hosts: str,
    folder: Path,
    *,
    seed: int,
    rounds: int,
    users: int,
    client: str = "native",
    meanwhile: Callable[[], object] | None = None,
) -> Consistency:
    """Run users with a kind of client, and `meanwhile` with them; check their history. `folder` must be new."""
    root = f"/planted-{random.randrange(1 << 62)}"
    history = folder / HISTORY / HISTORY_LOCAL
    journal = Journal(history / file_name("users"), process="users", root=root)
    final = Journal(history / file_name("final"), process="final", root=root, workers=1)
    settings = ClientSettings(hosts, operation_timeout_s=5.0)
    with recorded_session(settings, journal) as preparing:
        for path in (root, *(f"{root}/{node}" for node in range(NODES)), f"{root}/queue"):
            preparing.create(path, b"0")
        jobs = [
            gevent.spawn(_User(settings, journal, root, random.Random(f"{seed} {number}"), client).work, rounds)
            for number in range(users)
        ]
        if meanwhile is not None:
            meanwhile()
        gevent.joinall(jobs, raise_error=True)
    journal.end()
    with recorded_session(settings, final) as reader:
        read_tree(reader, root)
    final.end()
    return of_run(folder, Manifest())


@contextmanager
def recorded_session(settings: ClientSettings, journal: Journal, kind: str = "native") -> Iterator[Any]:
    """A session of a kind of client that keeps a history, while the context lasts."""
    client = _RECORDED[kind](settings, journal)
    try:
        client.start()
        yield client
        client.stop()
    finally:
        client.close()


class _User:
    """Does a bit of everything; a second session of its own has an ephemeral node, and ends. Errors are undecided."""

    def __init__(self, settings: ClientSettings, journal: Journal, root: str, chosen: random.Random, kind: str) -> None:
        self._kind = kind
        self._settings = settings
        self._journal = journal
        self._root = root
        self._chosen = chosen

    def work(self, rounds: int) -> None:
        """Take so many turns."""
        with recorded_session(self._settings, self._journal, self._kind) as client:
            for number in range(rounds):
                self._take_turn(client, number)
                if number % 4 == 0:
                    with suppress(*_ERRORS):
                        self._come_and_go(client, f"{self._root}/e-{self._chosen.randrange(1 << 60)}")

    def _take_turn(self, client: Any, number: int) -> None:
        a, b = (f"{self._root}/{each}" for each in self._chosen.sample(range(NODES), 2))
        value = f"{number} {self._chosen.randbytes(4).hex()}".encode()

        def write(path: str, new: bytes) -> None:
            with suppress(*_ERRORS):
                client.set(path, new)

        write(a, value)
        with suppress(*_ERRORS):
            client.get(a, watch=lambda _: None)
        gevent.joinall([gevent.spawn(write, a, value + b"a"), gevent.spawn(write, b, value + b"b")])
        with suppress(*_ERRORS):
            client.get(b)
            _write_both(client, (a, value + b"m"), (b, value + b"n"))
            client.get(b)
            client.create(f"{self._root}/queue/n-", value, sequence=True)

    def _come_and_go(self, client: Any, path: str) -> None:
        with recorded_session(self._settings, self._journal, self._kind) as short:
            short.create(path, b"here", ephemeral=True)
            _sync(client, path)
            client.exists(path)
            client.exists(path)
        _sync(client, path)
        client.exists(path)


def _write_both(client: Any, *writes: tuple[str, bytes]) -> None:
    """Set two nodes in one transaction, by a client that has any."""
    if isinstance(client, RecordedNativeClient):
        client.multi([SetData(*write) for write in writes])
    elif isinstance(client, RecordedKazooClient):
        transaction = client.transaction()
        for write in writes:
            transaction.set_data(*write)
        transaction.commit()


def _sync(client: Any, path: str) -> None:
    if not isinstance(client, RecordedLibZooKeeperClient):
        client.sync(path)
