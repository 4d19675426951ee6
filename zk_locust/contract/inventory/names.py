"""The names of our variables: unknown ones are refused with the nearest name, wrong types with what they must be."""

from collections.abc import Container, Iterator, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from pydantic import AfterValidator, TypeAdapter, ValidationError

from zk_locust.contract.inventory.load_hosts import LoadVariables
from zk_locust.contract.inventory.members import MemberVariables
from zk_locust.contract.inventory.reading import (
    Groups,
    HostVars,
    Number,
    Unreadable,
    Whole,
    hosts_of_contract,
    read,
    unreadable_problem,
)
from zk_locust.contract.nearest_name import nearest
from zk_locust.contract.truth import is_true

OVERRIDES: Final = (
    *("locustfile", "users", "spawn_rate", "warmup", "run_time", "user_stages", "arrival", "faults", "dispatch"),
    *("parameters", "scenario_faults"),
)
"""What of a scenario a variable `benchmark_NAME` overrides, by the scenario's own names.

`faults` are added to the scenario's, unless `scenario_faults`, which no scenario has, is false.
"""

_PREFIXES: Final = ("benchmark_", "load_host_", "locust_", "run_lease_", "run_record_", "zookeeper_")
# Variables of plays, beside those of roles.
_OF_PLAYS: Final = (
    *(f"benchmark_{name}" for name in OVERRIDES),
    *("benchmark_report_figures", "benchmark_report_run", "run_failure_waits", "run_record_dir", "run_record_id"),
    *("run_record_failure", "stop_only_unkept", "stop_removes_data"),
)
# Options of roles that other plays pass; a user's value would override theirs.
_SET_BY_PLAYS: Final = (
    *("benchmark_plan", "benchmark_run_plan", "run_lease_run_id", "run_lease_seconds", "run_record_failure"),
    *("run_record_reason", "run_record_state", "stop_only_unkept", "zookeeper_run_id"),
)
# How alike (difflib's ratio) a name with our prefix is to one of ours when it is taken for a misspelling of it.
_ALIKE: Final = 0.87
_JUDGED: Final = {name for model in (MemberVariables, LoadVariables) for name in model.model_fields}
_TYPES: Final[dict[str, tuple[TypeAdapter[Any], str]]] = {
    "int": (TypeAdapter(Whole), "must be a whole number"),
    "float": (TypeAdapter(Number), "must be a number"),
    "bool": (TypeAdapter(Annotated[Any, AfterValidator(is_true)]), "must be true or false"),
}


def role_variables(roles: Path) -> dict[str, str]:
    """Return every variable that a user may set for roles and plays, and its type."""
    known = dict.fromkeys(_OF_PLAYS, "raw")
    for file in sorted(roles.glob("*/defaults/main.yml")):
        known |= dict.fromkeys(_load(file) or {}, "raw")
    for file in sorted(roles.glob("*/meta/argument_specs.yml")):
        for entry in _load(file)["argument_specs"].values():
            known |= {name: option["type"] for name, option in entry.get("options", {}).items()}
    return known


def _load(file: Path) -> Any:
    return yaml.load(file.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def judged_variables(
    groups: Groups,
    hostvars: HostVars,
    known: Mapping[str, str],
    facts: Mapping[str, Container[str]] | None = None,
    given: Container[str] = (),
) -> tuple[list[str], list[str]]:
    """Say which variables are misspelt, which only plays may set, and which are of the wrong type; then warnings.

    `hostvars` has the variables of every host, and of the controller as `localhost`, those of `-e` too. An unknown name
    is refused where it is nearly one of ours, or has one of our prefixes and is `given` with `-e`; one that only has
    our prefix is a warning. Names that begin with an underscore are internal, and `facts` names by host what earlier
    plays have set.
    """
    problems: list[str] = []
    is_misspelt = cache(partial(_is_misspelt, known=tuple(known)))
    refused: dict[str, list[str]] = {}
    unknown: dict[str, list[str]] = {}
    hosts = [*(["localhost"] if "localhost" in hostvars else []), *hosts_of_contract(groups)]
    for host in hosts:
        variables = hostvars[host]
        for name in (str(name) for name in variables if name not in (facts or {}).get(host, ())):
            if name in _SET_BY_PLAYS and read(variables, name, "") != "":
                problems.append(f"{host}: {name} is set by the plays; remove it from the inventory and from -e")
            elif known.get(name) in _TYPES and name not in _JUDGED:
                problems += _type_problem(host, name, known[name], variables)
            if name in known or name.startswith(("_", "ansible_")):
                continue
            ours = name.startswith(_PREFIXES)
            is_refused = (ours and name in given) or is_misspelt(name)
            if (ours or is_refused) and name not in _allowed(variables):
                (refused if is_refused else unknown).setdefault(name, []).append(host)

    def who(by: list[str]) -> str:
        return "every host" if len(by) == len(hosts) > 1 else ", ".join(by)

    # Without the values: they may be secrets.
    problems += [
        f"{who(by)}: {name}: there is no such variable{nearest(name, known)}; correct the name, or if it belongs to"
        " other software, list it in preflight_variables_allowed"
        for name, by in refused.items()
    ]
    return problems, [
        f"{who(by)}: {name}: zk-locust has no such variable; if it belongs to other software, list it in"
        " preflight_variables_allowed"
        for name, by in unknown.items()
    ]


def _allowed(variables: Mapping[str, Any]) -> Container[str]:
    allowed = read(variables, "preflight_variables_allowed", [])
    if isinstance(allowed, str):  # as -e gives it
        return [name.strip() for name in allowed.split(",")]
    return allowed if isinstance(allowed, list) else []


def _is_misspelt(name: str, known: Sequence[str]) -> bool:
    """Whether an unknown name is so near to one of ours that it is not a variable of other software."""
    name = name.replace("bench_", "benchmark_", 1) if name.startswith("bench_") else name
    ours = name.startswith(_PREFIXES)
    # `get_close_matches` is quick where nothing is alike.
    return any(
        _edits(name, other) <= (2 if ours else 1) or (ours and SequenceMatcher(None, other, name).ratio() >= _ALIKE)
        for other in get_close_matches(name, known, n=5, cutoff=0.8)
    )


def _edits(one: str, other: str) -> int:
    """Return how many letters must be changed, added or removed."""
    changes = SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    return sum(max(end - start, to - since) for tag, start, end, since, to in changes if tag != "equal")


def _type_problem(host: str, name: str, kind: str, variables: Mapping[str, Any]) -> Iterator[str]:
    value = read(variables, name, None)
    adapter, rule = _TYPES[kind]
    if isinstance(value, Unreadable):
        # A template may need facts, which the host does not have yet; its role checks the value later.
        if name == "zookeeper_managed":  # it decides now whether members are changed
            yield unreadable_problem(host, name, value)
    elif value is not None:
        try:
            adapter.validate_python(value)
        except ValidationError:
            yield f"{host}: {name} [{value}] {rule}"
