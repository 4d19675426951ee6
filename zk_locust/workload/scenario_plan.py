"""The plan of a load: what a scenario comes to, with all overrides."""

from dataclasses import asdict, dataclass
from typing import Any

from zk_locust.contract.arrival import START_AHEAD_S
from zk_locust.contract.connect_string import parse_connect_string
from zk_locust.contract.faults.actions import STOP
from zk_locust.contract.parameters import Value
from zk_locust.contract.run_plan import deadline_s, lease_s
from zk_locust.contract.warm_up import parse_warm_up


@dataclass(frozen=True, slots=True)
class Plan:
    """A load that can be run.

    `parameters` are all that are in force, defaults too, without secrets. `environment` are those that were given, and
    `secret_environment` the secret ones among them. `warmup` is a duration with its unit, or `auto:` and the limit;
    `warmup_s` is the duration, or the limit. `arrival` is what an open loop is to do, as the manifest has it.
    `faults` is what is done to the fleet, `dispatch` what may be done where a dispatcher asks for it, and `user_stages`
    says when how many users run, likewise; `users` is the most of them, `first_users` those of the start.
    `operations` are the names of the load's operations, None where only the running load tells. `notes` and `warnings`
    are for the user, before the load starts.
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
    dispatch: dict[str, Any] | None = None
    first_users: int = 1
    operations: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def planned_s(self) -> float:
        """How long the load takes to the end of the measured stage, seconds: its tree, its users, its stages.

        `preparation_s` of that is the most that filling, reading and removing the load's nodes may take.
        """
        automatic = parse_warm_up(self.warmup).automatic
        ahead_s = 0.0 if self.arrival is None else START_AHEAD_S * (2 if automatic else 1)
        return self.preparation_s + self.first_users / self.spawn_rate + ahead_s + self.warmup_s + self.run_time_s

    @property
    def fault_actions(self) -> list[str]:
        """What the members' hosts must be ready to do: an action for each planned fault, and for a dispatcher."""
        return [str(fault["do"]) for fault in self.faults or ()] + ([] if self.dispatch is None else [STOP])

    @property
    def members(self) -> list[dict[str, Any]]:
        """The members in the parameter `hosts`: name, address and client_port; none where the inventory names them."""
        hosts = self.parameters.get("hosts")
        return [
            {"name": str(member), "address": member.host, "client_port": member.port}
            for member in (parse_connect_string(str(hosts)).members if hosts else ())
        ]


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
    derived = {"members": plan.members, "fault_actions": plan.fault_actions}
    return {"problems": problems, "plan": asdict(plan) | times | derived}
