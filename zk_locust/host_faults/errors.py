"""The errors of this package."""

from __future__ import annotations


class FaultError(Exception):
    """A fault cannot be done, or cannot be healed; the message is one line and says why."""
