"""The load of zk-locust: users with one ZooKeeper session each, what they do, and how it is timed.

A locustfile needs no more than

    from zk_locust import ZKLocust
    from zk_locust.task_sets import ZKSetTaskSet

    class Set(ZKLocust):
        tasks = [ZKSetTaskSet]

The names below are loaded when they are first used: importing a part of the package, such as its parameters, does not
load Locust, which patches the standard library.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zk_locust.bench import bench_parameter
    from zk_locust.locust_client import KazooLocustClient, ZKLocustClient
    from zk_locust.task_sets import ZKLocustTaskSequence, ZKLocustTaskSet
    from zk_locust.timer import LocustTimer
    from zk_locust.users import ZKLocust

_HOME = {
    "KazooLocustClient": "zk_locust.locust_client",
    "LocustTimer": "zk_locust.timer",
    "ZKLocust": "zk_locust.users",
    "ZKLocustTaskSequence": "zk_locust.task_sets",
    "ZKLocustTaskSet": "zk_locust.task_sets",
    "ZKLocustClient": "zk_locust.locust_client",
    "bench_parameter": "zk_locust.bench",
}

__all__ = [
    "KazooLocustClient",
    "LocustTimer",
    "ZKLocust",
    "ZKLocustClient",
    "ZKLocustTaskSequence",
    "ZKLocustTaskSet",
    "bench_parameter",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
