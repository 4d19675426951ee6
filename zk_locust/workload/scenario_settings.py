"""Converts the settings and the parameters of a scenario, and collects what is wrong with them."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from zk_locust.contract.arrival import Arrival, read_arrival
from zk_locust.contract.dispatch_settings import read_dispatch
from zk_locust.contract.durations import parse_duration_ms
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.faults.lists import read_fault_lists
from zk_locust.contract.inventory.reading import Number, Whole
from zk_locust.contract.parameters import Value, check
from zk_locust.contract.secrets import kind_of
from zk_locust.contract.truth import is_true
from zk_locust.contract.user_stages import UserStage, read_user_stages
from zk_locust.contract.warm_up import WarmUp, parse_warm_up
from zk_locust.workload.reading import workload_text

Parsed = TypeVar("Parsed")

_ARRIVAL: Final = ("rate", "stages", "process", "seed", "queue")
# Figures are always recorded; a scenario may say how often.
_DEFAULT_PARAMETERS: Final[dict[str, Value]] = {"stats-collect": 1000.0, "zk-metrics-collect": 1000.0}
# The run says where its files go and which stage comes when.
_MEMBERS: Final = ("zk-admin-addresses", "zk-client-addresses")
_OWNED_BY_THE_RUN: Final[dict[str, str]] = {
    "stats-csv": "the run folder's file is always written",
    "stats-distrib": "the run folder's file is always written",
    "stats-hlog": "the run folder's file is always written",
    "stats-slowest": "the run folder's file is always written",
    "stats-moments": "a run with faults has one for each worker",
    **dict.fromkeys(
        ("zk-dispatch-disable-script", "zk-dispatch-enable-script", "zk-dispatch-requests"),
        "members that a dispatcher disables are stopped on their own hosts",
    ),
    "stats-events": "the run folder's file is always written",
    "stats-progress": "the run folder's file is always written",
    "zk-metrics-csv": "the run folder's file is always written",
    **dict.fromkeys(_MEMBERS, "it is rendered from the inventory; give it with zookeeper_managed: false only"),
    "report-dir": "the run folder gets its report",
    "remove-left-trees": "it follows from zookeeper_managed",
    "warm-up": "set benchmark_warmup, or warmup in the scenario",
    "user-stages": "set benchmark_user_stages, or user_stages in the scenario",
    **{f"arrival-{name}": "set benchmark_arrival, or arrival in the scenario" for name in _ARRIVAL},
}
# Unless the scenario says otherwise, the run works below a node of its own and removes it.
SET_BY_THE_RUN: Final = frozenset(_OWNED_BY_THE_RUN) | {"pseudo-root", "remove-nodes"}


def _parsed(parse: Callable[[str | float], Parsed], value: object) -> Parsed:
    try:
        return parse(value if isinstance(value, (int, float)) else str(value))
    except ValueError as error:
        raise ValueError(str(error).partition("] ")[2]) from None


def _warm_up(value: object) -> WarmUp:
    return _parsed(parse_warm_up, value)


def _run_time_s(value: object) -> float:
    seconds = _parsed(parse_duration_ms, value) / 1000
    if seconds < 1 or seconds % 1:
        raise ValueError("Locust measures for whole seconds, one at least; write e.g. 30s")
    return seconds


class _Settings(BaseModel):
    users: Annotated[Whole, Field(ge=1)] = 1
    spawn_rate: Annotated[Number, Field(gt=0)] = 1
    warmup: Annotated[WarmUp, BeforeValidator(_warm_up)] = WarmUp()
    run_time: Annotated[float, BeforeValidator(_run_time_s)] = 1


SETTINGS: Final = tuple(_Settings.model_fields)
# The converters of the other settings raise their own messages.
_RULES: Final = {
    "users": "this is not a whole number from 1; write e.g. 32",
    "spawn_rate": "this is not a number of users each second above 0; write e.g. 16",
}


def problems_of_overrides(overrides: Mapping[str, object], owned: Mapping[str, str]) -> list[str]:
    """Check what can be checked without the scenario, so that one message names it too."""
    problems: list[str] = []
    take_arrival(overrides, {"arrival": "benchmark_arrival"}, problems)
    take_user_stages(overrides, {"user_stages": "benchmark_user_stages"}, problems)
    take_faults(fault_lists({}, overrides, "", problems), None, None, problems)
    problems += [f"benchmark_dispatch: {problem}" for problem in read_dispatch(overrides.get("dispatch"), None)[1]]
    settings_of(overrides, {key: f"benchmark_{key}" for key in overrides}, problems)
    parameters_in(None, overrides.get("parameters"), owned, problems)
    return problems


def settings_of(given: Mapping[str, Any], source: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    """Convert the settings that are given; `source` says where each was set."""
    wanted = {key: given[key] for key in SETTINGS if key in given}
    try:
        valid = _Settings.model_validate(wanted)
        return {key: getattr(valid, key) for key in valid.model_fields_set}
    except ValidationError as error:
        wrong = {str(each["loc"][0]): each for each in error.errors(include_url=False)}
    problems += [
        f"{source[key]} [{wanted[key]}]: {_RULES.get(key) or each['ctx']['error']}" for key, each in wrong.items()
    ]
    return settings_of({key: value for key, value in wanted.items() if key not in wrong}, source, problems)


def take_arrival(merged: Mapping[str, Any], source: Mapping[str, str], problems: list[str]) -> Arrival | None:
    """Return the open loop that is set, None without one and where it is wrong."""
    if merged.get("arrival") is None:
        return None
    arrival, wrong = read_arrival(merged["arrival"])
    problems += [f"{source['arrival']}: {problem}" for problem in wrong]
    return arrival


def take_user_stages(
    merged: Mapping[str, Any], source: Mapping[str, str], problems: list[str]
) -> tuple[UserStage, ...]:
    """Return the stages of users that are set; none where they are wrong."""
    if merged.get("user_stages") is None:
        return ()
    stages, wrong = read_user_stages(merged["user_stages"])
    problems += [f"{source['user_stages']}: {problem}" for problem in wrong]
    return stages


def fault_lists(
    content: Mapping[str, Any], overrides: Mapping[str, object], file: str, problems: list[str]
) -> dict[str, object]:
    """Return the lists of faults that a run has, by their settings: the scenario's first, then those that are added.

    `content` is that of the scenario's `file`. An empty list has nothing to do, and is left out.
    """
    wanted = overrides.get("scenario_faults", True)
    try:
        has_own = is_true(wanted)
    except ValueError as error:
        problems.append(f"benchmark_scenario_faults [{wanted}] {error}; false leaves out the scenario's faults")
        has_own = True
    lists = {
        f"faults in {file}": content.get("faults") if has_own else None,
        "benchmark_faults": overrides.get("faults"),
    }
    return {source: given for source, given in lists.items() if given not in (None, [])}


def take_faults(
    lists: Mapping[str, object], fleet: FaultFleet | None, run_time_s: float | None, problems: list[str]
) -> list[dict[str, Any]] | None:
    """Return the planned faults of these lists as the manifest has them; None without any."""
    planned, wrong = read_fault_lists(lists, fleet, run_time_s)
    problems += wrong
    return [fault.as_dict() for fault in planned] if lists else None


def parameters_in(
    of_scenario: object, of_inventory: object, owned: Mapping[str, str], problems: list[str]
) -> dict[str, Value]:
    """Return the parameters of the scenario, with those of the inventory laid over them. `owned` may not be set."""
    given: dict[str, object] = {}
    for source, parameters in (("parameters in the scenario", of_scenario), ("benchmark_parameters", of_inventory)):
        if isinstance(parameters, Mapping):
            given |= parameters
        elif parameters is not None:
            # Without the value: it may hold a secret.
            problems.append(f"{source}: this is {kind_of(parameters)}, not a dictionary; write e.g. {{val-size: 1024}}")
    values, wrong = check(given, {"workload": workload_text})
    problems += wrong
    for name, remedy in owned.items():
        if name in values:
            problems.append(f"benchmark_parameters.{name} [{values[name]}]: the run sets this itself; {remedy}")
    if values.get("stats-collect") == 0:
        problems.append(
            "benchmark_parameters.stats-collect [0]: a run without statistics has no result; write e.g. 1000"
        )
    return _DEFAULT_PARAMETERS | values


def owned_by_the_run(*, managed: bool) -> dict[str, str]:
    """Return the parameters that the run sets itself, and what to do instead."""
    return {key: why for key, why in _OWNED_BY_THE_RUN.items() if managed or key not in _MEMBERS}
