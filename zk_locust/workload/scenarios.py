"""Scenarios: a load as a YAML file, with the overrides of the inventory and the command line.

`resolve_plan` turns both into a plan that can be run, or into the list of everything that is wrong with them.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from zk_locust.contract.arrival import FASTEST_S, START_AHEAD_S, Arrival, carries, parameters_of, read_arrival
from zk_locust.contract.connect_string import parse_connect_string
from zk_locust.contract.durations import parse_duration_ms
from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.faults.reading import read_faults
from zk_locust.contract.inventory.reading import Number, Whole
from zk_locust.contract.nearest_name import nearest
from zk_locust.contract.parameter_values import MAX_SIZE
from zk_locust.contract.parameters import (
    BENCH,
    PARAMETERS,
    Value,
    check,
    environment_of,
    parameter_of,
    showable,
)
from zk_locust.contract.protection import client_of_scenario, remedy_for_run, unprotected
from zk_locust.contract.request_size import DEFAULT_MAX_BUFFER_BYTES, largest_value_bytes
from zk_locust.contract.run_plan import deadline_s, lease_s
from zk_locust.contract.secrets import kind_of
from zk_locust.contract.user_stages import UserStage, as_plan, length_s, most_users, read_user_stages, too_slow
from zk_locust.contract.warm_up import WarmUp, parse_warm_up
from zk_locust.load.sequence_length import sequence_length_s
from zk_locust.workload.reading import read_workload, workload_text
from zk_locust.workload.specification import Workload, size_of_all
from zk_locust.workload.values import mean_size

Parsed = TypeVar("Parsed")

LOCUSTFILES: Final = Path(__file__).parents[1] / "locustfiles"

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
_SET_BY_THE_RUN: Final = frozenset(_OWNED_BY_THE_RUN) | {"pseudo-root", "remove-nodes"}


@dataclass(frozen=True, slots=True)
class Plan:
    """A load that can be run.

    `parameters` are all that are in force, defaults too, without secrets. `environment` are those that were given, and
    `secret_environment` the secret ones among them. `warmup` is a duration with its unit, or `auto:` and the limit;
    `warmup_s` is the duration, or the limit. `arrival` is what an open loop is to do, as the manifest has it.
    `faults` is what is done to the fleet, and `user_stages` says when how many users run, likewise; `users` is the most
    of them, `first_users` those of the start.
    `notes` and `warnings` are for the user, before the load starts.
    """

    name: str
    description: str
    scenario_file: str
    locustfile: str
    users: int
    spawn_rate: float
    warmup: str
    warmup_s: float
    run_time_s: float
    parameters: dict[str, Value]
    environment: dict[str, str]
    secret_environment: dict[str, str]
    preparation_s: float = 0.0
    arrival: dict[str, Any] | None = None
    user_stages: list[dict[str, Any]] | None = None
    faults: list[dict[str, Any]] | None = None
    first_users: int = 1
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def planned_s(self) -> float:
        """How long the load takes to the end of the measured stage, seconds: its tree, its users, its stages.

        `preparation_s` of that is the most that filling and removing a workload's tree may take.
        """
        automatic = parse_warm_up(self.warmup).automatic
        ahead_s = 0.0 if self.arrival is None else START_AHEAD_S * (2 if automatic else 1)
        return self.preparation_s + self.first_users / self.spawn_rate + ahead_s + self.warmup_s + self.run_time_s

    @property
    def members(self) -> list[dict[str, Any]]:
        """The members in the parameter `hosts`: name, address and client_port; none where the inventory names them."""
        hosts = self.parameters.get("hosts")
        return [
            {"name": str(member), "address": member.host, "client_port": member.port}
            for member in (parse_connect_string(str(hosts)).members if hosts else ())
        ]


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


_SETTINGS: Final = tuple(_Settings.model_fields)
# The converters of the other settings raise their own messages.
_RULES: Final = {
    "users": "this is not a whole number from 1; write e.g. 32",
    "spawn_rate": "this is not a number of users each second above 0; write e.g. 16",
}
_KEYS: Final = ("description", "locustfile", "workload", *_SETTINGS, "user_stages", "arrival", "faults", "parameters")
_WORKLOAD_LOCUSTFILE: Final = "locust_workload.py"
_SEQUENCE_LOCUSTFILE: Final = "locust_sequence.py"
# What the filling and the removing of a workload's tree may take, on slow servers: nodes and bytes a second.
_PREPARED_NODES_PER_S: Final = 1000
_PREPARED_BYTES_PER_S: Final = 2_000_000


def resolve_plan(
    scenario: str,
    scenarios_dir: Path,
    overrides: Mapping[str, object],
    *,
    managed: bool = True,
    max_buffer_bytes: int | None = None,
    fleet: FaultFleet | None = None,
) -> tuple[Plan | None, list[str]]:
    """Return the plan and no problem, or no plan and every problem.

    `scenario` is the name of a file of `scenarios_dir`, or a path. `overrides` holds what the `benchmark_*` variables
    say, by the scenario's own keys; its `parameters` are laid over the scenario's. Where the ensemble is not `managed`
    (`zookeeper_managed`), the inventory may not know the members' AdminServers, so parameters may name them.
    `fleet` is what faults may be done to.
    `max_buffer_bytes` is the smallest `jute.maxbuffer` of the members, if it is known; the load gets it too.
    """
    owned = {key: why for key, why in _OWNED_BY_THE_RUN.items() if managed or key not in _MEMBERS}
    file = _find_scenario(scenario, scenarios_dir)
    if file is None:
        known = sorted(path.stem for path in scenarios_dir.glob("*.yml"))
        return None, [
            f"benchmark_scenario [{scenario}]: there is no such scenario{nearest(scenario, known)}; "
            f"give the path of a YAML file, or one of: {', '.join(known)}",
            *_problems_of_overrides(overrides, owned),
        ]
    content, problems = _read(file)
    if content is None:
        return None, problems + _problems_of_overrides(overrides, owned)
    source = {key: f"{key} in {file.name}" for key in _KEYS} | {key: f"benchmark_{key}" for key in overrides}
    merged: dict[str, Any] = {**content, **overrides}

    sequence = merged.get("locustfile") == _SEQUENCE_LOCUSTFILE
    arrival = _read_arrival(merged, source, problems)
    user_stages = _read_user_stages(merged, source, problems)
    arrives_in_stages = isinstance(merged.get("arrival"), Mapping) and "stages" in merged["arrival"]
    # The sequence and stages know their own length; stages of users know their users too.
    known_keys = {"run_time"} if sequence or arrives_in_stages else set()
    known_keys |= {"run_time", "users"} if "user_stages" in merged else set()
    for key in _SETTINGS:
        if key not in merged and key not in known_keys:
            problems.append(f"{key}: {file.name} does not say it; add it there or set benchmark_{key}")
    settings = _settings(merged, source, problems)
    if user_stages:
        if "users" in (overrides if "user_stages" in overrides else merged):
            problems.append(
                f"{source['users']} [{merged['users']}]: {source['user_stages']} says how many users run; "
                "leave out one of them"
            )
        _limit_to_user_stages(settings, user_stages, source, problems)
        if merged.get("arrival") is not None:
            problems.append(
                f"{source['user_stages']}: the sessions of an open loop stay the same, and there is "
                f"{source['arrival']} as well; leave out one of them"
            )
        if sequence:
            problems.append(
                f"{source['user_stages']}: each step of the sequence has the same users; leave out these stages, or "
                f"change {source['locustfile']}"
            )
    parameters = _parameters(content.get("parameters"), overrides.get("parameters"), owned, problems)
    set_parameters = [name for name, value in parameters.items() if value]
    client = str(parameters.setdefault("client", client_of_scenario(set_parameters)))
    if problem := unprotected(client, set_parameters):
        remedy = remedy_for_run(showable(overrides.get("parameters")))
        problems.append(f"benchmark_parameters.client [{client}]: {problem}; {remedy}")
    if max_buffer_bytes is not None and max_buffer_bytes != DEFAULT_MAX_BUFFER_BYTES:
        # The load checks sizes too.
        parameters.setdefault("jute-maxbuffer", min(max_buffer_bytes, MAX_SIZE))
        if isinstance(merged.get("workload"), dict) and max_buffer_bytes > DEFAULT_MAX_BUFFER_BYTES:
            merged["workload"] = {"jute_maxbuffer": parameters["jute-maxbuffer"], **merged["workload"]}
    locustfile_name, preparation_s = str(merged.get("locustfile", "")), 0.0
    if "workload" in merged:
        workload = _take_workload(merged, source["workload"], settings.get("users"), parameters, problems)
        locustfile_name = _WORKLOAD_LOCUSTFILE
        if workload is not None:
            preparation_s = _preparation_s(workload)
            largest = max(workload.values.most, *workload.values.sizes, 0)
            problems += _size_problems(f"{source['workload']}: workload.values", largest, max_buffer_bytes)
    elif "val-size" in parameters:
        problems += _size_problems("benchmark_parameters.val-size", parameters["val-size"], max_buffer_bytes)
    if sequence:
        _limit_to_sequence(settings, parameters, problems)
    if arrival is not None:
        parameters |= parameters_of(merged["arrival"])
        if arrival.length_s is not None:
            _limit_to(settings, arrival.length_s)
    if user_stages:
        parameters["user-stages"] = json.dumps(merged["user_stages"], separators=(",", ":"))
        if "control-program" in parameters:
            problems.append(
                f"benchmark_parameters.control-program: {source['user_stages']} changes the number of users too; "
                "leave out one of them"
            )
    faults = _read_faults(merged, source, fleet, settings.get("run_time"), problems)
    locustfile = _find_locustfile(locustfile_name, file.parent, source["locustfile"], problems)
    if problems or locustfile is None:
        return None, problems
    plain, secret = environment_of(parameters)
    effective = {
        p.name: p.default
        for p in PARAMETERS
        if p.default is not None and p.name not in _SET_BY_THE_RUN and p.section != BENCH
    }
    return Plan(
        name=file.stem,
        description=str(content.get("description", "")).strip(),
        scenario_file=str(file),
        locustfile=str(locustfile),
        users=settings["users"],
        spawn_rate=settings["spawn_rate"],
        warmup=str(settings["warmup"]),
        warmup_s=settings["warmup"].limit_s,
        run_time_s=settings["run_time"],
        parameters={
            name: parameter_of(name).with_unit(value)
            for name, value in (effective | parameters).items()
            if not parameter_of(name).secret
        },
        environment=plain,
        secret_environment=secret,
        preparation_s=preparation_s,
        arrival=None if arrival is None else arrival.as_plan(),
        user_stages=as_plan(user_stages) if user_stages else None,
        faults=faults,
        first_users=user_stages[0].from_users if user_stages else settings["users"],
        notes=() if arrival is None else (_carries(arrival, settings["users"], parameters),),
        warnings=_warnings(arrival, settings["users"], parameters, source),
    ), []


def _problems_of_overrides(overrides: Mapping[str, object], owned: Mapping[str, str]) -> list[str]:
    """Check what can be checked without the scenario, so that one message names it too."""
    problems: list[str] = []
    _read_arrival(overrides, {"arrival": "benchmark_arrival"}, problems)
    _read_user_stages(overrides, {"user_stages": "benchmark_user_stages"}, problems)
    _read_faults(overrides, {"faults": "benchmark_faults"}, None, None, problems)
    _settings(overrides, {key: f"benchmark_{key}" for key in overrides}, problems)
    _parameters(None, overrides.get("parameters"), owned, problems)
    return problems


def _settings(given: Mapping[str, Any], source: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    """Convert the settings that are given; `source` says where each was set."""
    wanted = {key: given[key] for key in _SETTINGS if key in given}
    try:
        valid = _Settings.model_validate(wanted)
        return {key: getattr(valid, key) for key in valid.model_fields_set}
    except ValidationError as error:
        wrong = {str(each["loc"][0]): each for each in error.errors(include_url=False)}
    problems += [
        f"{source[key]} [{wanted[key]}]: {_RULES.get(key) or each['ctx']['error']}" for key, each in wrong.items()
    ]
    return _settings({key: value for key, value in wanted.items() if key not in wrong}, source, problems)


def plan_as_json(plan: Plan | None, problems: list[str]) -> dict[str, Any]:
    """Return what `zk-locust resolve-plan` prints."""
    if plan is None:
        return {"problems": problems, "plan": None}
    times = {
        "planned_s": plan.planned_s,
        "deadline_s": deadline_s(plan.planned_s),
        "lease_s": lease_s(plan.planned_s),
        "provision_lease_s": lease_s(plan.planned_s, provisions=True),
    }
    return {"problems": problems, "plan": asdict(plan) | times | {"members": plan.members}}


def _find_scenario(scenario: str, scenarios_dir: Path) -> Path | None:
    for candidate in (scenarios_dir / f"{scenario}.yml", scenarios_dir / scenario, Path(scenario)):
        if candidate.suffix in (".yml", ".yaml") and candidate.is_file():
            return candidate.resolve()
    return None


def _read(file: Path) -> tuple[dict[str, Any] | None, list[str]]:
    """Return the scenario's settings, None where there are none to be read, and what is wrong with them."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        reason = getattr(error, "problem", None) or error
        return None, [f"benchmark_scenario [{file}{line}]: this is not YAML that can be read: {reason}"]
    if not isinstance(content, dict):
        return None, [f"benchmark_scenario [{file}]: a scenario is a dictionary with {', '.join(_KEYS)}"]
    unknown = [key for key in content if key not in _KEYS]
    problems = [
        f"{key} in {file.name}{_shown(key, content[key])}: a scenario has no such setting{nearest(str(key), _KEYS)}; "
        f"it has: {', '.join(_KEYS)}"
        for key in unknown
    ]
    return {key: value for key, value in content.items() if key in _KEYS}, problems


