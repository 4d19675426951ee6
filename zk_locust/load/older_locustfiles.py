"""Support for locustfiles of 2019, which run unchanged.

- `task_set = …` is now `tasks = […]`.
- Users were made without arguments, and now get the environment; an `__init__` of 2019 does not take it or pass it on.
- Clients got their settings as arguments, which now come with the options.
"""

import functools
import inspect
import json
from collections.abc import Mapping
from dataclasses import replace
from inspect import Parameter
from typing import Any, TypedDict

from locust.user.users import UserMeta

from zk_locust.contract.options import Options


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
    """Whether `__init__` takes an environment by place: an optional argument of 2019's is something else."""
    _, *parameters = inspect.signature(user_class.__init__).parameters.values()
    if not parameters or parameters[0].kind in (Parameter.KEYWORD_ONLY, Parameter.VAR_KEYWORD):
        return False
    first = parameters[0]
    return (
        first.kind is Parameter.VAR_POSITIONAL
        or first.default is Parameter.empty
        or first.name in ("environment", "parent")
    )


class OlderSettings(TypedDict, total=False):
    """Settings of a client as arguments. `timeout` is seconds; `sasl_options` are kazoo's."""

    hosts: str | None
    handler: str | None
    sasl_options: Mapping[str, object] | None
    timeout: float | None


def with_older_settings(options: Options, settings: OlderSettings) -> Options:
    """Return the options with those settings that are given."""
    if hosts := settings.get("hosts"):
        options = replace(options, hosts=hosts)
    if handler := settings.get("handler"):
        options = replace(options, kazoo=replace(options.kazoo, handler=handler))
    if sasl := settings.get("sasl_options"):
        options = replace(options, kazoo=replace(options.kazoo, sasl=json.dumps(dict(sasl))))
    if timeout := settings.get("timeout"):
        options = replace(options, kazoo_timeout_s=float(timeout))
    return options
