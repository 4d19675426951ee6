"""The operations of one user of a workload: each runs and times one step."""

from collections import deque
from collections.abc import Callable
from functools import lru_cache, partial

from zk_locust.clients.interface import Watch
from zk_locust.contract.errors import NodeExistsError, NoNodeError
from zk_locust.load.locust_client import LocustClient
from zk_locust.load.operations.nodes import ignore
from zk_locust.workload.keys import key_chooser
from zk_locust.workload.specification import MADE, OPERATIONS, TREE, Tree, Workload
from zk_locust.workload.steps import Step, user_random
from zk_locust.workload.tree import node_paths, root_of


@lru_cache(maxsize=2)
def paths_of(root: str, tree: Tree) -> tuple[str, ...]:
    """Return the full paths of the nodes with values, by their numbers. All users of a process share the tuple."""
    return tuple(f"{root}/{TREE}{path}" for path in node_paths(tree))


class Operations:
    """What the user with this number does for each kind of step.

    `get_children` lists the folder of the step's node; where users have ephemeral nodes, it lists the node itself, for
    they stand below it.
    """

    def __init__(self, client: LocustClient, workload: Workload, number: int) -> None:
        root = root_of(client.options.pseudo_root)
        self._client = client
        # A user runs one operation at a time, so one timer for each kind will do.
        self._timers = {name: client.timer(name) for name in (*OPERATIONS, "create_ephemeral", "delete_ephemeral")}
        self._workload = workload
        self._paths = paths = paths_of(root, workload.tree)
        self._listed: Callable[[int], str] = (
            paths.__getitem__ if workload.ephemerals_per_user else lambda key: paths[key].rpartition("/")[0]
        )
        self._made_prefix = f"{root}/{MADE}/{number}-"
        self._made: deque[str] = deque()
        self._made_count = 0
        self._owed_deletes = 0
        self._name = f"e{number}-"
        self._ephemeral_key = key_chooser(
            workload.keys, workload.tree.nodes, user_random(workload, number, "ephemerals")
        )
        self._ephemerals: deque[str] = deque()
        self._ephemeral_count = 0
        self._undecided: str | None = None

    def table(self) -> dict[str, Callable[[Step], None]]:
        """Return what carries out each operation of `specification.OPERATIONS`, except the lock."""
        # The watch is always the same one, so that a session has one on each node at most.
        readings = {"exists_watch": self.exists, "get_children_watch": self.get_children}
        watching = {name: partial(read, name=name, watch=ignore) for name, read in readings.items()}
        gets = {"get": self._get("get", None), "get_watch": self._get("get_watch", ignore)}
        others = [name for name in OPERATIONS if name not in ("lock", *watching, *gets)]
        return gets | watching | {name: getattr(self, name) for name in others}

    def _get(self, name: str, watch: Watch | None) -> Callable[[Step], None]:
        """Return what reads a value; the event's response length is its length."""
        # Most loads are reads: attributes are looked up once, and the timer is used without `with`, which takes longer.
        timer, paths, client = self._timers[name], self._paths, self._client
        begin, success, ended_by = timer.begin, timer.success, timer.ended_by

        def get(step: Step) -> None:
            begin()
            try:
                value = client.get_zk_client().get_value(paths[step.key], watch)
            except BaseException as error:
                if not ended_by(error):
                    raise
            else:
                success(len(value))

        return get

    def set(self, step: Step) -> None:
        """Replace a value."""
        with self._timers["set"] as timer:
            self._client.get_zk_client().set(self._paths[step.key], step.value)
            timer.success(len(step.value))

    def exists(self, step: Step, name: str = "exists", watch: Watch | None = None) -> None:
        """Ask for a stat."""
        with self._timers[name]:
            self._client.get_zk_client().exists(self._paths[step.key], watch)

    def get_children(self, step: Step, name: str = "get_children", watch: Watch | None = None) -> None:
        """List children; the event's response length is their number."""
        with self._timers[name] as timer:
            timer.success(len(self._client.get_zk_client().get_children(self._listed(step.key), watch)))

    def create(self, step: Step) -> None:
        """Make a node of the user's own, or remove one where a removal is owed."""
        if self._owed_deletes and self._made:
            self._owed_deletes -= 1
            self._remove_oldest()
        else:
            self._make(step.value)

    def delete(self, step: Step) -> None:
        """Remove the user's oldest node; where there is none, make one now and remove it at the next creation."""
        if self._made:
            self._remove_oldest()
        else:
            self._owed_deletes += 1
            self._make(step.value)

    def churn(self, step: Step) -> None:
        """Remove the user's oldest ephemeral node and make a new one below another: the number stays."""
        del step
        if len(self._ephemerals) >= self._workload.ephemerals_per_user:
            with self._timers["delete_ephemeral"]:
                try:
                    self._client.get_zk_client().delete(self._ephemerals[0])
                except NoNodeError:
                    self._ephemerals.popleft()  # it went with a session that has expired
                    raise
                self._ephemerals.popleft()
        if len(self._ephemerals) < self._workload.ephemerals_per_user:
            with self._timers["create_ephemeral"]:
                self._make_ephemeral()

    def make_ephemerals(self) -> None:
        """Make the user's ephemeral nodes, as far as they are missing. Raises ClientError."""
        while len(self._ephemerals) < self._workload.ephemerals_per_user:
            self._make_ephemeral()

    def _make_ephemeral(self) -> None:
        # A creation whose reply was lost may have been carried out: its path is tried again, not another one.
        path = self._undecided
        if path is None:
            path = self._undecided = f"{self._paths[self._ephemeral_key()]}/{self._name}{self._ephemeral_count}"
            self._ephemeral_count += 1
        try:
            self._client.get_zk_client().create(path, b"", ephemeral=True)
        except NodeExistsError:
            self._ephemerals.append(path)
            self._undecided = None
            raise
        self._ephemerals.append(path)
        self._undecided = None

    def _make(self, value: bytes) -> None:
        path = f"{self._made_prefix}{self._made_count}"
        with self._timers["create"] as timer:
            try:
                self._client.get_zk_client().create(path, value)
            except NodeExistsError:
                self._made_count += 1  # the creation whose reply was lost has been carried out
                self._made.append(path)
                raise
            self._made_count += 1
            self._made.append(path)
            timer.success(len(value))

    def _remove_oldest(self) -> None:
        with self._timers["delete"]:
            try:
                self._client.get_zk_client().delete(self._made[0])
            except NoNodeError:
                self._made.popleft()  # the removal whose reply was lost has been carried out
                raise
            self._made.popleft()
