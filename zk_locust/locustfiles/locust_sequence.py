"""All operations, one step after the other, with values of 8 B, 512 B and 8 KiB where the size matters.

`--bench-step-duration`, `--bench-repetitions` and `--bench-include` say how long, how often and which. It ends
by itself.
"""

from locust_extra.stats import register_extra_stats
from zk_locust import ZKLocust
from zk_locust.load.sequence import SequenceTaskSet
from zk_metrics import register_zk_metrics

register_extra_stats()
register_zk_metrics()


class Sequence(ZKLocust):
    """A user that walks through the steps with all others."""

    tasks = [SequenceTaskSet]
