"""What can go wrong between the controller and the fleet, by whose fault it is.

FleetError
├── InputError      the user's: an inventory, variable or option that cannot be used; exit code 2
└── HostError       a host's: it cannot be reached or asked; other hosts are shown all the same
"""

import difflib
from collections.abc import Iterable


class FleetError(Exception):
    """Base of this package's errors. The message is one line for the user."""


class InputError(FleetError):
    """Something that the user has given cannot be used: the setting, its value in brackets, the remedy."""


class HostError(FleetError):
    """A host cannot be reached, or does not do what it is asked: why, and what to do."""


def nearest(value: str, known: Iterable[str]) -> str:
    """What to say after an unknown name: the nearest of the known ones, and all of them."""
    names = list(known)
    close = difflib.get_close_matches(value, names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}known: {', '.join(names) or 'none'}"
