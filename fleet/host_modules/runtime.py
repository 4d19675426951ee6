"""What our modules use of `ansible.module_utils.basic`. It is sent to hosts as text: Python 3.9, standard library only.

The result is printed after a line that holds `RESULT`: what a login or a library prints before is not taken for it.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, NoReturn

RESULT = "zk-locust-module-result"
_TRUE = {"yes", "on", "1", "true", "t", "y", "1.0"}
_FALSE = {"no", "off", "0", "false", "f", "n", "0.0"}


class ArgumentError(Exception):
    """An argument of a module is not what its specification says. The text names it, and never its value."""


def converted(name: str, value: Any, rule: dict[str, Any]) -> Any:
    """Return the value of an argument as the type that its rule asks for."""
    kind = rule.get("type", "str")
    if value is None:
        return None
    try:
        if kind == "bool":
            word = str(value).strip().lower()
            if word not in _TRUE | _FALSE:
                raise ValueError
            return word in _TRUE
        if kind == "int" or kind == "float":
            if isinstance(value, bool):
                raise ValueError
            return int(value) if kind == "int" else float(value)
        if kind in ("str", "path"):
            if isinstance(value, (list, dict)):
                raise ValueError
            return os.path.expanduser(os.path.expandvars(str(value))) if kind == "path" else str(value)  # noqa: PTH111
        if kind == "list":
            values = value if isinstance(value, list) else str(value).split(",")
            return [converted(name, one, {**rule, "type": rule.get("elements", "raw")}) for one in values]
        if kind == "dict":
            if not isinstance(value, dict):
                raise ValueError
            return checked(value, rule["options"], name) if "options" in rule else value
    except (TypeError, ValueError):
        raise ArgumentError(f"argument {name} must be of type {kind}") from None
    return value


def checked(given: dict[str, Any], specification: dict[str, dict[str, Any]], within: str = "") -> dict[str, Any]:
    """Return the arguments, with defaults, or raise ArgumentError."""
    unknown = sorted(set(given) - set(specification))
    if unknown:
        raise ArgumentError(f"{within or 'the module'} has no argument {', '.join(unknown)}")
    found = {}
    for name, rule in specification.items():
        value = given.get(name)
        if value is None and rule.get("required"):
            raise ArgumentError(f"{within or 'the module'} needs the argument {name}")
        value = converted(name, rule.get("default") if value is None else value, rule)
        if "choices" in rule and value not in rule["choices"]:
            raise ArgumentError(f"argument {name} must be one of {', '.join(map(str, rule['choices']))}")
        found[name] = value
    return found


class AnsibleModule:
    """Stands in for Ansible's class of this name: arguments, check mode, diff mode, results."""

    given: dict[str, Any] = {}  # noqa: RUF012 # set once, before the module runs

    def __init__(self, argument_spec: dict[str, dict[str, Any]], supports_check_mode: bool = False) -> None:
        self._warnings: list[str] = []
        self.check_mode = bool(self.given["check_mode"])
        self._diff = bool(self.given["diff"])
        if self.check_mode and not supports_check_mode:
            self.exit_json(skipped=True, msg="this module does not support check mode")
        try:
            self.params = checked(self.given["arguments"], argument_spec)
        except ArgumentError as error:
            self.fail_json(msg=str(error))

    def warn(self, warning: str) -> None:
        """Add a warning to the result."""
        self._warnings.append(warning)

    def exit_json(self, **result: Any) -> NoReturn:
        """Print the result, and end."""
        self._print({"changed": False, **result})
        sys.exit(0)

    def fail_json(self, msg: str, **result: Any) -> NoReturn:
        """Print that the module has failed, and end."""
        self._print({"failed": True, "changed": False, "msg": msg, **result})
        sys.exit(1)

    def _print(self, result: dict[str, Any]) -> None:
        if self._warnings:
            result["warnings"] = [*result.get("warnings", []), *self._warnings]
        print(f"\n{RESULT}\n{json.dumps(result)}")
