"""Arms: what each run of an arm sets, as a table of variables over an inventory."""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from fleet.errors import InputError
from fleet.experiments.capacity import longest_search
from fleet.experiments.loads import VARIABLES, load_of, secrets_of
from fleet.experiments.role_defaults import archive_release, role_defaults
from fleet.experiments.specification import INVENTORY, Specification
from fleet.inventory import MEMBERS, HostVariables, Inventory
from zk_locust.contract.experiment import CAPACITY, MATRIX, NOISE, RECOVERY

MERGED: Final = ("benchmark_parameters", "zookeeper_properties")
"""Variables that are dictionaries of settings: an arm's are laid over those of the inventory."""
_METHOD: Final = "zookeeper_install_method"
_SIZE: Final = re.compile(r"(\d+)([kKmMgG])")
_UNITS: Final = {"k": 2**10, "m": 2**20, "g": 2**30}
LONGEST_NAME: Final = 60
"""Characters of a cell's name, which becomes a part of the names of its runs' folders."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A setting of an experiment: `variables` override those of the inventory. Without `inventory`, the given one.

    `place` has a matrix cell's value of each axis.
    """

    name: str
    variables: dict[str, Any]
    inventory: str = ""
    place: tuple[str, ...] = ()


def arms_of(spec: Specification) -> list[Arm]:
    """Return the arms of an experiment, in the order of its file; those of a matrix are the cells of its grid."""
    base = spec.variables | ({"benchmark_scenario": spec.scenario} if spec.scenario else {})
    if spec.kind == NOISE:
        return [Arm("first", dict(base)), Arm("second", dict(base))]
    if spec.kind == MATRIX:
        return list(_cells(spec, base))
    if spec.kind in (CAPACITY, RECOVERY) and not spec.arms:
        return [Arm("ensemble", dict(base))]
    return [_arm(name, base, overlay) for name, overlay in spec.arms.items()]


def _arm(name: str, base: Mapping[str, Any], overlay: Mapping[str, Any], place: tuple[str, ...] = ()) -> Arm:
    variables = dict(base)
    for key, value in overlay.items():
        if key != INVENTORY:
            before = variables.get(key)
            merges = key in MERGED and isinstance(before, Mapping) and isinstance(value, Mapping)
            variables[key] = {**before, **value} if merges and before is not None else value
    return Arm(name, variables, str(overlay.get(INVENTORY, "")), place)


def _cells(spec: Specification, base: Mapping[str, Any]) -> Iterator[Arm]:
    for number, values in enumerate(itertools.product(*spec.grid.values()), 1):
        said = dict(zip(spec.grid, values, strict=True))
        overlay = {axis: value for axis, value in said.items() if "." not in axis}
        for axis, value in said.items():
            name, dot, inner = axis.partition(".")
            if dot:
                before = overlay.get(name, base.get(name))
                overlay[name] = {**(before if isinstance(before, Mapping) else {}), inner: value}
        place = tuple(str(value) for value in values)
        name = ", ".join(f"{_short(axis)} {value}" for axis, value in zip(spec.grid, place, strict=True))
        if len(name) > LONGEST_NAME:
            mark = f"... cell {number}"
            name = name[: LONGEST_NAME - len(mark)] + mark
        yield _arm(name, base, overlay, place)


def _short(axis: str) -> str:
    """Return the name of an axis as people say it."""
    return axis.rpartition(".")[2].removeprefix("benchmark_").removeprefix("zookeeper_")


def number_of_runs(spec: Specification) -> int:
    """Return how many runs an experiment has; a search at most about so many."""
    arms = len(arms_of(spec))
    if spec.kind == CAPACITY:
        return arms * longest_search(*spec.rates)
    return arms * spec.blocks


def at_rate(arm: Arm, rate_per_s: float) -> Arm:
    """Return the arm with an open loop of one rate; process, seed and queue stay as the experiment says."""
    given = arm.variables.get("benchmark_arrival")
    kept = {key: value for key, value in given.items() if key != "stages"} if isinstance(given, Mapping) else {}
    return replace(arm, variables=arm.variables | {"benchmark_arrival": {**kept, "rate": rate_per_s}})


def merged_variables(spec: Specification) -> tuple[str, ...]:
    """Return the variables of which an arm sets single settings: `MERGED`, and those with an axis inside of them.

    With another axis for the variable itself, that replaces the inventory's value.
    """
    inside = [axis.partition(".")[0] for axis in spec.grid if "." in axis]
    return (*MERGED, *dict.fromkeys(name for name in inside if name not in (*MERGED, *spec.grid)))


