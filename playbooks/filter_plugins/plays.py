"""The filters of the plays and roles; where one has no function here, it stands for the function of its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from fleet import member_configuration as rendering
from fleet import restart_plan
from fleet.held_hosts import held_problems
from fleet.host_result import start_failures
from fleet.host_spec import host_files
from fleet.member_configuration import Member, with_configuration_id
from fleet.recorded_variables import contract_variables
from fleet.shared_folders import shared_folder_problems
from zk_locust.contract.inventory.answers import told_by
from zk_locust.contract.inventory.members import ensemble_members
from zk_locust.contract.inventory.preflight import after_hosts, before_hosts, host_problems, problem_report
from zk_locust.contract.secrets import without_user_info


def preflight_report(groups: Any, hostvars: Any, **values: Any) -> dict[str, Any]:
    """Judge the inventory, or with `found` what its hosts have answered."""
    if "found" in values:
        return after_hosts(groups, hostvars, **values)
    # Ansible has no public way to tell facts and variables of -e from the rest.
    known = hostvars._variable_manager
    return before_hosts(groups, hostvars, facts=known._nonpersistent_fact_cache, given=known.extra_vars, **values)


def _listed(members: Iterable[Mapping[str, Any]]) -> list[Member]:
    return [Member.of(member) for member in members]


def member_configuration(
    properties: Mapping[str, Any],
    own: Mapping[str, Any],
    members: Iterable[Mapping[str, Any]],
    list_file: str,
    password: str,
    **places: str,
) -> dict[str, Any]:
    """Return the `Configuration` of a member; `places` are those of `member_properties`."""
    together = _listed(members)
    derived = rendering.member_properties(Member.of(own), together, **places)
    reconfigured = rendering.reconfigurable_properties(properties, together, list_file, password)
    return asdict(rendering.configuration({**properties, **derived, **reconfigured}))


def restarts(states: Mapping[str, str], modes: Mapping[str, str]) -> dict[str, Any]:
    """Return which running members are restarted `at_once`, and which `one_by_one`; see `RestartPlan`."""
    return asdict(restart_plan.plan_restarts(states, modes))


def list_conflicts(
    members: Iterable[Mapping[str, Any]], modes: Mapping[str, str], views: Mapping[str, Any], listed: bool
) -> list[str]:
    """Return which members that the play leaves out serve with another list than `members`."""
    return restart_plan.list_conflicts(_listed(members), modes, views, listed)


def facts_of(hosts: Iterable[str], hostvars: Mapping[str, Any], name: str, default: Any = None) -> dict[str, Any]:
    """Return the fact `name` of each host; the default, or an empty dictionary, where it has none."""
    return {host: hostvars[host].get(name, {} if default is None else default) for host in hosts}


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        functions = (
            *(contract_variables, ensemble_members, facts_of, held_problems, host_files, host_problems),
            *(list_conflicts, member_configuration, preflight_report, problem_report, restarts, shared_folder_problems),
            *(start_failures, told_by, with_configuration_id, without_user_info),
        )
        return {function.__name__: function for function in functions}