def _shown(key: object, value: object) -> str:
    """Return the value of an unknown setting in brackets, where a setting is meant that holds no secret."""
    meant = nearest(str(key), _KEYS)
    return f" [{value}]" if meant and meant == nearest(str(key), _SETTINGS) else ""


def _find_locustfile(name: str, beside: Path, source: str, problems: list[str]) -> Path | None:
    if not name:
        problems.append(
            f"{source} []: no locustfile is given, and no workload; the starter kit has: {', '.join(_starter_kit())}"
        )
        return None
    for candidate in (LOCUSTFILES / name, beside / name, Path(name)):
        if candidate.suffix == ".py" and candidate.is_file():
            try:
                compile(candidate.read_bytes(), str(candidate), "exec")
            except SyntaxError as error:
                line = f", line {error.lineno}" if error.lineno else ""
                problems.append(f"{source} [{name}{line}]: this is not Python: {error.msg}")
                return None
            except (OSError, ValueError) as error:
                problems.append(f"{source} [{name}]: this cannot be read as Python: {error}")
                return None
            return candidate.resolve()
    problems.append(
        f"{source} [{name}]: there is no such locustfile{nearest(name, _starter_kit())}; "
        f"give the path of one, or one of the starter kit: {', '.join(_starter_kit())}"
    )
    return None


