"""What `--workload` describes: a mix of operations over a tree. Without it, 9 reads a write on 1,000 nodes."""

from locust_extra.stats import register_extra_stats
from zk_locust.workload.users import WorkloadTaskSet, WorkloadUser
from zk_metrics import register_zk_metrics

register_extra_stats()
register_zk_metrics()


class Workload(WorkloadUser):
    """A user of the workload."""

    tasks = [WorkloadTaskSet]
