"""Which operations the load of a scenario has: the names that its statistics, and objectives, know.

The controller asks this before anything is started, and does not import locustfiles for it.
"""

from pathlib import Path
from typing import Final

from zk_locust.workload.scenario_files import LOCUSTFILES
from zk_locust.workload.specification import Workload

STARTER_KIT: Final[dict[str, tuple[str, ...]]] = {
    "locust_connect": ("connect",),
    "locust_connect_set_parallel": ("connect", "set"),
    "locust_create_and_delete": ("count_children", "create_ephemeral", "delete"),
    "locust_exists": ("exists_negative", "exists_negative_watch", "exists_positive", "exists_positive_watch"),
    "locust_exists_many": ("exists_negative_watch_many",),
    "locust_get": ("get",),
    "locust_get_children": ("get_children",),
    "locust_get_children2": ("get_children2",),
    "locust_set": ("set",),
    "locust_set_and_get": ("get", "incr_set"),
    "locust_watch": ("watch",),
}
"""The locustfiles that always have the same operations, and those."""

_COUNTED_AS: Final[dict[str, tuple[str, ...]]] = {
    "churn": ("create_ephemeral", "delete_ephemeral"),
    "delete": ("create", "delete"),  # a user without nodes makes one instead
    "lock": ("lock_acquire", "lock_release"),
}
_OF_BROADCAST: Final = ("get_watch", "set", "watch_delivery")


def operations_of(locustfile: Path, workload: Workload | None) -> tuple[str, ...] | None:
    """Return the names of the load's operations in their order; None where only the running load tells."""
    if workload is None:
        return STARTER_KIT.get(locustfile.stem) if locustfile.parent == LOCUSTFILES else None
    if workload.broadcast is not None:
        return _OF_BROADCAST
    names = {counted for name, weight in workload.operations if weight for counted in _COUNTED_AS.get(name, (name,))}
    standing = workload.watches.per_user or workload.watches.per_node
    return tuple(sorted(names | ({"watch_again"} if standing else set())))
