"""What a run is, and its main figures, for lists of runs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reporting import text
from reporting.consistency.states import CONSISTENT, PARTLY, VIOLATED
from reporting.read.manifest import Manifest

RATE: Final = "rate"
P99: Final = "p99"


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run: what it was, and its figures of all operations (per second, microseconds), None where it has none.

    `consistency` is what the check of its history says, empty where the report has none. `experiment` is the id of the
    experiment that it is part of, empty for none.
    """

    path: Path
    run_id: str
    started: str
    scenario: str
    label: str
    fleet: str
    users: int | None
    rate_per_s: float | None
    p99_us: float | None
    failures: int | None
    verdict: str
    state: str
    experiment: str
    manifest: Manifest
    consistency: str = ""

    @property
    def answers(self) -> str:
        """The verdict, and what the check of the history has found."""
        checked = self.consistency if self.consistency in (CONSISTENT, PARTLY, VIOLATED) else ""
        return ", ".join(each for each in (self.verdict, checked) if each)

    def figure(self, name: str) -> float | None:
        """The value of `rate` or `p99`, None where there is none above 0."""
        value = self.rate_per_s if name == RATE else self.p99_us
        return value if value is not None and math.isfinite(value) and value > 0 else None


def fleet_of(groups: Mapping[str, Sequence[str]], connect_string: str) -> str:
    """Return a fleet's name: its members, and its load hosts. Members that are in no inventory have addresses."""
    members = list(groups.get("zookeeper", ())) or [part for part in connect_string.split(",") if part]
    load = list(dict.fromkeys(host for name in ("locust_master", "locust_workers") for host in groups.get(name, ())))
    named = [("members", members), ("load hosts", load)]
    return "; ".join(f"{what} {text.some(sorted(hosts, key=text.natural), 6)}" for what, hosts in named if hosts)
