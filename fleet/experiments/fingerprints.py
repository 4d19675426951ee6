"""Fingerprints of what decides the runs of an experiment, so that a resumed one is known to be the same.

Each has a name for people: what differs can be said without keeping any value. Secrets do not count.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from fleet.errors import InputError
from fleet.experiments.arms import MERGED
from fleet.experiments.checking import Checked
from fleet.experiments.loads import VARIABLES, load_of
from fleet.experiments.specification import MAY_CHANGE
from fleet.inventory import MASTER, MEMBERS, WORKERS, HostVariables, Inventory
from zk_locust.contract.secrets import redacted

_OF_ARMS: Final = ("variables", "arms", "grid")
# They decide where a run is kept and what is drawn, not what it is.
_NOT_COMPARED: Final = frozenset(("benchmark_label", "benchmark_results_dir", "benchmark_report_figures"))
_LENGTH: Final = 16


def fingerprints(
    checked: Checked, inventory_of: Callable[[str], Inventory], given: Mapping[str, Any], known: Iterable[str]
) -> dict[str, str]:
    """Return the fingerprint of each setting of the file, the arms, `-e`, the loads and the inventories, by its name.

    `given` are the variables of `-e`, and `known` those that an inventory may set.
    """
    found: dict[str, Any] = {f"{name} of the file": value for name, value in asdict(checked.spec).items()}
    for name in (*MAY_CHANGE, *_OF_ARMS):
        del found[f"{name} of the file"]
    arms = checked.arms
    found["names of the arms"] = [(arm.name, arm.inventory, arm.place) for arm in arms]
    for name in sorted({name for arm in arms for name in arm.variables}):
        found[f"{name} of the arms"] = [redacted(name, arm.variables.get(name)) for arm in arms]
    for name, value in given.items():
        found[f"-e {name}"] = redacted(name, value)
    loads = [load_of(plan) for plan in checked.plans]
    for name in loads[0]:
        found[f"{name} of the load"] = [load[name] for load in loads]
    for name in sorted({name for load in loads for name in load["parameters"]}):
        found[f"{name} of the load"] = [redacted(name, load["parameters"].get(name)) for load in loads]
    del found["parameters of the load"]
    overridden = set(given) | set.intersection(*(set(arm.variables) for arm in arms)) - set(MERGED)
    inventories = {arm.inventory: inventory_of(arm.inventory) for arm in arms}
    found |= _of_inventories(inventories, {*known, "ansible_host"} - overridden - VARIABLES - _NOT_COMPARED)
    return {name: _fingerprint(value) for name, value in found.items()}


def _of_inventories(inventories: Mapping[str, Inventory], names: Iterable[str]) -> dict[str, Any]:
    """Return the groups, and each variable's value on the controller and all hosts, as far as it can be evaluated."""
    hosts = {
        (place, host.host): host
        for place, inventory in inventories.items()
        for host in (inventory.controller, *(inventory.hosts[name] for name in inventory.contract_hosts))
    }
    found: dict[str, Any] = {
        "hosts of the inventory": [
            [inventory.group(group) for group in (MEMBERS, MASTER, WORKERS)] for inventory in inventories.values()
        ]
    }
    set_by = {place: frozenset(host) for place, host in hosts.items()}  # whether it is there is told without its value
    for name in sorted(names):
        values = [(*place, _value(host, name)) for place, host in hosts.items() if name in set_by[place]]
        if values:
            found[f"{name} of the inventory"] = values
    return found


def _value(host: HostVariables, name: str) -> object:
    try:
        return redacted(name, host[name])
    except InputError:  # a template that needs what only the host knows
        return None


def _fingerprint(value: object) -> str:
    return hashlib.sha256(json.dumps(value, default=str, sort_keys=True).encode()).hexdigest()[:_LENGTH]


def differing(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the names of what is not the same."""
    return [name for name in {**before, **now} if before.get(name) != now.get(name)]
