"""What a run was meant to be: `plan` in its manifest, which `zk_locust.contract.run_plan` describes.

Manifests of older versions have no plan. Then only what they state elsewhere is known, and the rest is None or empty.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from reporting.read.parsing import number
from reporting.read.problems import ProblemLog
from zk_locust.contract.stage_names import MEASURED
from zk_locust.contract.truth import is_true
from zk_locust.contract.user_stages import UserStage, least_users, most_users, of_plan

FILE: Final = "manifest.json"
LOAD_GROUPS: Final = ("locust_master", "locust_workers")

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Plan:
    """What was planned. `stages` maps a stage to its length in seconds, None where it has no planned end.

    `recorded` says that the manifest has a plan. `deadline_s` counts from the start of the load.
    """

    recorded: bool = False
    users: int | None = None  # the most at a time
    user_stages: tuple[UserStage, ...] = ()  # empty where their number stays
    spawn_rate_per_s: float | None = None
    stages: Mapping[str, float | None] = field(default_factory=dict)
    workers: Mapping[str, int] = field(default_factory=dict)  # load host to its number of workers
    expected_workers: int | None = None
    sampled_hosts: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    deadline_s: float | None = None

    @property
    def unknown(self) -> list[str]:
        """What the manifest does not say, for people."""
        named = {
            "the number of users": self.users,
            "the number of workers": self.expected_workers,
            "the length of the measured stage": self.stages.get(MEASURED),
            "the members": self.members or None,
            "the deadline": self.deadline_s,
        }
        return [name for name, value in named.items() if value is None]

    @property
    def users_in_words(self) -> str:
        """How many users were to run, with their unit; empty where that is not known."""
        if self.users is None:
            return ""
        least = least_users(self.user_stages) if self.user_stages else self.users
        return f"{self.users:,} users" if least == self.users else f"{least:,} to {self.users:,} users"


def parse(raw: Mapping[str, Any], problems: ProblemLog) -> Plan | None:
    """Return the plan in a manifest, or None. An unexpected shape is a problem."""
    plan = raw.get("plan")
    if plan is None:
        return None

    def read(key: str, convert: Callable[[Any], Found], otherwise: Found) -> Found:
        try:
            return convert(plan[key])
        except (KeyError, TypeError, ValueError, AttributeError):
            problems.add(FILE, None, f"plan.{key} cannot be read")
            return otherwise

    if not isinstance(plan, dict):
        problems.add(FILE, None, "plan is not an object")
        return None
    return Plan(
        recorded=True,
        users=read("users", _whole, None),
        user_stages=read("user_stages", of_plan, ()) if plan.get("user_stages") is not None else (),
        spawn_rate_per_s=number(plan.get("spawn_rate_per_s")),
        stages=read("stages", lambda stages: {str(each["name"]): number(each["planned_s"]) for each in stages}, {}),
        workers=read("workers", lambda workers: {str(host): _whole(count) for host, count in workers.items()}, {}),
        expected_workers=read("expected_workers", _whole, None),
        sampled_hosts=read("sampled_hosts", _names, ()),
        members=read("members", _names, ()),
        deadline_s=read("deadline_s", number, None),
    )


def of_older_manifest(
    scenario: Mapping[str, Any], groups: Mapping[str, list[str]], variables: Mapping[str, Mapping[str, Any]]
) -> Plan:
    """Return what a manifest without a plan states in its scenario and inventory."""
    users = number(scenario.get("users"))
    try:
        user_stages = of_plan(scenario.get("user_stages") or ())
    except (KeyError, TypeError, ValueError):
        user_stages = ()
    processes = {
        host: number(variables.get(host, {}).get("locust_processes")) for host in groups.get("locust_workers", [])
    }
    workers = {host: int(count) for host, count in processes.items() if count}
    all_said = bool(processes) and len(workers) == len(processes)
    members = groups.get("zookeeper", [])
    managed = [name for name in members if name in variables and _is_managed(variables[name])]
    hosts = dict.fromkeys([*managed, *(name for group in LOAD_GROUPS for name in groups.get(group, []))])
    return Plan(
        users=most_users(user_stages) if user_stages else None if users is None else int(users),
        user_stages=user_stages,
        spawn_rate_per_s=number(scenario.get("spawn_rate")),
        stages={MEASURED: number(scenario.get("run_time_s"))},
        workers=workers if all_said else {},
        expected_workers=sum(workers.values()) if all_said else None,
        sampled_hosts=tuple(name for name in hosts if not is_unsampled(variables.get(name, {}))),
        members=tuple(members),
    )


def is_unsampled(variables: Mapping[str, Any]) -> bool:
    """Return whether the host's inventory variables switch its samples off."""
    return number(variables.get("benchmark_host_metrics_interval_s")) == 0


def _is_managed(variables: Mapping[str, Any]) -> bool:
    try:
        return is_true(variables.get("zookeeper_managed", True))
    except ValueError:
        return False


def _whole(value: Any) -> int:
    if isinstance(value, bool) or value != int(value):
        raise ValueError
    return int(value)


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError
    return tuple(str(name) for name in value)
