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
    from zk_locust.contract.errors import ZKLocustException
    from zk_locust.load.bench import bench_parameter
    from zk_locust.load.locust_client import KazooLocustClient, ZKLocustClient
    from zk_locust.load.task_sets import ZKLocustTaskSequence, ZKLocustTaskSet
    from zk_locust.load.timer import LocustTimer, register_exceptions
    from zk_locust.load.users import ZKLocust
    from zk_locust.settings_of_2019 import get_zk_hosts, split_zk_host_port, split_zk_hosts

_HOME = {
    "CLIENT_IMPL": "zk_locust.settings_of_2019",
    "KazooLocustClient": "zk_locust.load.locust_client",
    "LocustTimer": "zk_locust.load.timer",
    "MAX_WAIT": "zk_locust.settings_of_2019",
    "MIN_WAIT": "zk_locust.settings_of_2019",
    "PSEUDO_ROOT": "zk_locust.settings_of_2019",
    "ZKLocust": "zk_locust.load.users",
    "ZKLocustClient": "zk_locust.load.locust_client",
    "ZKLocustException": "zk_locust.contract.errors",
    "ZKLocustTaskSequence": "zk_locust.load.task_sets",
    "ZKLocustTaskSet": "zk_locust.load.task_sets",
    "ZK_HOSTS": "zk_locust.settings_of_2019",
    "bench_parameter": "zk_locust.load.bench",
    "get_zk_hosts": "zk_locust.settings_of_2019",
    "register_exceptions": "zk_locust.load.timer",
    "split_zk_host_port": "zk_locust.settings_of_2019",
    "split_zk_hosts": "zk_locust.settings_of_2019",
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
