"""The names of our variables: unknown ones are refused with the nearest name, wrong types with what they must be."""

import difflib
from collections.abc import Container, Iterator, Mapping, Sequence
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

OVERRIDES: Final = ("locustfile", "users", "spawn_rate", "warmup", "run_time", "parameters")
"""What of a scenario a variable `benchmark_NAME` overrides, by the scenario's own names."""

_PREFIXES: Final = ("benchmark_", "load_host_", "locust_", "run_lease_", "run_record_", "zookeeper_")
# Variables of plays, beside those of roles.
_OF_PLAYS: Final = (
    *(f"benchmark_{name}" for name in OVERRIDES),
    *("benchmark_report_figures", "benchmark_report_run", "run_failure_waits", "run_record_dir", "run_record_id"),
    *("run_record_failure", "stop_only_unkept"),
)
# How alike (difflib's ratio) a name without our prefix is to one of ours when it is taken for a misspelling of it.
_ALIKE: Final = 0.84
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


def variable_problems(
    groups: Groups, hostvars: HostVars, known: Mapping[str, str], facts: Mapping[str, Container[str]] | None = None
) -> Iterator[str]:
    """Say which variables look like ours and are not, and which are of the wrong type.

    `hostvars` has the variables of every host, and of the controller as `localhost`, those of `-e` too. A name is taken
    for ours where it has one of our prefixes, or is nearly one of ours. Names that begin with an underscore are
    internal, and `facts` names by host what earlier plays have set.
    """
    looks_ours = cache(partial(_looks_ours, known=tuple(known)))
    hosts = [*(["localhost"] if "localhost" in hostvars else []), *hosts_of_contract(groups)]
    unknown: dict[str, list[str]] = {}
    for host in hosts:
        variables = hostvars[host]
        for name in variables:
            if name in (facts or {}).get(host, ()):
                continue
            if name not in known and looks_ours(str(name)):
                unknown.setdefault(str(name), []).append(host)
            elif known.get(name) in _TYPES and name not in _JUDGED:
                yield from _type_problem(host, name, known[name], variables)
    for name, by in unknown.items():
        subject = "every host" if len(by) == len(hosts) > 1 else ", ".join(by)
        # Without the value: it may be a secret.
        yield (
            f"{subject}: {name}: there is no such variable{nearest(name, known)}; correct the name, or choose another"
            f" one for a variable of your own ({', '.join(_PREFIXES)} are zk-locust's)"
        )


def _looks_ours(name: str, known: Sequence[str]) -> bool:
    if name.startswith(("_", "ansible_")):
        return False
    return name.startswith(_PREFIXES) or bool(difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE))


def _type_problem(host: str, name: str, kind: str, variables: Mapping[str, Any]) -> Iterator[str]:
    value = read(variables, name, None)
    adapter, rule = _TYPES[kind]
    if isinstance(value, Unreadable):
        yield unreadable_problem(host, name, value)
    elif value is not None:
        try:
            adapter.validate_python(value)
        except ValidationError:
            yield f"{host}: {name} [{value}] {rule}"
