"""Lists of children, with the parent's stat."""

from locust_extra.stats import register_extra_stats
from zk_locust import ZKLocust
from zk_locust.task_sets import ZKGetChildren2TaskSet
from zk_metrics import register_zk_metrics

register_extra_stats()
register_zk_metrics()


class GetChildren2(ZKLocust):
    """A user that runs `ZKGetChildren2TaskSet`."""

    tasks = [ZKGetChildren2TaskSet]
