"""Sessions that come and go: every user connects and disconnects, again and again."""

from typing import Any

from locust_extra.stats import register_extra_stats
from zk_locust import ZKLocust
from zk_locust.task_sets import ZKConnectTaskSet
from zk_metrics import register_zk_metrics

register_extra_stats()
register_zk_metrics()


class Connect(ZKLocust):
    """A user that runs `ZKConnectTaskSet`."""

    tasks = [ZKConnectTaskSet]

    def __init__(self, environment: Any) -> None:
        super().__init__(environment, pseudo_root=None, autostart=False)
