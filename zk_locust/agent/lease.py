"""The lease that a run has on a host, also while no load is running there, as people see it."""

import json
import time
from pathlib import Path
from typing import Any

from zk_locust.contract.durable_files import read_text
from zk_locust.contract.run_files import LEASE


def lease_in(text: str, now_s: float) -> dict[str, str] | None:
    """Return `run_id`, `owner`, `since` and `until` of a lease; None where it is over, or says nothing.

    `now_s` is the time by the clock of the lease's host, in seconds since 1970.
    """
    try:
        lease: Any = json.loads(text)
        if not lease["run_id"] or now_s > float(lease.get("until_s") or 0):
            return None
        return {key: str(lease.get(key) or "") for key in ("run_id", "owner", "since", "until")}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def lease_of(folder: Path) -> dict[str, str] | None:
    """Return the lease on this host that is kept in a folder, as `lease_in` does."""
    try:
        return lease_in(read_text(folder / LEASE), time.time())
    except OSError:
        return None
