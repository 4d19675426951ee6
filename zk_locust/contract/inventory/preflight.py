"""What preflight finds wrong with an inventory before any host is asked, and with the hosts from their answers."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from zk_locust.contract.faults.fleet import WAITS_S, FaultFleet
from zk_locust.contract.faults.hosts import ability_problems, external_problems, fault_problems
from zk_locust.contract.faults.operations import host_operation_problems
from zk_locust.contract.inventory.answers import answer_problems
from zk_locust.contract.inventory.any_host import (
    clock_problems,
    clock_warnings,
    folder_problems,
    port_problems,
    python_problems,
)
from zk_locust.contract.inventory.load_hosts import (
    load_host_problems,
    load_limit_problems,
    set_limits_problems,
    users_lines,
)
from zk_locust.contract.inventory.machines import CONTROLLER, machines
from zk_locust.contract.inventory.member_host import member_host_problems, open_secret_warnings, unit_path_problems
from zk_locust.contract.inventory.members import (
    Member,
    ensemble_is_managed,
    managed_by_member,
    member_problems,
    members,
)
from zk_locust.contract.inventory.names import OVERRIDES, judged_variables, role_variables
from zk_locust.contract.inventory.reading import Groups, HostVars, hosts_of_contract, load_hosts, read
from zk_locust.contract.inventory.sharing import sharing_problems
from zk_locust.contract.truth import is_true
from zk_locust.contract.zoo_cfg import property_problems

_RULES: Final[dict[str, Callable[..., Any]]] = {
    "abilities": ability_problems,
    "clock": clock_problems,
    "clock warnings": clock_warnings,
    "external": external_problems,
    "faults": fault_problems,
    "folder": folder_problems,
    "limits": load_limit_problems,
    "member": member_host_problems,
    "open secrets": open_secret_warnings,
    "operations": host_operation_problems,
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
    problems, warnings = judged_variables(groups, hostvars, role_variables(roles), facts, given)
    return {
        "problems": inventory_problems(groups, hostvars, controller) + problems,
        "warnings": warnings,
        "request": scenario_request(controller, f"{playbooks}/scenarios", managed, largest)
        | {"fleet": fault_fleet(groups, hostvars, managed, faults_allowed(controller)).as_dict()},
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
    problems = answer_problems(groups, hostvars, reached, found)
    if ensemble_is_managed(groups, hostvars, controller):
        problems += sharing_problems(groups, hostvars)  # the hosts have told which machines they are
        problems += heap_problems(groups, hostvars, memory)
    told = [line for each in found.values() for line in each.get("warnings") or []]
    if users is not None:
        too_few, warnings = users_lines(int(users), workers, hostvars)
        problems, told = problems + too_few, told + warnings
    return {"problems": problems, "warnings": inventory_warnings(groups, hostvars) + told}


def inventory_problems(groups: Groups, hostvars: HostVars, controller: Mapping[str, Any]) -> list[str]:
    """Return everything that is wrong with values in an inventory, one line each: who, variable, [value], remedy.

    `controller` holds the variables that are the controller's (`benchmark_…`, `zookeeper_managed` if no member says).
    """
    listed = members(groups, hostvars)
    by_member = managed_by_member(groups, hostvars, controller)
    managed = ensemble_is_managed(groups, hostvars, controller)
    problems = list(_group_problems(groups, managed, controller))
    if managed and not all(by_member.values()):
        others = ", ".join(name for name, own in by_member.items() if not own)
        problems.append(f"{others}: zookeeper_managed [false] must be the same for all members of one ensemble")
    if managed:
        problems += _id_problems(listed)
        for member in listed:
            problems += member_problems(member)
        problems += sharing_problems(groups, hostvars)
        if listed and all(member.variables.zookeeper_peer_type == "observer" for member in listed):
            problems.append(
                "group zookeeper [observers only]: observers do not vote;"
                " set zookeeper_peer_type: participant for at least one member"
            )
    return problems + list(load_host_problems(groups, hostvars))


def heap_problems(groups: Groups, hostvars: HostVars, memory_mb: Mapping[str, int]) -> list[str]:
    """Return where the heaps of a machine's members are larger than its memory, which `memory_mb` holds by host."""
    by_machine: dict[str, list[Member]] = {}
    for member in members(groups, hostvars):
        if memory_mb.get(member.name):
            by_machine.setdefault(member.machine, []).append(member)
    problems = []
    for listed in by_machine.values():
        memory, wanted = memory_mb[listed[0].name], sum(member.heap_mb for member in listed)
        if wanted > memory:
            heaps = " + ".join(member.variables.zookeeper_heap for member in listed)
            problems.append(
                f"{', '.join(member.name for member in listed)}: zookeeper_heap [{heaps}] is more than the machine's"
                f" memory of {memory} MB; choose a smaller heap, and leave memory for the page cache"
            )
    return problems


def largest_request_bytes(groups: Groups, hostvars: HostVars, controller: Mapping[str, Any]) -> int | None:
    """Return the smallest `jute.maxbuffer` of the members, bytes; None where the inventory does not say it."""
    listed = members(groups, hostvars) if ensemble_is_managed(groups, hostvars, controller) else []
    return min((member.max_buffer_bytes for member in listed), default=None)


