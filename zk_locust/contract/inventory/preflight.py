"""What preflight asks of the inventory and of the hosts: the functions behind the filters of the playbooks."""

from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Any, Final

from zk_locust.contract.inventory.answers import answer_problems
from zk_locust.contract.inventory.any_host import (
    clock_problems,
    clock_warnings,
    folder_problems,
    port_problems,
    python_problems,
)
from zk_locust.contract.inventory.load_hosts import (
    load_limit_problems,
    set_limits_problems,
    users_problems,
    users_warnings,
)
from zk_locust.contract.inventory.member_host import member_host_problems, open_secret_warnings, unit_path_problems
from zk_locust.contract.inventory.members import ensemble_is_managed
from zk_locust.contract.inventory.names import role_variables, variable_warnings
from zk_locust.contract.inventory.problems import (
    heap_problems,
    inventory_problems,
    inventory_warnings,
    largest_request_bytes,
    machine_problems,
    scenario_request,
)
from zk_locust.contract.inventory.reading import Groups, HostVars, hosts_of_contract, load_hosts
from zk_locust.contract.zoo_cfg import property_problems

_RULES: Final[dict[str, Callable[..., Any]]] = {
    "clock": clock_problems,
    "clock warnings": clock_warnings,
    "folder": folder_problems,
    "limits": load_limit_problems,
    "member": member_host_problems,
    "open secrets": open_secret_warnings,
    "ports": port_problems,
    "properties": property_problems,
    "python": python_problems,
    "root for limits": set_limits_problems,
    "unit": unit_path_problems,
}


def host_problems(name: str, rule: str, *values: Any) -> list[str]:
    """Return what one of the rules says of the host `name`, one line each."""
    return list(_RULES[rule](name, *values))


def before_hosts(
    groups: Groups,
    hostvars: HostVars,
    playbooks: str,
    facts: Mapping[str, Container[str]],
    given: Container[str] = (),
) -> dict[str, Any]:
    """Judge an inventory before any host is asked: its `problems`, `warnings`, and the `request` of the plan.

    `playbooks` is the folder of the playbooks, beside which the roles stand. `facts` names by host what plays have set,
    which is not the user's, and `given` the variables of `-e`.
    """
    # Each access to Ansible's own object costs a pass over all that Ansible knows.
    hostvars = {name: hostvars[name] for name in ("localhost", *hosts_of_contract(groups))}
    controller = hostvars["localhost"]
    roles = Path(playbooks).parent / "roles"
    managed = ensemble_is_managed(groups, hostvars, controller)
    largest = largest_request_bytes(groups, hostvars, controller)
    return {
        "problems": inventory_problems(groups, hostvars, controller, roles, facts, given),
        "warnings": list(variable_warnings(groups, hostvars, role_variables(roles), facts, given)),
        "request": scenario_request(controller, f"{playbooks}/scenarios", managed, largest),
    }


def after_hosts(
    groups: Groups,
    hostvars: HostVars,
    reached: Mapping[str, Mapping[str, Any]],
    found: Mapping[str, Mapping[str, Any]],
    users: int | None = None,
) -> dict[str, list[str]]:
    """Judge what the hosts have answered: `problems`, and `warnings` that do not stop a run.

    `reached` has each host's answer to the first question. `found` has what its probes said: `problems`, `warnings`,
    `memory_mb`, and the number of `workers`. `users` are the plan's.
    """
    controller = hostvars["localhost"]
    memory = {name: int(each.get("memory_mb") or 0) for name, each in found.items()}
    workers = {name: int(found[name].get("workers") or 0) for name in load_hosts(groups) if found.get(name)}
    problems = answer_problems(groups, hostvars, reached, found) + machine_problems(groups, hostvars, controller)
    if ensemble_is_managed(groups, hostvars, controller):
        problems += heap_problems(groups, hostvars, memory)
    if users is not None:
        problems += users_problems(int(users), workers, hostvars)
    told = [line for each in found.values() for line in each.get("warnings") or []]
    if users is not None:
        told += users_warnings(int(users), workers, hostvars)
    return {"problems": problems, "warnings": inventory_warnings(groups, hostvars) + told}
