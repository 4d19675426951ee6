"""What `zk-locust host-run status` and `stop` have printed on a host, which may print anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

_STATES = ("running", "ended", "lost", "absent")


def run_status(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the status of a run from a registered command; the state is `absent` where it does not say one.

    What is not of its kind is left out: `processes` maps names to dictionaries, `progress` is one or None.
    """
    try:
        said = json.loads(answer.get("stdout") or "")
    except (ValueError, RecursionError):
        said = None
    if answer.get("rc") != 0 or not isinstance(said, dict) or said.get("state") not in _STATES:
        return {"state": "absent", "processes": {}, "progress": None}
    processes, progress = said.get("processes"), said.get("progress")
    named = processes.items() if isinstance(processes, dict) else ()
    return said | {
        "processes": {name: process for name, process in named if isinstance(process, dict)},
        "progress": progress if isinstance(progress, dict) else None,
    }


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"run_status": run_status}
