"""The task sets, under the name that locustfiles import: they stand in `zk_locust.load.task_sets`."""

from zk_locust.load.task_sets import *  # noqa: F403
from zk_locust.load.task_sets import __all__ as __all__
