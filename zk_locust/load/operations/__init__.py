"""The operations that a load is made of.

An operation belongs to one user. `task` is what Locust calls: it prepares what the operation needs, once, and
then runs and times one request. What it needs (nodes) is made outside the timing.
"""

from zk_locust.load.operations.base import AbstractOp, AbstractSingleTimerOp, MaybeInterrupt
from zk_locust.load.operations.limits import duration, interrupt, iterations
from zk_locust.load.operations.nodes import (
    ZKCountChildrenOp,
    ZKCreateEphemeralOp,
    ZKDeleteFromQueueOp,
    ZKExistsOp,
    ZKExistsWithManyWatchesOp,
    ZKExistsWithWatchOp,
    ZKGetChildren2Op,
    ZKGetChildrenOp,
)
from zk_locust.load.operations.session import ZKConnectOp
from zk_locust.load.operations.values import ZKGetOp, ZKIncrementingSetOp, ZKSetOp
from zk_locust.load.operations.watch import ZKWatchOp

__all__ = [
    "AbstractOp",
    "AbstractSingleTimerOp",
    "MaybeInterrupt",
    "ZKConnectOp",
    "ZKCountChildrenOp",
    "ZKCreateEphemeralOp",
    "ZKDeleteFromQueueOp",
    "ZKExistsOp",
    "ZKExistsWithManyWatchesOp",
    "ZKExistsWithWatchOp",
    "ZKGetChildren2Op",
    "ZKGetChildrenOp",
    "ZKGetOp",
    "ZKIncrementingSetOp",
    "ZKSetOp",
    "ZKWatchOp",
    "duration",
    "interrupt",
    "iterations",
]
