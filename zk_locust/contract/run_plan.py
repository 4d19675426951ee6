"""What a run is meant to be: `plan` in its manifest, written once before the load starts.

The report compares the run with it and guesses nothing. Manifests of older versions have no plan. It needs the standard
library only.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NotRequired, TypedDict

from zk_locust.contract.stage_names import COOL_DOWN, MEASURED, WARM_UP
from zk_locust.contract.warm_up import parse_warm_up

ENDING_S: Final = 17.0
"""How long a supervisor needs at most to end its processes once the deadline has come, seconds."""
DEADLINE_ROOM_S: Final = 40.0
"""How long after its planned end a load may live, seconds: `ENDING_S`, the start of the processes, and some room.

So a load that the deadline ends has ended 60 s after its planned end.
"""
COLLECT_S: Final = 920.0
"""How long a run's lease on a host lasts beyond the load's deadline, seconds: the time to collect the figures."""
PROVISION_S: Final = 1800.0
"""How much longer it lasts where it is claimed before hosts are provisioned, seconds."""


class PlannedStage(TypedDict):
    """A stage of the load."""

    name: str  # warm-up, measured or cool-down
    planned_s: float | None  # seconds; None where it lasts until all users have ended, or the load is stationary
    limit_s: NotRequired[float]  # of a warm-up that ends when the load is stationary, seconds


class PlannedArrivalStage(TypedDict):
    """A part of the measured stage of an open loop, with the rate at its beginning and at its end."""

    from_per_s: float
    to_per_s: float
    planned_s: float | None  # seconds; None for one rate to the end of the measured stage


class PlannedArrival(TypedDict):
    """How the operations of an open loop arrive."""

    rate_per_s: float | None  # over all workers; None where it changes
    process: str  # uniform or poisson
    seed: int
    queue: int  # how many due operations may wait on one worker
    stages: list[PlannedArrivalStage]


class PlannedUserStage(TypedDict):
    """A part of the measured stage of a closed loop, with the users at its beginning and at its end."""

    from_users: int
    to_users: int
    planned_s: float  # seconds


class RunPlan(TypedDict):
    """The plan in a manifest."""

    scenario: str
    locustfile: str  # its name, without folders
    client: str
    users: int  # the most that run at a time
    user_stages: list[PlannedUserStage] | None  # None where their number stays
    spawn_rate_per_s: float
    stages: list[PlannedStage]  # in their order
    arrival: PlannedArrival | None  # of an open loop; None in a closed loop
    workers: dict[str, int]  # of each load host that runs some
    expected_workers: int
    sampled_hosts: list[str]  # whose machines are to be sampled (host-metrics.csv)
    members: list[str]  # by inventory name; by address:port where only the connect string names them
    deadline_s: float  # from the start of the load: then the load hosts end it


def deadline_s(planned_s: float) -> float:
    """Return when load hosts end a load, seconds from its start; `planned_s` is to the end of the measured stage."""
    return planned_s + DEADLINE_ROOM_S


def lease_s(planned_s: float, *, provisions: bool = False) -> float:
    """Return how long a run's lease on a host lasts unless the run releases it, seconds."""
    return deadline_s(planned_s) + COLLECT_S + (PROVISION_S if provisions else 0.0)


def run_plan(
    load: Mapping[str, Any], workers: Mapping[str, int], sampled_hosts: Iterable[str], members: Iterable[str]
) -> RunPlan:
    """Return the plan of a run.

    `load` is the plan that `zk-locust resolve-plan` prints, `workers` the number of workers of each load host.
    `members` are the inventory's; where it has none, those of the connect string stand in.
    """
    of_load = parse_warm_up(load["warmup"])
    # In an open loop and with stages of users, users start in the warm-up, whatever its length.
    starts_apart = load.get("arrival") is not None or load.get("user_stages") is not None
    has_warm_up = of_load.limit_s > 0 or starts_apart
    warm_up: list[PlannedStage] = [{"name": WARM_UP, "planned_s": of_load.planned_s}] if has_warm_up else []
    if of_load.automatic:
        warm_up[0]["limit_s"] = of_load.limit_s
    numbers = {host: int(count) for host, count in workers.items() if int(count)}
    return {
        "scenario": str(load["name"]),
        "locustfile": str(load["locustfile"]).rpartition("/")[2],
        "client": str(load["parameters"]["client"]),
        "users": int(load["users"]),
        "user_stages": load.get("user_stages"),
        "spawn_rate_per_s": float(load["spawn_rate"]),
        "stages": [
            *warm_up,
            {"name": MEASURED, "planned_s": float(load["run_time_s"])},
            {"name": COOL_DOWN, "planned_s": None},
        ],
        "arrival": load.get("arrival"),
        "workers": numbers,
        "expected_workers": sum(numbers.values()),
        "sampled_hosts": sorted(set(sampled_hosts)),
        "members": list(members) or [str(each["name"]) for each in load["members"]],
        "deadline_s": float(load["deadline_s"]),
    }
