"""Which users and tasks a load has.

A task set may set its tasks in its `__init__`. Locust drops a class without tasks, so a placeholder stands for them.
Locust marks tasks with tags: a function that several classes inherit would be marked for all, so each gets a copy.
"""

from types import FunctionType
from typing import Any

from zk_locust.load.older_locustfiles import ZKLocustMeta

_MARK = "zk_locust_comes_later"


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


def comes_later(task: Any) -> bool:
    """Whether this stands for the tasks that a task set sets in its `__init__`."""
    return hasattr(task, _MARK)


def own_tasks(task_set: Any) -> list[Any]:
    """Return what the class's `tasks` are to be."""
    declared = set(map(id, vars(task_set).values()))
    copies: dict[int, Any] = {}
    for task in task_set.tasks:
        if not comes_later(task):
            copies.setdefault(id(task), task if id(task) in declared else _copy(task))
    found = [copies[id(task)] for task in task_set.tasks if id(task) in copies]
    return found or [_placeholder()]


def _copy(task: Any) -> Any:
    """Return a function of its own that does the same; anything else as it is."""
    if type(task) is not FunctionType:
        return task
    copy = FunctionType(task.__code__, task.__globals__, task.__name__, task.__defaults__, task.__closure__)
    copy.__kwdefaults__, copy.__qualname__, copy.__doc__ = task.__kwdefaults__, task.__qualname__, task.__doc__
    copy.__module__, copy.__annotations__ = task.__module__, task.__annotations__
    copy.__dict__.update({name: set(value) if isinstance(value, set) else value for name, value in vars(task).items()})
    return copy


def _placeholder() -> Any:
    def tasks_come_later(task_set: Any) -> None:
        raise TypeError(f"{type(task_set).__name__} has no tasks: set self.tasks in its __init__, or use @task")

    setattr(tasks_come_later, _MARK, True)
    return tasks_come_later
