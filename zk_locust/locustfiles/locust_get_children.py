"""Lists of children."""

from locust_extra.stats import register_extra_stats
from zk_locust import ZKLocust
from zk_locust.task_sets import ZKGetChildrenTaskSet
from zk_metrics import register_zk_metrics

register_extra_stats()
register_zk_metrics()


class GetChildren(ZKLocust):
    """A user that runs `ZKGetChildrenTaskSet`."""

    tasks = [ZKGetChildrenTaskSet]
