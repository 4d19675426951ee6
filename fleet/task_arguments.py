"""The arguments of a task, as the function that does its work declares them."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, get_origin

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

_TYPES: Final = {str: "str", bool: "bool", int: "int", float: "float", dict: "dict", list: "list", Path: "path"}


def call(
    action: ActionBase,
    function: Callable[..., dict[str, Any] | None],
    *before: Any,
    failures: type[Exception] | tuple[type[Exception], ...] = (),
) -> dict[str, Any]:
    """Call a function with `before` and a task's arguments: its keyword-only parameters say their names and types.

    Ansible checks and converts them; one without a default is required. Returns what the function returns, or `{}`.
    An exception of `failures` fails the task with its message.
    """
    parameters = {
        name: parameter
        for name, parameter in inspect.signature(function, eval_str=True).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    specification = {
        name: {"type": _TYPES[get_origin(parameter.annotation) or parameter.annotation]}
        | ({"required": True} if parameter.default is parameter.empty else {"default": parameter.default})
        for name, parameter in parameters.items()
    }
    if "operation" in action._task.args:  # it has chosen the function
        specification["operation"] = {"type": "str"}
    _, given = action.validate_argument_spec(argument_spec=specification)
    values = {
        name: Path(given[name]) if parameter.annotation is Path else given[name]
        for name, parameter in parameters.items()
    }
    try:
        return function(*before, **values) or {}
    except failures as error:
        raise AnsibleActionFail(str(error)) from error
