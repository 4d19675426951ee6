"""Which users a load is made of: with several in the locustfiles, only those that were picked."""

from typing import Any

from zk_locust.load.older_locustfiles import ZKLocustMeta
from zk_locust.load.tasks_later import comes_later


def drives_zookeeper(environment: Any) -> bool:
    """Whether one of the load's users has a ZooKeeper session; also true where the users are not known yet."""
    classes = environment.user_classes
    return not classes or any(isinstance(user_class, ZKLocustMeta) for user_class in classes)


def may_run(environment: Any, task_set: type) -> bool:
    """Whether one of the load's users runs this task set; also true for a user whose tasks are made with it."""
    classes = environment.user_classes
    return not classes or any(_has(user_class, task_set) for user_class in classes)


def show_hosts(environment: Any, hosts: str | None) -> None:
    """Let Locust's page show the ensemble as the host of its users, where their class names no other."""
    for user_class in environment.user_classes or ():
        if isinstance(user_class, ZKLocustMeta) and not user_class.host:  # type: ignore[attr-defined]
            user_class.host = hosts  # type: ignore[attr-defined]


def _has(holder: Any, task_set: type) -> bool:
    return any(
        comes_later(task) or (isinstance(task, type) and (issubclass(task, task_set) or _may_have(task, task_set)))
        for task in getattr(holder, "tasks", ())
    )


def _may_have(nested: Any, task_set: type) -> bool:
    return not nested.tasks or _has(nested, task_set)
