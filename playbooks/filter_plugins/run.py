"""Filters for running a load; each stands for the function of its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fleet.held_hosts import held_problems
from fleet.host_result import start_failures
from fleet.host_spec import host_files
from fleet.recorded_variables import contract_variables
from fleet.shared_folders import shared_folder_problems
from zk_locust.contract.secrets import without_user_info


def facts_of(hosts: Iterable[str], hostvars: Mapping[str, Any], name: str, default: Any = None) -> dict[str, Any]:
    """Return the fact `name` of each host; the default, or an empty dictionary, where it has none."""
    return {host: hostvars[host].get(name, {} if default is None else default) for host in hosts}


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        functions = (contract_variables, facts_of, held_problems, host_files, shared_folder_problems)
        return {function.__name__: function for function in (*functions, start_failures, without_user_info)}