def scenario_request(
    controller: Mapping[str, Any], scenarios_dir: str, managed: bool, max_buffer_bytes: int | None = None
) -> dict[str, Any]:
    """Return the question for `zk-locust resolve-plan`: the scenario and the overrides that are set."""
    given = {name: controller.get(f"benchmark_{name}") for name in OVERRIDES}
    return {
        "managed": managed,
        "max_buffer_bytes": max_buffer_bytes,
        "scenario": controller.get("benchmark_scenario", "quick"),
        "scenarios_dir": scenarios_dir,
        "overrides": {name: value for name, value in given.items() if value is not None},
    }


def faults_allowed(controller: Mapping[str, Any]) -> bool:
    """Whether faults may be done to an external ensemble; a value that is neither true nor false counts as false."""
    try:
        return is_true(read(controller, "benchmark_faults_allowed", False))
    except ValueError:
        return False  # the rule for types names it


def fault_fleet(groups: Groups, hostvars: HostVars, managed: bool, allowed: bool = False) -> FaultFleet:
    """Return what faults may be done to."""
    listed = members(groups, hostvars)
    addresses = [member.address for member in listed]
    return FaultFleet(
        members=tuple(member.name for member in listed),
        observers=frozenset(member.name for member in listed if member.variables.zookeeper_peer_type == "observer"),
        shared=tuple(member.name for member in listed if addresses.count(member.address) > 1),
        load_hosts=tuple(load_hosts(groups)),
        managed=managed,
        powered=frozenset(member.name for member in listed if member.variables.zookeeper_power_off_command),
        together=together(groups, hostvars),
        workers=tuple(groups.get("locust_workers", [])),
        allowed=allowed,
        waits_s=min((member.waits_s for member in listed), default=WAITS_S) if managed else WAITS_S,
    )


def together(groups: Groups, hostvars: HostVars) -> frozenset[str]:
    """Return the members whose machine is another host's too, or the controller's, or that are load hosts too."""
    machine = machines(groups, hostvars)
    used = list(machine.values())
    loaded = load_hosts(groups)
    return frozenset(
        name
        for name in groups.get("zookeeper", [])
        if name in loaded or machine[name] == CONTROLLER or used.count(machine[name]) > 1
    )


def inventory_warnings(groups: Groups, hostvars: HostVars) -> list[str]:
    """Return what does not stop a run but its user should know: an even vote, load on the members' machines."""
    listed = members(groups, hostvars)
    voters = [member.name for member in listed if member.variables.zookeeper_peer_type == "participant"]
    warnings = []
    if voters and len(voters) % 2 == 0:
        spared = len(voters) // 2 - 1
        warnings.append(
            f"group zookeeper [{len(voters)} participants]: an even number survives the loss of no more members than"
            f" {len(voters) - 1} would ({spared}), and every write waits for one more; make it odd, or one an observer"
        )
    machine = machines(groups, hostvars)
    members_on = {machine[member.name]: member.name for member in reversed(listed)}
    for name in load_hosts(groups):
        if other := members_on.get(machine[name]):
            shared = CONTROLLER if machine[name] == CONTROLLER else f"the machine of {other}"
            warnings.append(
                f"{name}: load and members share {shared}: they compete for CPU, and the figures are lower than the"
                " ensemble's own; use separate machines where figures matter"
            )
    return warnings


def _group_problems(groups: Groups, managed: bool, controller: Mapping[str, Any]) -> Iterator[str]:
    if managed and not list(groups.get("zookeeper", [])):
        yield (
            "group zookeeper [no host]: name the members there, or set zookeeper_managed: false and"
            " benchmark_parameters.hosts to measure an external ensemble"
        )
    if not managed:
        parameters = read(controller, "benchmark_parameters", {})
        if isinstance(parameters, Mapping) and not parameters.get("hosts"):
            yield (
                "benchmark_parameters.hosts [not set]: with zookeeper_managed: false it must be the connect string,"
                " e.g. {hosts: 'a.example.org:2181,b.example.org:2181'}"
            )
    masters = list(groups.get("locust_master", []))
    if not masters:
        yield "group locust_master [no host]: name exactly one host there; it may also be a worker"
    elif len(masters) > 1:
        yield (
            f"group locust_master [{', '.join(masters)}]: there is one master; leave one host there"
            " and move the others to locust_workers"
        )
    if not list(groups.get("locust_workers", [])):
        yield "group locust_workers [no host]: name at least one host there; it may be the master's"


def _id_problems(listed: list[Member]) -> Iterator[str]:
    holders: dict[int, list[str]] = {}
    for member in listed:
        if "zookeeper_id" not in member.wrong:
            holders.setdefault(member.variables.zookeeper_id, []).append(member.name)
    for number, names in holders.items():
        if len(names) > 1:
            yield f"{', '.join(names)}: zookeeper_id [{number}] is used by each of them; give every member its own"


def joined(problems: Iterable[str]) -> list[str]:
    """Write once what is said of several hosts: `a: text` and `b: text` become `a, b: text`."""
    subjects: dict[str, list[str]] = {}
    for problem in problems:
        subject, _, text = problem.partition(": ")
        subjects.setdefault(text, []).append(subject)
    return [f"{', '.join(dict.fromkeys(names))}: {text}" for text, names in subjects.items()]


def problem_report(lines: Iterable[str], *, only_warnings: bool = False) -> list[str]:
    """Return the lines that show problems on screen, or warnings."""
    lines = joined(lines)
    if only_warnings:
        return [f"  warning: {line}" for line in lines]
    count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
    return [
        "",
        f"preflight found {count}; nothing was started",
        "",
        *(f"  {number}. {problem}" for number, problem in enumerate(lines, 1)),
        "",
    ]
