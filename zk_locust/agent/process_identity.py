"""The processes that a run's status names."""

from collections.abc import Mapping
from typing import Any

import psutil

from zk_locust.contract.process_identity import Identity, is_running


def find(identity: Mapping[str, Any] | None) -> psutil.Process | None:
    """Return the process with this `pid` and `start_ticks`, or None where it has ended or none is named."""
    try:
        known = Identity(int(identity["pid"]), int(identity["start_ticks"])) if identity else None
        return psutil.Process(known.pid) if known is not None and is_running(known) else None
    except (psutil.NoSuchProcess, LookupError, TypeError, ValueError):  # also where it is no identity
        return None
