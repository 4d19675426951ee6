"""How it is said that another run holds a host."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

HostVars = Mapping[str, Mapping[str, Any]]


def held_problem(host: str, held_by: str, loading: bool = False) -> str:
    """Return the line for one host that `held_by` holds; `loading` says that its load is on its way."""
    # Only a load can be ended by somebody else; and only what nobody loads can be taken over.
    if loading:
        return f"{host}: is held by {held_by}; wait for its end, or end its load (fab stop) and wait for its figures"
    return (
        f"{host}: is held by {held_by}; wait for its end, or end it on its own controller (Ctrl-C);"
        " if that controller is gone, -e run_lease_take=true takes over a host that nothing loads any more"
    )


def held_problems(hosts: Iterable[str], hostvars: HostVars) -> list[str]:
    """Return a line for every run that holds some of `hosts`, naming them, from what the role has registered."""
    holders: dict[str, list[str]] = {}
    loading = set()
    for host in hosts:
        found = hostvars[host].get("__run_lease") or {}
        held_by = str(found.get("held_by") or "")
        if held_by:
            holders.setdefault(held_by, []).append(host)
            if (found.get("holder") or {}).get("loading"):
                loading.add(held_by)
    return [held_problem(", ".join(names), held_by, held_by in loading) for held_by, names in holders.items()]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"held_problem": held_problem, "held_problems": held_problems}
