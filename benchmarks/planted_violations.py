"""A small load with a history through a lying proxy, and the check of that history."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import gevent
import gevent.socket
from kazoo.exceptions import KazooException

from benchmarks.lies import (
    OWN,
    DoubledEvent,
    DroppedWrite,
    HalvedTransaction,
    HalvedWithoutReply,
    HiddenChild,
    InventedChild,
    KeptEphemeral,
    LateEvent,
    LostEphemeral,
    LostEvent,
    ReusedSequence,
    StaleRead,
    SwappedReplies,
)
from benchmarks.lying_proxy import Lie, LyingProxy
from reporting.consistency.result import Consistency, of_run
from reporting.read.manifest import Manifest
from zk_locust.clients.interface import ClientSettings
from zk_locust.clients.kazoo.recorded import RecordedKazooClient
from zk_locust.clients.libzookeeper.recorded import RecordedLibZooKeeperClient
from zk_locust.clients.native import SetData, protocol
from zk_locust.clients.native.recorded import RecordedNativeClient
from zk_locust.contract.errors import ClientError
from zk_locust.contract.history_format import file_name
from zk_locust.contract.run_files import HISTORY, HISTORY_LOCAL
from zk_locust.load.final_reads import members_of, read_members
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
    "transaction without a reply halved": HalvedWithoutReply,
    "sequence number reused": ReusedSequence,
    "child left out": HiddenChild,
    "child invented": InventedChild,
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
KEPT_AFTER_EXPIRY: Final = "ephemeral node kept after expiry"
"""A kind that needs a load of its own (`run_with_expiry`), of clients that tell of transactions."""
_SHORT_S: Final = 0.5
_LOOKS, _LOOK_S = 24, 0.5
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


def run_with_expiry(port: int, folder: Path, lie: Lie, *, client: str = "native") -> Outcome:
    """Have a session with an ephemeral node expire, look for the node when it has to be gone, and check.

    It takes about 12 s. `folder` must be new.
    """
    with LyingProxy(port, lie) as proxy:
        found = run(proxy.address, folder, seed=0, rounds=0, users=0, client=client, beside=partial(_expire, client))
    return Outcome(lie.told, found)


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
    beside: Callable[[ClientSettings, Journal, str], object] | None = None,
) -> Consistency:
    """Run users with a kind of client, and `meanwhile` with them; check their history. `folder` must be new.

    `beside` works with sessions of its own, below the root that it is given.
    """
    root = f"/planted-{random.randrange(1 << 62)}"
    settings = ClientSettings(hosts, operation_timeout_s=5.0)
    history = folder / HISTORY / HISTORY_LOCAL
    journal = Journal(history / file_name("users"), process="users", root=root)
    final = Journal(
        history / file_name("final"), process="final", root=root, workers=1, members=members_of(settings)
    )  # fmt: skip
    with recorded_session(settings, journal) as preparing:
        for path in (root, *(f"{root}/{node}" for node in range(NODES)), f"{root}/queue"):
            preparing.create(path, b"0")
        jobs = [
            gevent.spawn(_User(settings, journal, root, random.Random(f"{seed} {number}"), client).work, rounds)
            for number in range(users)
        ]
        if beside is not None:
            jobs.append(gevent.spawn(beside, settings, journal, root))
        if meanwhile is not None:
            meanwhile()
        gevent.joinall(jobs, raise_error=True)
    journal.end()
    read_members(lambda own: RecordedNativeClient(own, final), settings, root)
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


def _expire(kind: str, settings: ClientSettings, journal: Journal, root: str) -> None:
    """End a session with an ephemeral node from elsewhere, and ask for the node until long after that."""
    path, short_lived = f"{root}/x", replace(settings, session_timeout_s=_SHORT_S)
    with recorded_session(settings, journal, kind) as other, recorded_session(short_lived, journal, kind) as short:
        short.create(path, b"here", ephemeral=True)
        other.sync(path)
        other.exists(path)
        _end_session(settings.hosts, *_credentials(short))
        for _ in range(_LOOKS):
            gevent.sleep(_LOOK_S)
            other.set(root, b"still here")
        other.exists(path)


def _credentials(client: Any) -> tuple[int, bytes]:
    """Return id and password of a session."""
    if isinstance(client, RecordedKazooClient):
        number, password = client._kazoo.client_id
        return int(number), password
    return client._session.session_id, client._session._password


def _end_session(address: str, number: int, password: bytes) -> None:
    """Close a session on another connection, so that its client is told that it has expired."""
    host, port = address.split(":")
    with gevent.socket.create_connection((host, int(port)), 5) as connection:
        connection.sendall(protocol.connect_frame(0, 4_000, number, password))
        connection.sendall(protocol.request_frame(1, protocol.CLOSE_SESSION, b""))
        while connection.recv(4096):
            pass


class _User:
    """Does a bit of everything; a second session of its own has an ephemeral node, and ends. Errors are undecided."""

    def __init__(self, settings: ClientSettings, journal: Journal, root: str, chosen: random.Random, kind: str) -> None:
        self._kind = kind
        self._settings = settings
        self._journal = journal
        self._root = root
        self._chosen = chosen
        self._own = tuple(f"{root}{OWN}{chosen.randrange(1 << 60)}" for _ in range(2))

    def work(self, rounds: int) -> None:
        """Take so many turns."""
        with recorded_session(self._settings, self._journal, self._kind) as client:
            for path in self._own:
                with suppress(*_ERRORS):
                    client.create(path, b"0")
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
        for one, other in ((a, b), self._own):
            with suppress(*_ERRORS):
                client.get(other)
                _write_both(client, (one, value + b"m"), (other, value + b"n"))
            with suppress(*_ERRORS):
                client.get(one)
                client.get(other)
        with suppress(*_ERRORS):
            client.create(f"{self._root}/queue/n-", value, sequence=True)
            client.get_children(f"{self._root}/queue")
            client.get_children(self._root, include_data=True)
            client.exists(self._root)  # a list may be of any state until the session's next reply

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
