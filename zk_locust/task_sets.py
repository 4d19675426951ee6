"""The task sets, under the name that locustfiles import: they stand in `zk_locust.load.task_sets`."""

from zk_locust.load.task_sets import (
    OperationsTaskSet,
    ZKConnectTaskSet,
    ZKCreateAndDeleteTaskSet,
    ZKExistsManyTaskSet,
    ZKExistsTaskSet,
    ZKGetChildren2TaskSet,
    ZKGetChildrenTaskSet,
    ZKGetTaskSet,
    ZKLocustTaskSequence,
    ZKLocustTaskSet,
    ZKSetAndGetTaskSet,
    ZKSetTaskSet,
    ZKWatchTaskSet,
)

__all__ = [
    "OperationsTaskSet",
    "ZKConnectTaskSet",
    "ZKCreateAndDeleteTaskSet",
    "ZKExistsManyTaskSet",
    "ZKExistsTaskSet",
    "ZKGetChildren2TaskSet",
    "ZKGetChildrenTaskSet",
    "ZKGetTaskSet",
    "ZKLocustTaskSequence",
    "ZKLocustTaskSet",
    "ZKSetAndGetTaskSet",
    "ZKSetTaskSet",
    "ZKWatchTaskSet",
]
