"""Watches that fire: from the sending of a write to the callback that tells of it."""

from locust_extra.stats import register_extra_stats
from zk_locust import ZKLocust
from zk_locust.task_sets import ZKWatchTaskSet
from zk_metrics import register_zk_metrics

register_extra_stats()
register_zk_metrics()


class Watch(ZKLocust):
    """A user that runs `ZKWatchTaskSet`."""

    tasks = [ZKWatchTaskSet]
