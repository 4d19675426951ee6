"""Truth values in inventories, command lines and environments. Standard library only."""

from typing import Any, Final

# Those of Ansible's filter `bool`. It takes all other values, also `y`, for false: they are refused.
_TRUE: Final = frozenset(("true", "yes", "on", "1"))
_FALSE: Final = frozenset(("false", "no", "off", "0"))


def is_true(value: Any) -> bool:
    """Return a truth value, as Ansible's filter `bool` reads it. Raises ValueError for anything else."""
    text = str(value).strip().lower() if isinstance(value, bool | int | str) else ""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError("must be true or false")