def _take_workload(
    merged: Mapping[str, Any], source: str, users: int | None, parameters: dict[str, Value], problems: list[str]
) -> Workload | None:
    """Put the scenario's workload among the parameters; return it, None where it is wrong."""
    if "locustfile" in merged:
        problems.append(
            f"locustfile [{merged['locustfile']}]: the scenario has a workload too, which {_WORKLOAD_LOCUSTFILE} runs; "
            "leave out one of them"
        )
    if "workload" in parameters:
        problems.append(f"parameters.workload: there is {source} as well; leave out one of them")
    workload, wrong = read_workload(merged["workload"])
    problems += [f"{source}: {problem}" for problem in wrong]
    if workload is None:
        return None
    if users is not None and workload.watches.per_node > users:
        problems.append(
            f"{source}: workload.watches.per_node [{workload.watches.per_node}]: each is another user's, and there are "
            f"{users} users; write {users} or less, or raise users"
        )
    parameters["workload"] = json.dumps(merged["workload"], separators=(",", ":"))
    return workload


def _preparation_s(workload: Workload) -> float:
    """Return how long the workload's tree may take, seconds."""
    nodes = size_of_all(workload)
    return 2 * nodes / _PREPARED_NODES_PER_S + nodes * mean_size(workload.values) / _PREPARED_BYTES_PER_S


