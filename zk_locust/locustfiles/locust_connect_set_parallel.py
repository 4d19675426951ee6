"""Sessions that come and go beside sessions that write: one user of the first kind for ten of the other."""

from typing import Any

from locust_extra.stats import register_extra_stats
from zk_locust import ZKLocust
from zk_locust.task_sets import ZKConnectTaskSet, ZKSetTaskSet
from zk_metrics import register_zk_metrics

register_extra_stats()
register_zk_metrics()


class ParallelConnect(ZKLocust):
    """A user that runs `ZKConnectTaskSet`."""

    tasks = [ZKConnectTaskSet]
    weight = 1

    def __init__(self, environment: Any) -> None:
        super().__init__(environment, pseudo_root=None, autostart=False)


class ParallelSet(ZKLocust):
    """A user that runs `ZKSetTaskSet`."""

    tasks = [ZKSetTaskSet]
    weight = 10
