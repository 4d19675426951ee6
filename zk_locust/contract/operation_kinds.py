"""Which operations read and which write, by their names."""

from typing import Final

READ: Final = "read"
WRITE: Final = "write"
_WORDS: Final = {
    **dict.fromkeys(("get", "exists"), READ),
    **dict.fromkeys(("set", "create", "delete", "multi"), WRITE),
}


def kind_of_operation(name: str) -> str:
    """Return whether an operation reads or writes, by the first word of its name that says so (`incr_set`, `get_512`).

    Empty where none does: a delivered watch and a lock are several requests, or none.
    """
    return next((_WORDS[word] for word in name.replace(" ", "_").lower().split("_") if word in _WORDS), "")
