"""How long the runs of an experiment take, as far as that is known before the first one."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from fleet.errors import FleetError, InputError, one_line
from fleet.experiments.arms import Arm, at_rate
from fleet.experiments.playbooks import Playbooks
from fleet.experiments.specification import Specification
from fleet.inventory import Inventory
from zk_locust.contract.experiment import ALL, CAPACITY, parse_objective
from zk_locust.contract.inventory.preflight import scenario_request
from zk_locust.contract.nearest_name import nearest
from zk_locust.contract.truth import is_true

OVERHEAD_S: Final = 25.0
"""What a run is expected to take beside its load, seconds, until the experiment has measured it (docs/measured.md)."""


class Inventories:
    """Reads each inventory once. `of` returns that of an arm, for an empty name the given one."""

    def __init__(self, playbooks: Playbooks) -> None:
        @cache
        def of(inventory: str) -> Inventory:
            return Inventory.load(playbooks.sources(Arm("", {}, inventory)))

        self.of: Callable[[str], Inventory] = of


def is_managed(arm: Arm, inventory: Inventory, playbooks: Playbooks) -> bool:
    """Return whether the project manages the ensemble of an arm."""
    given = {**playbooks.variables, **arm.variables}.get("zookeeper_managed")
    if given is not None:
        return is_true(given)
    members = [inventory.hosts[host] for host in inventory.group("zookeeper")] or [inventory.controller]
    return all(host.is_true("zookeeper_managed", True) for host in members)


def probes(spec: Specification, arms: Sequence[Arm]) -> list[Arm]:
    """Return what stands for the runs of the arms before the first one: a search begins with an open loop."""
    return [at_rate(arm, spec.rates[1]) for arm in arms] if spec.kind == CAPACITY else list(arms)


def run_s(plans: Sequence[Mapping[str, Any]]) -> float:
    """Return how long a run takes on average, seconds, if the arms have these plans."""
    return sum(float(plan["planned_s"]) for plan in plans) / len(plans) + OVERHEAD_S


def unknown_operations(objectives: Sequence[str], arms: Sequence[Arm], plans: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a problem for each objective whose operation is not in the load of an arm, as far as that is known."""
    problems = []
    for arm, plan in zip(arms, plans, strict=True):
        known = plan["operations"]
        for objective in map(parse_objective, objectives if known is not None else ()):
            if objective.operation not in (ALL, *known):
                problems.append(
                    f"objectives [{objective.text}]: the load of arm {arm.name} ({plan['name']}) has no operation "
                    f"{objective.operation}{nearest(objective.operation, known)}; it has: {', '.join(known)}"
                )
    return problems


def unequal_faults(arms: Sequence[Arm], plans: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a problem for each arm whose runs have no faults, or others than those of the first arm."""
    problems = []
    for arm, plan in zip(arms, plans, strict=True):
        if not plan["faults"]:
            problems.append(
                f"arm {arm.name}: its runs ({plan['name']}) have no faults; let the scenario have some, or write e.g. "
                "variables: {benchmark_faults: [{at: 10s, do: kill, target: leader}]}"
            )
        elif plans[0]["faults"] and plan["faults"] != plans[0]["faults"]:
            problems.append(
                f"arm {arm.name}: its faults are not those of arm {arms[0].name}, so that nothing can be compared; let "
                "all arms have the same faults"
            )
    return problems


def plans_of(playbooks: Playbooks, inventories: Inventories, arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """Return the plan of each arm's load, as `zk-locust resolve-plan` prints it.

    Raises InputError for an arm that cannot be planned, and FleetError if the plans cannot be had.
    """
    requests = []
    for arm in arms:
        inventory = inventories.of(arm.inventory)
        controller = {**inventory.controller, **playbooks.variables, **arm.variables}
        managed = is_managed(arm, inventory, playbooks)
        requests.append(json.dumps(scenario_request(controller, f"{playbooks.folder}/scenarios", managed), default=str))
    different = list(dict.fromkeys(requests))
    answers = dict(zip(different, _resolved(different), strict=True))
    problems = {
        f"arm {arm.name}: {problem}"
        for arm, request in zip(arms, requests, strict=True)
        for problem in answers[request]["problems"]
    }
    if problems:
        raise InputError("\n".join(sorted(problems)))
    return [answers[request]["plan"] for request in requests]


def _resolved(requests: Sequence[str]) -> list[dict[str, Any]]:
    """Ask for the plans of several scenarios at once."""
    program = str(Path(sys.executable).with_name("zk-locust"))
    try:
        answer = subprocess.run(
            [program, "resolve-plan"], input=f"[{','.join(requests)}]", capture_output=True, text=True, check=True,
            timeout=120,
        )  # fmt: skip
        found: list[dict[str, Any]] = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise FleetError(
            f"zk-locust resolve-plan [{program}] gave no answer: {one_line(error)}; make install"
        ) from None
    return found
