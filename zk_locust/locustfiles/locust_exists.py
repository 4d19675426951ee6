"""Questions for nodes that exist and nodes that do not, with a watch and without."""

from locust_extra.stats import register_extra_stats
from zk_locust import ZKLocust
from zk_locust.task_sets import ZKExistsTaskSet
from zk_metrics import register_zk_metrics

register_extra_stats()
register_zk_metrics()


class Exists(ZKLocust):
    """A user that runs `ZKExistsTaskSet`."""

    tasks = [ZKExistsTaskSet]
