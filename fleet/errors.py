"""Errors between the controller and the fleet, by where they are corrected.

FleetError
├── InputError      an inventory, a variable or an option cannot be used; exit code 2
└── HostError       a host cannot be reached or asked; the other hosts are shown
"""

from collections.abc import Iterable

from zk_locust.contract.nearest_name import nearest


class FleetError(Exception):
    """Base of this package's errors. The message is one line for the user."""


class InputError(FleetError):
    """A setting cannot be used. The message has the setting, its value in brackets, and the remedy."""


class HostError(FleetError):
    """A host cannot be reached, or does not do what it is asked. The message has the reason and the remedy."""


def one_line(error: BaseException) -> str:
    """An error's message without its line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


def unknown(value: str, known: Iterable[str]) -> str:
    """The words after an unknown name: the nearest known name, and all of them."""
    names = list(known)
    return f"{nearest(value, names) or ';'} known: {', '.join(names) or 'none'}"
