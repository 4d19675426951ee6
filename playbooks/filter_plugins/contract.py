"""What the plays ask of the inventory contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zk_locust.contract.inventory.answers import told_by
from zk_locust.contract.inventory.members import ensemble_members
from zk_locust.contract.inventory.preflight import after_hosts, before_hosts, host_problems
from zk_locust.contract.inventory.screen import problem_report


def preflight_report(groups: Any, hostvars: Any, **values: Any) -> dict[str, Any]:
    """Judge the inventory, or with `found` what its hosts have answered."""
    if "found" in values:
        return after_hosts(groups, hostvars, **values)
    # Ansible has no public way to tell facts and variables of -e from the rest.
    known = hostvars._variable_manager
    return before_hosts(groups, hostvars, facts=known._nonpersistent_fact_cache, given=known.extra_vars, **values)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "ensemble_members": ensemble_members,
            "host_problems": host_problems,
            "preflight_report": preflight_report,
            "problem_report": problem_report,
            "told_by": told_by,
        }
