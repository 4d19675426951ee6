"""What people are shown of a lease: which run holds a host, also while no load is running there."""

import json
from typing import Any


def lease_in(text: str, now_s: float) -> dict[str, str] | None:
    """Return `run_id`, `owner`, `since` and `until` of a lease; None where it is over, or says nothing.

    `now_s` is the time by the clock of the lease's host, in seconds since 1970.
    """
    try:
        lease: Any = json.loads(text)
        if not lease["run_id"] or now_s > float(lease.get("until_s") or 0):
            return None
        return {key: str(lease.get(key) or "") for key in ("run_id", "owner", "since", "until")}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
