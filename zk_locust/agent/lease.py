"""The lease that a run has on a host, also while no load is running there, as people see it."""

import time
from pathlib import Path

from zk_locust.contract.durable_files import read_text
from zk_locust.contract.run_files import LEASE
from zk_locust.contract.shown_lease import lease_in


def lease_of(folder: Path) -> dict[str, str] | None:
    """Return the lease on this host that is kept in a folder, as `lease_in` does."""
    try:
        return lease_in(read_text(folder / LEASE), time.time())
    except OSError:
        return None