def _size_problems(setting: str, size: Any, max_buffer_bytes: int | None) -> list[str]:
    """Return a line where the members would close each connection over a value of that size, bytes."""
    if max_buffer_bytes is None or int(size) <= (largest := largest_value_bytes(max_buffer_bytes)):
        return []
    return [
        f"{setting} [{size}]: the members' jute.maxbuffer is {max_buffer_bytes} bytes; write {largest} or less, or"
        f" raise it with zookeeper_properties: {{jute.maxbuffer: {int(size) * 2}}}"
    ]


def _limit_to_sequence(settings: dict[str, Any], parameters: Mapping[str, Value], problems: list[str]) -> None:
    """Have the run time be the sequence's, which ends by itself, unless it is to be cut shorter."""
    given = (parameters.get(f"bench-{name}") for name in ("include", "repetitions", "step-duration"))
    try:
        length_s = sequence_length_s(*given)
    except ConfigurationError as error:
        problems.append(f"benchmark_parameters.{str(error).removeprefix('--')}")
        return
    _limit_to(settings, length_s)


def _limit_to(settings: dict[str, Any], length_s: float) -> None:
    # Locust's run time is in whole seconds; within it the load ends to the moment.
    whole_s = float(math.ceil(length_s))
    settings["run_time"] = min(settings.get("run_time", whole_s), whole_s)


