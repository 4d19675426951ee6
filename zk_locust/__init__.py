"""The load of zk-locust: users with one ZooKeeper session each, what they do, and how it is timed.

A locustfile needs no more than

    from zk_locust import ZKLocust
    from zk_locust.task_sets import ZKSetTaskSet

    class Set(ZKLocust):
        tasks = [ZKSetTaskSet]

The names below are loaded at their first use: other imports from the package, such as its parameters, do not load
Locust, which patches the standard library.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zk_locust.contract.errors import ZKLocustException
    from zk_locust.load.bench import bench_parameter
    from zk_locust.load.locust_client import KazooLocustClient, ZKLocustClient
    from zk_locust.load.task_sets import ZKLocustTaskSequence, ZKLocustTaskSet
    from zk_locust.load.timer import LocustTimer, register_exceptions
    from zk_locust.load.users import ZKLocust
    from zk_locust.settings_of_2019 import get_zk_hosts, split_zk_host_port, split_zk_hosts

_HOME = {
    name: module
    for module, names in {
        "zk_locust.contract.errors": "ZKLocustException",
        "zk_locust.load.bench": "bench_parameter",
        "zk_locust.load.locust_client": "KazooLocustClient ZKLocustClient",
        "zk_locust.load.task_sets": "ZKLocustTaskSequence ZKLocustTaskSet",
        "zk_locust.load.timer": "LocustTimer register_exceptions",
        "zk_locust.load.users": "ZKLocust",
        "zk_locust.settings_of_2019": (
            "CLIENT_IMPL MAX_WAIT MIN_WAIT PSEUDO_ROOT ZK_HOSTS get_zk_hosts split_zk_host_port split_zk_hosts"
        ),
    }.items()
    for name in names.split()
}

__all__ = [
    "KazooLocustClient",
    "LocustTimer",
    "ZKLocust",
    "ZKLocustClient",
    "ZKLocustException",
    "ZKLocustTaskSequence",
    "ZKLocustTaskSet",
    "bench_parameter",
    "get_zk_hosts",
    "register_exceptions",
    "split_zk_host_port",
    "split_zk_hosts",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
