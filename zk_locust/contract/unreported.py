"""The detail of the event `operations-unreported`: written by the master, completed by the controller, and read.

A lost worker's unreported operations are what it had sent without what it had reported. The master knows both if the
worker ran on its machine, else only the second; then the supervisor of the worker's host knows the first.
"""

import re
from typing import Final

_KNOWN: Final = re.compile(r"(\d{1,18}) were sent")
_UNKNOWN: Final = re.compile(r"an unknown number: .* (\d{1,18}) were reported$")


def known(number: int) -> str:
    """Return the detail for a known number of operations."""
    return f"{number} were sent since its last report; the last one may not have reached the server"


def unknown(reported: int) -> str:
    """Return the detail where only the number of operations that the worker has reported is known."""
    return f"an unknown number: the master cannot read what the worker has sent; {reported} were reported"


def number_in(detail: str) -> int | None:
    """Return the number of operations that a detail tells; None for an unknown number."""
    found = _KNOWN.match(detail)
    return int(found[1]) if found else None


def completed(detail: str, sent: int) -> str:
    """Return the detail of an unknown number, completed with what the worker had sent; any other as it is."""
    found = _UNKNOWN.match(detail)
    reported = int(found[1]) if found else None
    return detail if reported is None or sent < reported else known(sent - reported)
