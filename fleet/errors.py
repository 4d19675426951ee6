"""Errors of the controller's side: what its user can mend, in one line."""


class FleetError(Exception):
    """Something that the person at the controller can mend; the message names the setting, its value and the remedy."""
