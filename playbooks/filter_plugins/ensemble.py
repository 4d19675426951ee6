"""What the role `zookeeper` derives from the list of members: their configuration, and how they are restarted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from fleet import member_configuration as rendering
from fleet import restart_plan
from fleet.member_configuration import Member


def _listed(members: Iterable[Mapping[str, Any]]) -> list[Member]:
    return [Member.of(member) for member in members]


def member_configuration(
    properties: Mapping[str, Any], own: Mapping[str, Any], members: Iterable[Mapping[str, Any]], **places: str
) -> dict[str, Any]:
    """Return the `Configuration` of a member; `places` are those of `member_properties`."""
    derived = rendering.member_properties(Member.of(own), _listed(members), **places)
    return asdict(rendering.configuration({**properties, **derived}))


def restarts(states: Mapping[str, str], modes: Mapping[str, str]) -> dict[str, Any]:
    """Return which running members are restarted `at_once`, and which `one_by_one`; see `RestartPlan`."""
    return asdict(restart_plan.plan_restarts(states, modes))


def list_conflicts(
    members: Iterable[Mapping[str, Any]], modes: Mapping[str, str], views: Mapping[str, Any], listed: bool
) -> list[str]:
    """Return which members that the play leaves out serve with another list than `members`."""
    return restart_plan.list_conflicts(_listed(members), modes, views, listed)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"list_conflicts": list_conflicts, "member_configuration": member_configuration, "restarts": restarts}
