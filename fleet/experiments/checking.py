"""Checks an experiment's file with its inventories and scenarios, before any host is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet.errors import InputError
from fleet.experiments.arms import Arm, arms_of, equal_arms, merged_variables, with_inventory
from fleet.experiments.duration import Inventories, is_managed, plans_of, unequal_faults, unknown_operations
from fleet.experiments.duration import probes as probes_of
from fleet.experiments.failure_limits import too_few_operations
from fleet.experiments.playbooks import Playbooks
from fleet.experiments.specification import FRESH, Specification
from fleet.experiments.specification_reading import read_file
from zk_locust.contract.experiment import NOISE, RECOVERY
from zk_locust.contract.inventory.names import role_variables


@dataclass(frozen=True, slots=True)
class Checked:
    """An experiment that can be run: `probes` stand for the runs of the `arms`, `plans` has the plan of each."""

    spec: Specification
    arms: list[Arm]
    probes: list[Arm]
    plans: list[dict[str, Any]]


def check(file: Path, playbooks: Playbooks, inventories: Inventories) -> Checked:
    """Return the experiment of a file. Raises InputError that names all problems."""
    roles = playbooks.folder.parent / "roles"
    spec, problems = read_file(file, role_variables(roles))
    if spec is None:
        raise refused(problems)
    arms = arms_of(spec)
    for name in sorted({name for arm in arms for name in arm.variables} & set(playbooks.variables)):
        problems.append(f"{name}: it is set by the experiment and with -e; leave out one of them")
    merged, found = with_inventory(arms, inventories.of, merged_variables(spec))
    problems += found
    if spec.data == FRESH:
        problems += [
            f"data [{FRESH}]: the ensemble of arm {arm.name} is external (zookeeper_managed: false), and its data is "
            "never removed; write data: kept"
            for arm in merged
            if not is_managed(arm, inventories.of(arm.inventory), playbooks)
        ]
    if problems:
        raise refused(problems)
    probes = probes_of(spec, merged)
    plans = plans_of(playbooks, inventories, probes)
    problems = [] if spec.kind == NOISE else equal_arms(probes, inventories.of, plans, roles)
    problems += unknown_operations(spec.objectives, probes, plans)
    problems += too_few_operations(spec, probes, plans)
    problems += unequal_faults(probes, plans) if spec.kind == RECOVERY else []
    if problems:
        raise refused(problems)
    return Checked(spec, merged, probes, plans)


def refused(problems: Sequence[str]) -> InputError:
    """Return the error that names all problems."""
    return InputError("\n".join(problems))
