"""Scenarios: a load as a YAML file, with the overrides of the inventory and the command line.

`resolve_plan` turns both into a plan that can be run, or into the list of everything that is wrong with them.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from zk_locust.contract import history_format
from zk_locust.contract.arrival import CLOSED_LOOP, FASTEST_S, Arrival, carries, parameters_of
from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.nearest_name import nearest
from zk_locust.contract.parameter_values import MAX_SIZE
from zk_locust.contract.parameters import (
    BENCH,
    PARAMETERS,
    Value,
    environment_of,
    parameter_of,
    showable,
)
from zk_locust.contract.protection import client_of_scenario, remedy_for_run, unprotected
from zk_locust.contract.request_size import DEFAULT_MAX_BUFFER_BYTES, largest_value_bytes
from zk_locust.contract.user_stages import UserStage, as_plan, length_s, most_users, too_slow
from zk_locust.load.sequence_length import sequence_length_s
from zk_locust.workload.reading import read_workload
from zk_locust.workload.scenario_dispatch import dispatch_problems, take_dispatch
from zk_locust.workload.scenario_files import KEYS, find_locustfile, find_scenario, read_scenario
from zk_locust.workload.scenario_operations import operations_of
from zk_locust.workload.scenario_plan import Plan
from zk_locust.workload.scenario_settings import (
    SET_BY_THE_RUN,
    SETTINGS,
    fault_lists,
    owned_by_the_run,
    parameters_in,
    problems_of_overrides,
    settings_of,
    take_arrival,
    take_faults,
    take_user_stages,
)
from zk_locust.workload.specification import Workload, size_of_all
from zk_locust.workload.values import mean_size

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
    say, by the scenario's own keys; its `parameters` are laid over the scenario's, its `faults` are added, and
    `scenario_faults` may leave out the scenario's. Where the ensemble is not `managed`
    (`zookeeper_managed`), the inventory may not know the members' AdminServers, so parameters may name them.
    `fleet` is what faults may be done to.
    `max_buffer_bytes` is the smallest `jute.maxbuffer` of the members, if it is known; the load gets it too.
    """
    owned = owned_by_the_run(managed=managed)
    file = find_scenario(scenario, scenarios_dir)
    if file is None:
        known = sorted(path.stem for path in scenarios_dir.glob("*.yml"))
        return None, [
            f"benchmark_scenario [{scenario}]: there is no such scenario{nearest(scenario, known)}; "
            f"give the path of a YAML file, or one of: {', '.join(known)}",
            *problems_of_overrides(overrides, owned),
        ]
    content, problems = read_scenario(file)
    if content is None:
        return None, problems + problems_of_overrides(overrides, owned)
    source = {key: f"{key} in {file.name}" for key in KEYS} | {key: f"benchmark_{key}" for key in overrides}
    merged: dict[str, Any] = {**content, **overrides}

    sequence = merged.get("locustfile") == _SEQUENCE_LOCUSTFILE
    arrival = take_arrival(merged, source, problems)
    user_stages = take_user_stages(merged, source, problems)
    arrives_in_stages = isinstance(merged.get("arrival"), Mapping) and "stages" in merged["arrival"]
    # The sequence and stages know their own length; stages of users know their users too.
    known_keys = {"run_time"} if sequence or arrives_in_stages else set()
    known_keys |= {"run_time", "users"} if "user_stages" in merged else set()
    for key in SETTINGS:
        if key not in merged and key not in known_keys:
            problems.append(f"{key}: {file.name} does not say it; add it there or set benchmark_{key}")
    settings = settings_of(merged, source, problems)
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
    parameters = parameters_in(content.get("parameters"), overrides.get("parameters"), owned, problems)
    if merged.get("arrival") is None and "arrival-workers" in parameters:  # the others are the run's own
        problems.append(
            f"benchmark_parameters.arrival-workers [{parameters['arrival-workers']}]: {CLOSED_LOOP}; "
            "set benchmark_arrival, or arrival in the scenario, or leave this out"
        )
    set_parameters = [name for name, value in parameters.items() if value]
    client = str(parameters.setdefault("client", client_of_scenario(set_parameters)))
    if problem := unprotected(client, set_parameters):
        remedy = remedy_for_run(showable(overrides.get("parameters")))
        problems.append(f"benchmark_parameters.client [{client}]: {problem}; {remedy}")
    if parameters.get("history") and (
        no_history := history_format.problem_with(client, str(parameters.get("kazoo-handler", "")))
    ):
        problems.append(f"benchmark_parameters.client [{client}]: {'; '.join(no_history)}")
    if max_buffer_bytes is not None and max_buffer_bytes != DEFAULT_MAX_BUFFER_BYTES:
        # The load checks sizes too.
        parameters.setdefault("jute-maxbuffer", min(max_buffer_bytes, MAX_SIZE))
        if isinstance(merged.get("workload"), dict) and max_buffer_bytes > DEFAULT_MAX_BUFFER_BYTES:
            merged["workload"] = {"jute_maxbuffer": parameters["jute-maxbuffer"], **merged["workload"]}
    locustfile_name, preparation_s, workload = str(merged.get("locustfile", "")), 0.0, None
    if "workload" in merged:
        workload = _take_workload(merged, source["workload"], settings.get("users"), parameters, problems)
        locustfile_name = _WORKLOAD_LOCUSTFILE
        if workload is not None:
            preparation_s = _preparation_s(workload)
            largest = max(workload.values.most, *workload.values.sizes, 0)
            problems += _size_problems(f"{source['workload']}: workload.values", largest, max_buffer_bytes)
    elif "val-size" in parameters:
        problems += _size_problems("benchmark_parameters.val-size", parameters["val-size"], max_buffer_bytes)
    if parameters.get("history"):
        preparation_s += history_format.FINAL_READS_S
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
    lists = fault_lists(content, overrides, file.name, problems)
    faults = take_faults(lists, fleet, settings.get("run_time"), problems)
    dispatch = take_dispatch(merged, source, parameters, [*lists], fleet, settings.get("run_time"), problems)
    locustfile = find_locustfile(locustfile_name, file.parent, source["locustfile"], problems)
    problems += dispatch_problems(locustfile, dispatch, parameters, source)
    if problems or locustfile is None:
        return None, problems
    plain, secret = environment_of(parameters)
    effective = {
        p.name: p.default
        for p in PARAMETERS
        if p.default is not None and p.name not in SET_BY_THE_RUN and p.section != BENCH
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
        dispatch=None if dispatch is None else dispatch.as_dict(),
        first_users=user_stages[0].from_users if user_stages else settings["users"],
        operations=operations_of(locustfile, workload),
        notes=() if arrival is None else (_carries(arrival, settings["users"], parameters),),
        warnings=_warnings(arrival, settings["users"], parameters, source),
    ), []


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
