"""What lets locustfiles of 2019 run unchanged: Locust was another then.

- `task_set = …` said what a user does; now it is `tasks = […]`.
- A user was made without arguments; now it gets the environment. A class of then has an `__init__` that takes none, or
  that does not hand it on.
"""

import functools
import inspect
from typing import Any

from locust.user.users import UserMeta


class ZKLocustMeta(UserMeta):
    """Makes user classes of both kinds, and their users."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
        """Turn `task_set` into `tasks`, before Locust sees and deprecates it."""
        task_set = namespace.pop("task_set", None)
        made: Any = super().__new__(mcs, name, bases, namespace)  # type: ignore[no-untyped-call]
        if task_set is not None:
            made.task_set = task_set
            made.tasks = [task_set]  # instead of those of a base class, which Locust would add
        return made

    def __call__(cls: Any, environment: Any = None, *arguments: Any, **keywords: Any) -> Any:  # noqa: N805
        """Make a user of `environment`, also where its class takes none."""
        user = cls.__new__(cls)
        user.given_environment = environment
        if _takes_an_argument(cls):
            cls.__init__(user, environment, *arguments, **keywords)
        else:
            cls.__init__(user, *arguments, **keywords)
        return user


@functools.cache
def _takes_an_argument(user_class: Any) -> bool:
    try:
        inspect.signature(user_class.__init__).bind(None, None)
    except TypeError:
        return False
    return True