def _read_arrival(merged: Mapping[str, Any], source: Mapping[str, str], problems: list[str]) -> Arrival | None:
    if merged.get("arrival") is None:
        return None
    arrival, wrong = read_arrival(merged["arrival"])
    problems += [f"{source['arrival']}: {problem}" for problem in wrong]
    return arrival


def _read_user_stages(
    merged: Mapping[str, Any], source: Mapping[str, str], problems: list[str]
) -> tuple[UserStage, ...]:
    if merged.get("user_stages") is None:
        return ()
    stages, wrong = read_user_stages(merged["user_stages"])
    problems += [f"{source['user_stages']}: {problem}" for problem in wrong]
    return stages


def _read_faults(
    merged: Mapping[str, Any],
    source: Mapping[str, str],
    fleet: FaultFleet | None,
    run_time_s: float | None,
    problems: list[str],
) -> list[dict[str, Any]] | None:
    """Return the planned faults as the manifest has them; None without any. An empty list takes away a scenario's."""
    if merged.get("faults") in (None, []):
        return None
    planned, wrong = read_faults(merged["faults"], fleet, run_time_s)
    problems += [f"{source['faults']}: {problem}" for problem in wrong]
    return [fault.as_dict() for fault in planned]


def _limit_to_user_stages(
    settings: dict[str, Any], stages: tuple[UserStage, ...], source: Mapping[str, str], problems: list[str]
) -> None:
    """Have users and run time be those of the stages, unless the run time is to be cut shorter."""
    settings["users"] = most_users(stages)
    _limit_to(settings, length_s(stages))
    if "spawn_rate" in settings and (problem := too_slow(stages, settings["spawn_rate"])):
        problems.append(f"{source['user_stages']}: {problem}; raise spawn_rate, or write a ramp (from, to)")


def _carries(arrival: Arrival, users: int, parameters: Mapping[str, Value]) -> str:
    limit_ms = parameters.get("operation-timeout", parameter_of("operation-timeout").default)
    return carries(users, arrival.most_per_s, float(str(limit_ms)) / 1000)


def _warnings(
    arrival: Arrival | None, users: int, parameters: Mapping[str, Value], source: Mapping[str, str]
) -> tuple[str, ...]:
    if arrival is None or users >= arrival.most_per_s * FASTEST_S:
        return ()
    return (f"{source['arrival']}: {_carries(arrival, users, parameters)}; raise users, or lower the rate",)


def _starter_kit() -> list[str]:
    return sorted(path.name for path in LOCUSTFILES.glob("locust_*.py"))


def _parameters(
    of_scenario: object, of_inventory: object, owned: Mapping[str, str], problems: list[str]
) -> dict[str, Value]:
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
