"""What an experiment found, as sentences and tables: the same for the screen, Markdown, the page, JSON and JUnit."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from reporting import text
from reporting.analyse import arm_differences
from reporting.analyse.arm_differences import Difference
from reporting.read.experiment_folder import ExperimentFolder
from reporting.render import capacity_report, matrix_report, noise_report, paired_report
from reporting.render.found import Found
from reporting.render.report_tables import Table
from zk_locust.contract.experiment import CAPACITY, COMPARE, MATRIX, NOISE

_OF_KIND: Final[Mapping[str, Callable[[ExperimentFolder], Found]]] = {
    COMPARE: paired_report.build,
    NOISE: noise_report.build,
    CAPACITY: capacity_report.build,
    MATRIX: matrix_report.build,
}


@dataclass(frozen=True, slots=True)
class ExperimentReport:
    """An experiment, what it found, and what differs between its arms. `unfinished` is a sentence, or empty."""

    experiment: ExperimentFolder
    found: Found
    differences: list[Difference]
    unfinished: str

    @property
    def tables(self) -> list[Table]:
        """All tables, the most important first."""
        own = [table for table in (_differences(self), _runs(self.experiment)) if table is not None]
        return [*self.found.tables, *own]

    def as_json(self) -> dict[str, Any]:
        """The content of `experiment.json`."""
        content = self.experiment.content
        return {
            "schema_version": 1,
            "experiment_id": self.experiment.experiment_id,
            "kind": self.experiment.kind,
            "name": content["name"],
            "description": content["description"],
            "state": content["state"],
            "started": content["started"],
            "ended": content["ended"],
            "settings": content["settings"],
            "arms": content["arms"],
            "answer": self.found.answer,
            "notes": list(self.found.notes),
            **self.found.data,
            "differences": [{"name": each.name, "values": dict(zip(self.experiment.arms, each.values, strict=True))}
                            for each in self.differences],
            "runs": content["runs"],
            "problems": list(self.experiment.problems),
        }  # fmt: skip


def build(experiment: ExperimentFolder) -> ExperimentReport:
    """Find what an experiment says."""
    found = _OF_KIND[experiment.kind](experiment)
    if experiment.kind != CAPACITY:  # whose steps beyond the capacity are not valid
        found = replace(found, notes=(*found.notes, *_doubts(experiment)))
    return ExperimentReport(experiment, found, arm_differences.build(experiment), _unfinished(experiment))


def _doubts(experiment: ExperimentFolder) -> list[str]:
    """Say how many runs count and are not valid, and why: other things than the arms may have shaped their figures."""
    doubtful = [run for run in experiment.counted if run.verdict != "valid"]
    if not doubtful:
        return []
    rules = Counter(rule for run in doubtful for rule in run.inconclusive_rules())
    why = ", ".join(f"{rule} ({number})" for rule, number in rules.most_common(4))
    return [
        f"{len(doubtful)} of {len(experiment.counted)} runs are inconclusive{f', by the rules {why}' if why else ''}; "
        "their reports say more."
    ]


def _unfinished(experiment: ExperimentFolder) -> str:
    """Return a sentence about an experiment that has not done all of its runs; empty for one that has."""
    state, reason = str(experiment.content["state"]), str(experiment.content.get("reason") or "")
    if state == "finished":
        return ""
    why = f": {reason}" if reason else ""
    return f"The experiment is not finished ({state}{why}), so this is what its runs say so far."


def _differences(report: ExperimentReport) -> Table | None:
    if not report.differences:
        return None
    rows = tuple((each.name, *each.values) for each in report.differences)
    head = ("setting or version", *report.experiment.arms)
    return Table("What differs between the arms", head, rows, len(head), note="Found from the manifests of the runs.")


def _runs(experiment: ExperimentFolder) -> Table | None:
    rows: tuple[tuple[str, ...], ...] = tuple(
        (
            str(run.number),
            run.arm,
            run.run_id or text.NOTHING,
            run.verdict if run.counts else f"{run.verdict}, does not count",
            text.NOTHING if run.rate_per_s is None else f"{run.rate_per_s:,g}",
            text.duration(run.took_s),
        )
        for run in experiment.runs
    )
    head: tuple[str, ...] = ("run", "arm", "id", "verdict", "offered/s", "took")
    if not any(run.rate_per_s is not None for run in experiment.runs):
        head = (*head[:4], head[5])
        rows = tuple((*row[:4], row[5]) for row in rows)
    return Table("Runs", head, rows, 4) if rows else None
