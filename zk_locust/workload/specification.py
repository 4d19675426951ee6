"""What a workload can say, as checked values."""

from dataclasses import dataclass, field
from typing import Final

# Room for path, ACL and headers of a request.
REQUEST_OVERHEAD: Final = 1024

# The subtrees below a workload's root.
TREE, USERS, MADE, LOCKS, BROADCAST = "tree", "users", "made", "locks", "broadcast"
SUBTREES: Final = (TREE, USERS, MADE, LOCKS, BROADCAST)

OPERATIONS: Final[dict[str, str]] = {
    "get": "read a node's value",
    "get_watch": "the same, and leave a watch on it",
    "set": "replace a node's value",
    "exists": "ask for a node's stat",
    "exists_watch": "the same, and leave a watch on it",
    "get_children": "list children",
    "get_children_watch": "the same, and leave a watch on them",
    "create": "make a node of the user's own",
    "delete": "remove the oldest of them",
    "churn": "remove the user's oldest ephemeral node and make a new one",
    "lock": "take a lock, hold it, and release it",
}


@dataclass(frozen=True, slots=True)
class Tree:
    """`nodes` nodes with a value, all at the depth `depth`; above them are folders, `fan_out` in each."""

    nodes: int = 1000
    depth: int = 1
    fan_out: int = 1

    @property
    def leaf_folders(self) -> int:
        """How many folders hold the nodes."""
        return int(self.fan_out ** (self.depth - 1))

    @property
    def folders(self) -> int:
        """How many folders there are on all levels below the root."""
        return sum(self.fan_out**level for level in range(1, self.depth))


@dataclass(frozen=True, slots=True)
class Keys:
    """Which node an operation takes. `hot_nodes` and `hot_share` are the hot set's, `exponent` is zipf's."""

    choice: str = "uniform"
    exponent: float = 0.99
    hot_nodes: int = 1
    hot_share: float = 0.9


@dataclass(frozen=True, slots=True)
class Values:
    """How long values are, bytes.

    `fixed` has `least`, `uniform` `least` and `most`, `list` `sizes` with `weights`, `lognormal` `median` and `sigma`
    within `least` and `most`.
    """

    distribution: str = "fixed"
    least: int = 128
    most: int = 128
    sizes: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()
    median: float = 0.0
    sigma: float = 0.0


@dataclass(frozen=True, slots=True)
class Watches:
    """Standing watches: set as a user starts, and set again each time one has fired."""

    per_user: int = 0
    per_node: int = 0
    on: str = "data"


@dataclass(frozen=True, slots=True)
class Locks:
    """Locks that all users contend for; one is held for `hold_s` and waited for `timeout_s` at most."""

    count: int = 1
    hold_s: float = 0.0
    timeout_s: float = 30.0
    check: bool = False


@dataclass(frozen=True, slots=True)
class Broadcast:
    """The first user of each worker process writes the nodes in turn, one each `every_s`; the others watch them all."""

    nodes: int = 10
    every_s: float = 0.1


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload. `operations` holds (name, weight); it is empty if `broadcast` is the load."""

    operations: tuple[tuple[str, float], ...] = (("get", 9.0), ("set", 1.0))
    tree: Tree = field(default_factory=Tree)
    keys: Keys = field(default_factory=Keys)
    values: Values = field(default_factory=Values)
    watches: Watches = field(default_factory=Watches)
    ephemerals_per_user: int = 0
    locks: Locks | None = None
    broadcast: Broadcast | None = None
    seed: int = 0


def size_of_all(workload: Workload) -> int:
    """Return how many nodes are made before the first user: the root, its folders, the tree, the locks."""
    locks = workload.locks.count if workload.locks else 0
    return 1 + len(SUBTREES) + workload.tree.folders + workload.tree.nodes + locks
