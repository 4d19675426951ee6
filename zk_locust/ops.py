"""The operations, under the name that locustfiles import: they stand in `zk_locust.load.operations`."""

from zk_locust.load.operations import *  # noqa: F403
from zk_locust.load.operations import __all__ as __all__
