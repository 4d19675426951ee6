"""Who holds a host, as the controller sees it and says it: from the leases that the module `run_lease` finds there."""

import getpass
import os
import socket
from collections.abc import Mapping
from typing import Any

from fleet.controllers import identity, is_here, is_running


def asking() -> dict[str, Any]:
    """Return who asks for a lease: `owner`, and the `controller`, the parent of a task's process."""
    return {"owner": f"{getpass.getuser()}@{socket.gethostname()}", "controller": identity(os.getppid())}


def is_abandoned(holder: Mapping[str, Any]) -> bool:
    """Whether the lease belongs to a process of this machine that has ended, and no load is running."""
    controller = holder.get("controller") or {}
    return not holder.get("loading") and is_here(controller) and not is_running(controller)


def description(holder: Mapping[str, Any]) -> str:
    """Return who holds a host, for the screen."""
    until = f", until {holder['until']} at the latest" if holder.get("until") else ""
    return f"run {holder['run_id']} of {holder.get('owner') or 'somebody'} since {holder.get('since')}{until}"


def answered(result: Mapping[str, Any], action: str, run_id: str, ends: float) -> dict[str, Any]:
    """Return what the task adds to the module's result.

    `held_by` says who holds the host, empty if no run does. `claimed` or `released` is the run for which that was done.
    After a claim `lasts_until` is until when it holds the host at least (`ends`), 0 if it does not.
    """
    held_by = description(result["holder"]) if result.get("holder") else ""
    done = {"claim": "claimed", "release": "released"}.get(action)
    is_done = bool(done) and not result.get("failed") and not held_by
    found: dict[str, Any] = {"held_by": held_by} | ({str(done): run_id} if is_done else {})
    return found | ({"lasts_until": ends if is_done else 0.0} if action == "claim" else {})


def held_problems(leases: Mapping[str, Mapping[str, Any] | None]) -> list[str]:
    """Return a line for every run that holds some hosts, naming them; `leases` maps hosts to results of `run_lease`."""
    holders: dict[str, list[str]] = {}
    loading = set()
    for host, lease in leases.items():
        held_by = str((lease or {}).get("held_by") or "")
        if lease and held_by:
            holders.setdefault(held_by, []).append(host)
            if (lease.get("holder") or {}).get("loading"):
                loading.add(held_by)
    return [
        f"{', '.join(hosts)}: is held by {held_by}; wait for its end, or {_LOADED if held_by in loading else _IDLE}"
        for held_by, hosts in holders.items()
    ]


# Another controller can end a load. It can take over only hosts without a load.
_LOADED = "end its load (fab stop) and wait for its figures"
_IDLE = (
    "end it on its own controller (Ctrl-C); if that controller is gone, -e run_lease_take=true takes over a host that"
    " nothing loads any more"
)
