"""What provokes published bugs of ZooKeeper: real servers, killed and started in an order that brings the bug about.

Each trigger gets members that run, and their load, whose sessions keep a history. Afterwards the state of all that run
is read. Members' logs are on a disk that hangs or is full on command (`faulty_log.c`).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.planted_violations import recorded_session
from lab.zookeeper_server import Member, ServerError, ZooKeeperServers
from reporting.consistency.result import Consistency, of_run
from reporting.read.manifest import Manifest
from zk_locust.clients.interface import ClientSettings
from zk_locust.clients.native.recorded import RecordedNativeClient
from zk_locust.contract.history_format import file_name
from zk_locust.contract.run_files import HISTORY, HISTORY_LOCAL
from zk_locust.load.final_reads import members_of, read_members
from zk_locust.load.journal import Journal

ROOT: Final = "/bug"
WRITES: Final = 10
NEW_EPOCH_S: Final = 15.0
"""How long is waited for what does not come in a release without the bug: until a leader would have given up."""
FAILURE_S: Final = 15.0
COMMITTED_S: Final = 0.5
"""Until a follower has heard of the last commit."""


class Load:
    """Sessions that keep a history, and its check."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = folder / HISTORY / HISTORY_LOCAL
        self._journal = Journal(self._files / file_name("users"), process="users", root=ROOT)

    @contextmanager
    def session(self, member: Member) -> Iterator[RecordedNativeClient]:
        """A session with one member; it is closed at the end of the context."""
        with recorded_session(ClientSettings(member.address, operation_timeout_s=5.0), self._journal) as client:
            yield client

    def create(self, member: Member, name: str) -> None:
        """Have a session create some nodes."""
        with self.session(member) as client:
            for number in range(WRITES):
                client.create(f"{ROOT}/{name}-{number}", b"written")

    def check(self, members: Sequence[Member]) -> Consistency:
        """Read all nodes of each member after a sync, and check the history."""
        self._journal.end()
        settings = ClientSettings(",".join(member.address for member in members))
        told = {"process": "final", "root": ROOT, "workers": 1, "members": members_of(settings)}
        final = Journal(self._files / file_name("final"), **told)
        read_members(lambda own: RecordedNativeClient(own, final), settings, ROOT)
        final.end()
        return of_run(self._folder, Manifest())


Trigger = Callable[[ZooKeeperServers, Load], None]


@dataclass(frozen=True, slots=True)
class Bug:
    """A published bug: its number, what it says, its trigger and how many members that needs.

    `log_line` is what a member logs of a bug that makes members unavailable, and loses nothing.
    """

    number: str
    says: str
    trigger: Trigger
    members: int = 3
    log_line: str = ""


def epoch_before_log(servers: ZooKeeperServers, load: Load) -> None:
    """ZOOKEEPER-4643: a follower has the new epoch on its disk before the transactions that it must have for it.

    It wins the next election over a member that has these transactions, and has that one remove them.
    """
    leader = servers.leader()
    lagging, other = servers.followers()
    servers.kill(lagging)
    load.create(servers.members[leader], "written")
    servers.kill(other)
    with _log_that(servers.members[lagging], "hangs"):
        before = _epoch(servers.members[lagging])
        servers.start(lagging, wait=False)
        _wait_until(lambda: _epoch(servers.members[lagging]) != before, NEW_EPOCH_S)
        servers.kill(lagging)
        servers.kill(leader)
    servers.start(lagging, wait=False)
    servers.start(other, wait=False)
    servers.wait_ready(other)
    servers.wait_ready(lagging)


def log_behind_memory(servers: ZooKeeperServers, load: Load) -> None:
    """ZOOKEEPER-4882: a follower whose disk has failed keeps what it has in memory, and its log goes on with a hole."""
    leader, follower = servers.leader(), servers.followers()[-1]
    member = servers.members[follower]
    with _log_that(member, "full"):
        with _log_that(member, "hangs"):
            load.create(servers.members[leader], "not-logged")
            time.sleep(COMMITTED_S)
        if not _wait_until(lambda: "Severe unrecoverable error" in member.log_tail(1000), FAILURE_S):
            raise ServerError(f"member {member.server_id} has not noticed that its disk is full\n{member.log_tail()}")
    servers.start(follower, wait=False)  # if it has ended
    servers.wait_ready(follower)
    load.create(member, "afterwards")
    servers.kill(follower)
    servers.start(follower)


def ack_out_of_turn(servers: ZooKeeperServers, load: Load) -> None:
    """ZOOKEEPER-4685: a follower acknowledges a transaction where its new leader expects another answer."""
    leader = servers.leader()
    lagging, other = servers.followers()
    servers.kill(lagging)
    load.create(servers.members[leader], "written")
    servers.kill(other)
    before = _epoch(servers.members[lagging])
    servers.start(lagging, wait=False)
    _wait_until(lambda: _epoch(servers.members[lagging]) != before, NEW_EPOCH_S)
    servers.wait_ready(lagging)


def hole_in_committed_log(servers: ZooKeeperServers, load: Load) -> None:
    """ZOOKEEPER-4925: a leader leaves out what it got in its own recovery as it brings a follower up to date."""
    leader = servers.leader()
    stale, new_leader = sorted(servers.followers())[-2:]
    servers.kill(stale)
    load.create(servers.members[leader], "first")
    servers.kill(new_leader)
    load.create(servers.members[leader], "second")
    servers.start(new_leader)
    servers.kill(leader)
    servers.start(stale)


def removed_by_a_hole(servers: ZooKeeperServers, load: Load) -> None:
    """ZOOKEEPER-4925 too: it has the leader before it remove what its own list of transactions lacks.

    Nothing is done here but to kill one member after the other, and to start them again.
    """
    leader, new_leader = servers.leader(), servers.followers()[-1]
    servers.kill(new_leader)
    load.create(servers.members[leader], "written")
    servers.start(new_leader)
    servers.kill(leader)
    servers.start(leader)


BUGS: Final = (
    Bug("ZOOKEEPER-4643", "a follower has the new epoch, and not its transactions", epoch_before_log),
    Bug(
        "ZOOKEEPER-4685", "an acknowledgement out of turn has a leader give up", ack_out_of_turn,
        log_line="is from a different epoch",
    ),
    Bug("ZOOKEEPER-4882", "a log with a hole after a full disk", log_behind_memory),
    Bug("ZOOKEEPER-4925", "a leader's list of transactions with a hole", hole_in_committed_log, 5),
    Bug("ZOOKEEPER-4925", "the same: the leader before is to remove what it has", removed_by_a_hole),
)  # fmt: skip


@contextmanager
def _log_that(member: Member, state: str) -> Iterator[None]:
    """While the context lasts, the disk of the member's log `hangs` or is `full`."""
    file = member.folder / f"log-{state}"
    file.touch()
    try:
        yield
    finally:
        file.unlink()


def _epoch(member: Member) -> str:
    return (member.folder / "data/version-2/currentEpoch").read_text()


def _wait_until(holds: Callable[[], bool], limit_s: float) -> bool:
    """Wait until something holds; return whether it does."""
    deadline = time.monotonic() + limit_s
    while not (found := holds()) and time.monotonic() < deadline:
        time.sleep(0.005)
    return found
