"""Text of hosts, made safe for a screen and a record: whoever has the host may put anything into it.

Every text from a host, a member or their files is cleaned here before it is shown or kept. `str.isprintable` refuses
control characters, line separators, marks that reverse text, and halves of surrogate pairs. Standard library only.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

LONGEST: Final = 500
MOST: Final = 20
_RUN: Final = re.compile("\n+")


def plain_line(text: object, longest: int = LONGEST, cut: str = " …") -> str:
    """Return `text` as one line of at most `longest` printable characters; `cut` ends it where there were more.

    What is not printable becomes a space, several in a row one.
    """
    # Cut first: replacing in megabytes that nobody sees takes its time.
    clean = str(text)[: 4 * longest]
    if not clean.isprintable():
        clean = _RUN.sub(" ", "".join(char if char.isprintable() else "\n" for char in clean))
    line = clean.strip()
    return line if len(line) <= longest else f"{line[: longest - len(cut)].rstrip()}{cut}"


def for_screen(text: object, kept: str = "\t") -> str:
    """Return `text` with a question mark for all that is neither printable nor in `kept`; its length stays."""
    shown = str(text)
    if shown.isprintable():
        return shown
    return "".join(char if char.isprintable() or char in kept else "?" for char in shown)


def plain_values(told: object, longest: int = LONGEST) -> dict[str, Any]:
    """Return what a host has told as names and values: numbers and truth values as they are, the rest as plain lines.

    Lists and dictionaries become text too. What is no dictionary tells nothing.
    """
    pairs = list(told.items())[:MOST] if isinstance(told, Mapping) else []
    return {plain_line(name, longest): _plain_value(value, longest) for name, value in pairs}


def _plain_value(value: object, longest: int) -> object:
    return value if value is None or isinstance(value, (int, float)) else plain_line(value, longest)


def first_of(lines: Iterable[str], most: int = MOST, more: str = "and {:,} more") -> list[str]:
    """Return the first `most` of the lines, then how many more there are: a host may name thousands of things."""
    found: Sequence[str] = list(lines)
    return [*found] if len(found) <= most else [*found[:most], more.format(len(found) - most)]
