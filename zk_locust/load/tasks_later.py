"""The tasks of a task set's class: its own, also where they are inherited, or one that stands for those to come.

Locust drops a task set whose class has no tasks, though its `__init__` may set some. And it marks tasks with tags: a
function that a class shares with the others of the same base would be marked for all of them.
"""

from types import FunctionType
from typing import Any

_MARK = "zk_locust_comes_later"


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
