"""The lock recipe: an ephemeral sequential node for each contender, each of which watches the one before it.

Source: ZooKeeper Recipes and Solutions, "Locks". `lock_acquire` is the time from asking to holding, `lock_release` that
of the removal.
"""

import contextlib
import time

import gevent
from gevent.event import Event

from zk_locust.clients.interface import WatchedEvent
from zk_locust.contract.errors import ClientError, NodeExistsError, NoNodeError, OperationTimeoutError
from zk_locust.load.locust_client import LocustClient
from zk_locust.workload.specification import LOCKS, Locks
from zk_locust.workload.steps import Step
from zk_locust.workload.tree import root_of

_SEQUENCE_DIGITS = 10
_HOLDER = "holder"


class TwoHoldersError(ClientError):
    """A lock was given to two at the same time: the ensemble, or this recipe, is broken."""


class LockUser:
    """One user's share in the locks.

    With `check`, the holder makes an ephemeral node of a fixed name, with its own name as the value, while it holds the
    lock. A second holder on any worker finds it: TwoHoldersError. That costs three requests per turn, which are counted
    only if they fail. The place in the queue is kept until that node is gone.
    """

    def __init__(self, client: LocustClient, locks: Locks, number: int) -> None:
        self._client = client
        self._locks = locks
        self._folder = f"{root_of(client.options.pseudo_root)}/{LOCKS}"
        self._prefix = f"u{number}-"
        # Set while a node of ours may stand in a queue although we do not wait there.
        self._left_behind: str | None = None
        # Set while the holder's node there may be ours.
        self._may_hold: str | None = None

    def run(self, step: Step) -> None:
        """Take one lock, hold it, release it."""
        lock = f"{self._folder}/{step.key % self._locks.count}"
        mine, checked_in = None, False
        with self._client.timer("lock_acquire"):
            mine = self._acquire(lock)
            self._left_behind = lock  # an error may take us away from here
            self._check_in(lock)
            checked_in = True
        if mine is None:
            return
        try:
            if checked_in:
                self._note(lock, held=True)
                gevent.sleep(self._locks.hold_s)
        finally:
            if checked_in:
                self._note(lock, held=False)
            with self._client.timer("lock_release", paced=False) as timer:
                self._check_out()
                timer.restart()
                self._client.get_zk_client().delete(mine)
                self._left_behind = None

    def _acquire(self, lock: str) -> str:
        """Return the path of our node once it is the first. Raises ClientError; our node is then gone, or noted."""
        self._remove_left_behind()
        client = self._client.get_zk_client()
        deadline = time.perf_counter() + self._locks.timeout_s
        self._left_behind = lock
        mine = client.create(f"{lock}/{self._prefix}", b"", ephemeral=True, sequence=True)
        try:
            name = mine.rpartition("/")[2]
            while True:
                queue = sorted((each for each in client.get_children(lock) if each != _HOLDER), key=_place)
                if name not in queue:
                    raise OperationTimeoutError("the session that asked for the lock has ended")
                place = queue.index(name)
                if place == 0:
                    self._left_behind = None
                    return mine
                self._wait_for(f"{lock}/{queue[place - 1]}", deadline)
        except ClientError:
            with contextlib.suppress(ClientError):
                client.delete(mine)
                self._left_behind = None
            raise

    def _wait_for(self, predecessor: str, deadline: float) -> None:
        told = Event()

        def on_event(event: WatchedEvent) -> None:
            del event
            told.set()

        if self._client.get_zk_client().exists(predecessor, watch=on_event) is None:
            return
        left_s = deadline - time.perf_counter()
        if left_s <= 0 or not told.wait(left_s):
            raise OperationTimeoutError(f"the lock was not to be had within {self._locks.timeout_s:g} s")

    def _remove_left_behind(self) -> None:
        if self._left_behind is not None:
            self._check_out()
            client = self._client.get_zk_client()
            for name in client.get_children(self._left_behind):
                if name.startswith(self._prefix):
                    client.delete(f"{self._left_behind}/{name}")
            self._left_behind = None

    def _note(self, lock: str, *, held: bool) -> None:
        """Have it in the history, if there is one, from when to when we hold the lock."""
        note = getattr(self._client.get_zk_client(), "note_lock", None)
        if note is not None:
            note(lock, held=held)

    def _check_in(self, lock: str) -> None:
        if self._locks.check:
            self._may_hold = lock
            try:
                self._client.get_zk_client().create(f"{lock}/{_HOLDER}", self._prefix.encode(), ephemeral=True)
            except NodeExistsError:
                if not self._is_ours(lock):
                    self._may_hold = None
                    raise TwoHoldersError(f"{lock} has two holders") from None

    def _check_out(self) -> None:
        if self._may_hold is not None:
            if self._is_ours(self._may_hold):
                with contextlib.suppress(NoNodeError):
                    self._client.get_zk_client().delete(f"{self._may_hold}/{_HOLDER}")
            self._may_hold = None

    def _is_ours(self, lock: str) -> bool:
        """Whether the holder's node is ours: a reply that got lost may have made it, or left it where it was."""
        try:
            value, _ = self._client.get_zk_client().get(f"{lock}/{_HOLDER}")
        except NoNodeError:
            return False
        return value == self._prefix.encode()


def _place(name: str) -> int:
    return int(name[-_SEQUENCE_DIGITS:])
