"""Truth values in inventories, command lines and environments. Standard library only."""

from typing import Any, Final

_TRUE: Final = frozenset(("true", "yes", "y", "on", "t", "1"))
_FALSE: Final = frozenset(("false", "no", "n", "off", "f", "0"))


def is_true(value: Any) -> bool:
    """Return a truth value, as Ansible's filter `bool` reads it. Raises ValueError for anything else."""
    text = str(value).strip().lower() if isinstance(value, bool | int | str) else ""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError("must be true or false")
