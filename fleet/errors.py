"""What can go wrong between the controller and the fleet, by whose fault it is.

FleetError
├── InputError      the user's: an inventory, variable or option that cannot be used; exit code 2
└── HostError       a host's: it cannot be reached or asked; other hosts are shown all the same
"""

from collections.abc import Iterable

from zk_locust.contract.nearest_name import nearest


class FleetError(Exception):
    """Base of this package's errors. The message is one line for the user."""


class InputError(FleetError):
    """Something that the user has given cannot be used: the setting, its value in brackets, the remedy."""


class HostError(FleetError):
    """A host cannot be reached, or does not do what it is asked: why, and what to do."""


def one_line(error: BaseException) -> str:
    """An error's message without its line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


def unknown(value: str, known: Iterable[str]) -> str:
    """What to say after an unknown name: the nearest of the known ones, and all of them."""
    names = list(known)
    return f"{nearest(value, names) or ';'} known: {', '.join(names) or 'none'}"
