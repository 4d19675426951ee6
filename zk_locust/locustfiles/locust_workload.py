"""What `--workload` describes: a mix of operations over a tree. Without it, 9 reads a write on 1,000 nodes."""

from locust_extra.stats import register_extra_stats
from zk_locust import ZKLocust
from zk_locust.workload.task_set import WorkloadTaskSet
from zk_metrics import register_zk_metrics

register_extra_stats()
register_zk_metrics()


class Workload(ZKLocust):
    """A user of the workload."""

    tasks = [WorkloadTaskSet]
