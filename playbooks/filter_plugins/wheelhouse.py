"""Which wheels the controller gathers: one set for each kind of load host that lacks its environment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

HostVars = Mapping[str, Mapping[str, Any]]


def wheelhouse_kinds(hosts: Iterable[str], hostvars: HostVars) -> list[str]:
    """Return the arguments of `zk-locust-wheelhouse` that name the kinds of `hosts`, each once."""
    kinds = sorted({str(hostvars[host].get("load_host_kind") or "") for host in hosts} - {""})
    return [word for kind in kinds for word in ("--kind", kind)]


def without_environment(hosts: Iterable[str], hostvars: HostVars) -> list[str]:
    """Return those of `hosts` that have looked for their environment and have not found it."""
    looked = {host: hostvars[host].get("__load_host_found") for host in hosts}
    # A command that was not run, because what it `removes` is not there, has taken no time.
    return [host for host, found in looked.items() if found is not None and found.get("delta") is None]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"wheelhouse_kinds": wheelhouse_kinds, "without_environment": without_environment}
