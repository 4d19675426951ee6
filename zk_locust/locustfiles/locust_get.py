"""Reads: every user gets one node, again and again."""

from locust_extra.stats import register_extra_stats
from zk_locust import ZKLocust
from zk_locust.task_sets import ZKGetTaskSet
from zk_metrics import register_zk_metrics

register_extra_stats()
register_zk_metrics()


class Get(ZKLocust):
    """A user that runs `ZKGetTaskSet`."""

    tasks = [ZKGetTaskSet]
