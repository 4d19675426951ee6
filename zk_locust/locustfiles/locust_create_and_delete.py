"""Ephemeral nodes that come and go, and now and then a count of them."""

from locust_extra.stats import register_extra_stats
from zk_locust import ZKLocust
from zk_locust.task_sets import ZKCreateAndDeleteTaskSet
from zk_metrics import register_zk_metrics

register_extra_stats()
register_zk_metrics()


class CreateAndDelete(ZKLocust):
    """A user that runs `ZKCreateAndDeleteTaskSet`."""

    tasks = [ZKCreateAndDeleteTaskSet]
