"""The errors of this package."""

from __future__ import annotations


class FaultError(Exception):
    """A fault cannot be done, or cannot be healed; the message is one line and says why."""


def told(error: Exception) -> str:
    """Return an error's message, which says the kind of error where that was not foreseen."""
    return str(error) if isinstance(error, (FaultError, OSError, ValueError)) else f"{type(error).__name__}: {error}"
