"""Watches that pile up: every question leaves one on another node."""

from locust_extra.stats import register_extra_stats
from zk_locust import ZKLocust
from zk_locust.task_sets import ZKExistsManyTaskSet
from zk_metrics import register_zk_metrics

register_extra_stats()
register_zk_metrics()


class ExistsMany(ZKLocust):
    """A user that runs `ZKExistsManyTaskSet`."""

    tasks = [ZKExistsManyTaskSet]