def with_inventory(
    arms: Sequence[Arm], inventory_of: Callable[[str], Inventory], merged: Sequence[str] = MERGED
) -> tuple[list[Arm], list[str]]:
    """Return the arms with the dictionaries of their inventories in `merged` variables; and problems.

    `inventory_of` reads an arm's inventory, or for an empty name the given one. A problem is an arm that sets a merged
    variable of which the hosts have different values.
    """
    problems: list[str] = []
    found = []
    for arm in arms:
        inventory = inventory_of(arm.inventory)
        variables = dict(arm.variables)
        for name in merged:
            if not isinstance(variables.get(name), Mapping):
                continue
            values = [value for value in _values(inventory, name) if isinstance(value, Mapping)]
            if any(value != values[0] for value in values):
                problems.append(
                    f"arms.{arm.name}.{name}: hosts of {inventory.named} have different values of it, which an arm "
                    "would replace; set it for all hosts alike, in group_vars"
                )
            elif values:
                variables[name] = {**values[0], **variables[name]}
        found.append(Arm(arm.name, variables, arm.inventory, arm.place))
    return found, problems


def equal_arms(
    arms: Sequence[Arm],
    inventory_of: Callable[[str], Inventory],
    plans: Sequence[Mapping[str, Any]] = (),
    roles: Path | None = None,
) -> list[str]:
    """Return a problem for each arm whose runs would be the same as another's.

    With the `plans` of the arms' loads, loads are compared by what they come to, and not by the variables that say it.
    `roles` is the folder of the roles, whose defaults are what the inventory leaves open.
    """
    names = {name for arm in arms for name in arm.variables} - (VARIABLES if plans else set())
    defaults = role_defaults(roles) if roles else {}
    effective: list[object] = []
    for place, arm in enumerate(arms):
        inventory = inventory_of(arm.inventory)
        values = {name: _effective(arm, inventory, name, defaults) for name in names}
        if "zookeeper_version" in values and roles and _effective(arm, inventory, _METHOD, defaults) == ["archive"]:
            values["zookeeper_version"] = [version or archive_release(roles) for version in values["zookeeper_version"]]
        load = (load_of(plans[place]), secrets_of(plans[place])) if plans else None
        effective.append((arm.inventory, values, load))
    return [
        f"arms.{arm.name}: its runs would be the same as those of arms.{arms[place].name}, because the inventory, the "
        "scenario or a default sets the same; let them differ, or write kind: noise"
        for number, arm in enumerate(arms)
        for place in range(number)
        if effective[place] == effective[number]
    ]


def _effective(arm: Arm, inventory: Inventory, name: str, defaults: Mapping[str, Any]) -> list[str]:
    """Return the values that a variable has in an arm on the hosts that it is for, each once."""
    if name in arm.variables:
        return [_as_text(arm.variables[name])]
    default = [defaults[name]] if name in defaults else []
    if name.startswith("zookeeper_"):
        hosts = [inventory.hosts[host] for host in inventory.group(MEMBERS)] or [inventory.controller]
    elif name.startswith(("locust_", "load_host_")):
        hosts = [inventory.hosts[host] for host in inventory.load_hosts] or [inventory.controller]
    else:
        return list(dict.fromkeys(map(_as_text, _values(inventory, name) or default)))
    return list(dict.fromkeys(_as_text(value) for host in hosts for value in _value(host, name, default)))


def _value(host: HostVariables, name: str, default: list[Any]) -> list[Any]:
    """Return a host's value, or the default. One that only the host itself can evaluate is like no other."""
    try:
        return [host[name]] if name in frozenset(host) else default
    except InputError:
        return [f"(a template of {host.host})"]


def _values(inventory: Inventory, name: str) -> list[Any]:
    """Return a variable's values on the controller and all hosts that have it."""
    hosts = [inventory.controller, *(inventory.hosts[host] for host in inventory.contract_hosts)]
    return [host[name] for host in hosts if name in host]


def _as_text(value: object) -> str:
    """Return a value as text, in one way for what means the same: `-e` and inventories write it differently.

    Sizes such as `1g` and `1024m` are the same, and so are numbers, truth values and their texts.
    """
    if isinstance(value, Mapping):
        return str(sorted((str(name), _as_text(inner)) for name, inner in value.items()))
    if isinstance(value, list | tuple):
        return str([_as_text(inner) for inner in value])
    text = str(value).strip()
    if size := _SIZE.fullmatch(text):
        return f"{int(size[1]) * _UNITS[size[2].lower()]} bytes"
    return text.lower() if text in ("True", "False") else text
