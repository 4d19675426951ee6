"""What an experiment found, as sentences and tables: the same for the screen, Markdown, the page, JSON and JUnit."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from reporting import text
from reporting.analyse.experiment_answers import AnsweredExperiment
from reporting.analyse.matrix_effects import MatrixAnswers
from reporting.analyse.paired_figures import PairedFigures
from reporting.analyse.recovery_answers import RecoveryAnswers
from reporting.read.experiment_folder import ExperimentFolder, ExperimentRun
from reporting.render import capacity_report, matrix_report, noise_report, paired_report, recovery_report
from reporting.render.found import Found
from reporting.render.report_files import PAGE
from reporting.render.report_tables import Table
from zk_locust.contract.experiment import ALL, CAPACITY, NOISE, RECOVERY
from zk_locust.contract.verdicts import VALID


@dataclass(frozen=True, slots=True)
class ExperimentReport:
    """An experiment, computed and in words. `unfinished` is a sentence, or empty; `differences` is None without any."""

    answered: AnsweredExperiment
    found: Found
    differences: Table | None
    runs: Table | None
    unfinished: str

    @property
    def experiment(self) -> ExperimentFolder:
        """What was read."""
        return self.answered.experiment

    @property
    def about(self) -> str:
        """The experiment's description, its kind, and when it was started."""
        content = self.experiment.content
        description = str(content.get("description") or "").strip()
        return " ".join(
            part
            for part in (
                description if not description or description.endswith((".", "?", "!")) else f"{description}.",
                f"Kind: {self.experiment.kind}.",
                f"Started {text.moment(str(content['started']))}.",
            )
            if part
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know beside the answer."""
        return (*self.found.notes, *self.experiment.problems)

    @property
    def tables(self) -> list[Table]:
        """All tables, the most important first."""
        return [*self.found.tables, *(table for table in (self.differences, self.runs) if table is not None)]

    def as_json(self) -> dict[str, Any]:
        """The content of `experiment.json`."""
        content = self.experiment.content
        return {
            "schema_version": 1,
            "experiment_id": self.experiment.experiment_id,
            "kind": self.experiment.kind,
            "name": content["name"],
            "description": str(content.get("description") or ""),
            "state": content["state"],
            "started": content["started"],
            "ended": content.get("ended"),
            "settings": content["settings"],
            "arms": content["arms"],
            "answer": self.found.answer,
            "notes": list(self.found.notes),
            **self.found.data,
            "differences": [{"name": each.name, "values": dict(zip(self.experiment.arms, each.values, strict=True))}
                            for each in self.answered.differences],
            "runs": content["runs"],
            "problems": list(self.experiment.problems),
        }  # fmt: skip


def build(answered: AnsweredExperiment) -> ExperimentReport:
    """Say what an experiment found."""
    experiment, found = answered.experiment, _found(answered)
    if experiment.kind != CAPACITY:  # whose steps beyond the capacity are not valid
        found = replace(found, notes=(*found.notes, *_doubts(experiment), *_clocks(experiment)))
    return ExperimentReport(answered, found, _differences(answered), _runs(experiment), _unfinished(experiment))


def _found(answered: AnsweredExperiment) -> Found:
    if isinstance(answered.answers, PairedFigures):
        build_words = noise_report.build if answered.experiment.kind == NOISE else paired_report.build
        return build_words(answered.experiment, answered.answers)
    if isinstance(answered.answers, MatrixAnswers):
        return matrix_report.build(answered.experiment, answered.answers)
    if isinstance(answered.answers, RecoveryAnswers):
        return recovery_report.build(answered.experiment, answered.answers)
    return capacity_report.build(answered.experiment, answered.answers)


def _doubts(experiment: ExperimentFolder) -> list[str]:
    """Say how many runs count and are not valid, and why: other things than the arms may have shaped their figures."""
    doubtful = [run for run in experiment.counted if run.verdict != VALID]
    if not doubtful:
        return []
    rules = Counter(rule for run in doubtful for rule in run.inconclusive_rules())
    why = ", ".join(f"{rule} ({number})" for rule, number in rules.most_common(4))
    return [
        f"{len(doubtful)} of {len(experiment.counted)} runs are inconclusive{f', by the rules {why}' if why else ''}; "
        "their reports say more."
    ]


def _clocks(experiment: ExperimentFolder) -> list[str]:
    """Say where latencies are of different clocks, so that their ratios mean nothing."""
    found: dict[str, set[str]] = {}
    for run in experiment.counted:
        clock = str((run.report.get("total") or {}).get("clock") or "")
        if clock:
            found.setdefault(run.arm, set()).add(clock)
    if len(set().union(*found.values())) < 2:
        return []
    arms = "; ".join(f"{arm}: {' and '.join(sorted(clocks))} time" for arm, clocks in found.items())
    return [f"The latencies are of different clocks ({arms}); do not compare them."]


def _unfinished(experiment: ExperimentFolder) -> str:
    """Return a sentence about an experiment that has not done all of its runs; empty for one that has."""
    state, reason = str(experiment.content["state"]), str(experiment.content.get("reason") or "")
    if state == "finished":
        return ""
    why = f": {reason}" if reason else ""
    return f"The experiment is not finished ({state}{why}), so this is what its runs say so far."


def _differences(answered: AnsweredExperiment) -> Table | None:
    if not answered.differences:
        return None
    rows = tuple((each.name, *each.values) for each in answered.differences)
    head = ("setting or version", *answered.experiment.arms)
    return Table("What differs between the arms", head, rows, len(head), note="Found from the manifests of the runs.")


def _runs(experiment: ExperimentFolder) -> Table | None:
    if not experiment.runs:
        return None
    recovers = experiment.kind == RECOVERY
    figures = [str(figure) for figure in (() if recovers else experiment.settings.get("figures") or ())]
    faults = recovery_report.of_runs(experiment) if recovers else {}
    searched = any(run.rate_per_s is not None for run in experiment.runs)
    rows = []
    for run in experiment.runs:
        offered = [text.NOTHING if run.rate_per_s is None else f"{run.rate_per_s:,g}"] if searched else []
        verdict = run.verdict if run.counts else f"{run.verdict}, does not count"
        rows.append(
            (
                *(str(run.number), run.arm, _named(run), verdict, *offered),
                *(_value(run, figure) for figure in figures),
                *(times.get(run.number, text.NOTHING) for times in faults.values()),
                text.duration(run.took_s),
            )
        )
    units = ("rate/s" if figure == "rate" else f"{figure} ms" for figure in figures)
    head = ("run", "arm", "id", "verdict", *(["offered/s"] if searched else []), *units, *faults, "took")
    links = {
        (at, 2): f"../../{quote(run.path.name)}/{PAGE}"
        for at, run in enumerate(experiment.runs)
        if run.path is not None and (run.path / PAGE).is_file()
    }
    note = "Figures are of all operations together." if figures else ""
    return Table("Runs", head, tuple(rows), 4, note=note, links=links)


def _named(run: ExperimentRun) -> str:
    if not run.run_id:
        return text.NOTHING
    return run.run_id if run.path is not None and run.path.is_dir() else f"{run.run_id} (gone)"


def _value(run: ExperimentRun, figure: str) -> str:
    value = run.figure(ALL, figure)
    return text.rate(value) if figure == "rate" else text.latency_ms(value)
