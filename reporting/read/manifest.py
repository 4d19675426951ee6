"""The manifest of a run: what was run, on what, with which settings.

Every field may be absent: an interrupted run leaves what its controller knew so far.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from reporting.errors import InputError
from reporting.read import faults
from reporting.read import plan as plans
from reporting.read.faults import NONE, Faults
from reporting.read.parsing import parse_time, read_json_object
from reporting.read.plan import FILE, Plan
from reporting.read.problems import ProblemLog
from zk_locust.contract.run_files import SCHEMA_VERSION
from zk_locust.contract.secrets import redacted

_ROLES: Final = {"zookeeper": "member", "locust_master": "master", "locust_workers": "workers"}


@dataclass(frozen=True, slots=True)
class Phase:
    """One step of `benchmark.yml`: its name and its seconds, None when it did not end."""

    name: str
    start: str
    end: str
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest's content. Texts and mappings are empty if the manifest lacks them."""

    run_id: str = ""
    label: str = ""
    state: str = ""  # complete, failed or interrupted
    reason: str = ""
    started: str = ""
    ended: str = ""
    scenario: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[str, list[str]] = field(default_factory=dict)
    host_variables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    versions: Mapping[str, Any] = field(default_factory=dict)
    hosts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    phases: tuple[Phase, ...] = ()
    warnings: tuple[str, ...] = ()  # what preflight warned of
    missing: tuple[str, ...] = ()  # what could not be collected from the hosts
    faults: Faults = NONE
    plan: Plan = field(default_factory=Plan)
    schema: str = str(SCHEMA_VERSION)
    present: bool = False

    @property
    def scenario_name(self) -> str:
        """Name of the scenario, or nothing."""
        return str(self.scenario.get("name") or "")

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The scenario's parameters, by flag."""
        value = self.scenario.get("parameters")
        return value if isinstance(value, dict) else {}

    @property
    def client(self) -> str:
        """The load's client; empty where it is not known."""
        return str(self.parameters.get("client") or "")

    @property
    def latency_objective(self) -> str:
        """What latencies are to keep to, with its unit, as the load was told; empty without."""
        return str(self.parameters.get("stats-objective") or "").replace("ms", " ms")

    def roles(self, host: str) -> list[str]:
        """What a host is in the run, by the groups that it is in; a group of another name is a role of that name."""
        return [_ROLES.get(group, group) for group, found in self.groups.items() if host in found]

    @property
    def not_sampled(self) -> Mapping[str, str]:
        """Host to the reason why its machine could not be sampled."""
        return {host: str(known["not_sampled"]) for host, known in self.hosts.items() if known.get("not_sampled")}

    @property
    def samples_no_machine(self) -> bool:
        """Whether no machine of the run was to be sampled."""
        if self.plan.recorded:
            return not self.plan.sampled_hosts
        return not self.plan.sampled_hosts and any(map(plans.is_unsampled, self.host_variables.values()))

    def phase(self, name: str) -> Phase | None:
        """The phase of that name, if it began."""
        return next((phase for phase in self.phases if phase.name == name), None)


def read(folder: Path) -> Manifest:
    """Return the manifest of a run folder, empty without one. Raises InputError for one of another schema."""
    found = parse(read_json_object(folder / FILE, ProblemLog(), missing=""), ProblemLog())
    if found.schema != str(SCHEMA_VERSION):
        raise InputError(
            f"run [{folder.name}] has schema [{found.schema}], and this version reads [{SCHEMA_VERSION}]; use the "
            "version of zk-locust that made it"
        )
    return found


def parse(raw: Mapping[str, Any], problems: ProblemLog) -> Manifest:
    """The manifest in a JSON object. Values of an unexpected shape are problems and left out."""
    if not raw:
        return Manifest()

    def text(key: str) -> str:
        value = raw.get(key)
        if value is None or isinstance(value, (str, int, float)):
            return "" if value is None else str(value)
        problems.add(FILE, None, f"{key} is not text")
        return ""

    def mapping(value: Any, where: str) -> dict[str, Any]:
        if value is None:
            return {}
        if isinstance(value, dict):
            # The writer has removed secrets already; reports are passed on, so do it again.
            found: dict[str, Any] = redacted("", value)
            return found
        problems.add(FILE, None, f"{where} is not an object")
        return {}

    schema = raw.get("schema_version", SCHEMA_VERSION)  # the oldest have none
    if schema != SCHEMA_VERSION:
        problems.add(
            FILE, None, f"schema [{schema}] is not the one of this version [{SCHEMA_VERSION}]: parts may be lost"
        )
    inventory = mapping(raw.get("inventory"), "inventory")
    groups = mapping(inventory.get("groups"), "inventory.groups")
    variables = mapping(inventory.get("hosts"), "inventory.hosts")
    hosts = mapping(raw.get("hosts"), "hosts")
    scenario = mapping(raw.get("scenario"), "scenario")
    in_groups = {name: [str(host) for host in found] for name, found in groups.items() if isinstance(found, list)}
    host_variables = {name: mapping(found, f"inventory.hosts.{name}") for name, found in variables.items()}
    return Manifest(
        run_id=text("run_id"),
        label=text("label"),
        state="complete" if text("state") == "whole" else text("state"),  # its name in older versions
        reason=text("reason"),
        started=text("started"),
        ended=text("ended"),
        scenario=scenario,
        groups=in_groups,
        host_variables=host_variables,
        versions=mapping(raw.get("versions"), "versions"),
        hosts={name: mapping(found, f"hosts.{name}") for name, found in hosts.items()},
        phases=_phases(raw.get("phases"), problems),
        warnings=_lines(raw, "warnings", problems),
        missing=_lines(raw, "missing", problems),
        faults=faults.parse(raw, problems),
        plan=plans.parse(raw, problems) or plans.of_older_manifest(scenario, in_groups, host_variables),
        schema=str(schema),
        present=True,
    )


def _lines(raw: Mapping[str, Any], key: str, problems: ProblemLog) -> tuple[str, ...]:
    lines = raw.get(key) or []
    if not isinstance(lines, list):
        problems.add(FILE, None, f"{key} is not a list")
        return ()
    return tuple(str(line) for line in lines)


def _phases(raw: Any, problems: ProblemLog) -> tuple[Phase, ...]:
    if raw is None:
        return ()
    if not isinstance(raw, list):
        problems.add(FILE, None, "phases is not a list")
        return ()
    phases = []
    for item in raw:
        if not isinstance(item, dict) or not item.get("name"):
            problems.add(FILE, None, "phases holds something that is not a phase")
            continue
        start, end = str(item.get("start") or ""), str(item.get("end") or "")
        try:
            duration_s = parse_time(end) - parse_time(start) if start and end else None
        except ValueError:
            problems.add(FILE, None, f"the times of phase {item['name']} cannot be read [{start}] [{end}]")
            duration_s = None
        phases.append(Phase(str(item["name"]), start, end, duration_s))
    return tuple(phases)
