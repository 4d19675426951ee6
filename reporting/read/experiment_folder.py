"""Reads an experiment: its manifest, and the figures of its runs from their `report.json`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reporting.errors import InputError
from reporting.read import manifest as manifests
from reporting.read.manifest import Manifest
from reporting.read.parsing import number, read_json_object
from reporting.read.problems import ProblemLog
from zk_locust.contract.experiment import ALL, CAPACITY, COMPARE, FIGURES, MATRIX, NOISE, RECOVERY
from zk_locust.contract.run_files import MANIFEST
from zk_locust.contract.verdicts import INCONCLUSIVE

SCHEMA_VERSION: Final = 1
REPORT: Final = "report.json"
_PAIRED: Final = frozenset(("figures", "equivalence"))
_SETTINGS: Final = {
    COMPARE: _PAIRED,
    NOISE: _PAIRED,
    MATRIX: frozenset(("figures", "grid")),
    CAPACITY: frozenset(("objectives",)),
    RECOVERY: _PAIRED,
}
"""Each kind, and the settings that its report needs."""


@dataclass(frozen=True, slots=True)
class ExperimentRun:
    """A run of an experiment, its manifest, and the content of its `report.json`, empty where one cannot be read.

    `path` is its folder, which may be gone; None for a benchmark that left no run. `block` is the pair or pass it
    belongs to. `counts` is False for a run that was void and repeated, and for a step that the load side has limited.
    `rate_per_s`, `passed`, `load_limited` and `step` are those of a search's step.
    """

    number: int
    arm: str
    block: int | None
    run_id: str
    path: Path | None
    verdict: str
    counts: bool
    load_limited: bool
    took_s: float
    rate_per_s: float | None
    passed: bool | None
    step: Mapping[str, Any]
    report: Mapping[str, Any]
    manifest: Manifest

    def operations(self) -> list[str]:
        """The names of its operations."""
        return [str(row.get("operation")) for row in self.report.get("operations") or []]

    def inconclusive_rules(self) -> set[str]:
        """The rules that make its verdict inconclusive."""
        reasons = (self.report.get("verdict") or {}).get("reasons") or []
        return {str(reason.get("rule")) for reason in reasons if reason.get("severity") == INCONCLUSIVE}

    def figure(self, operation: str, figure: str) -> float | None:
        """A figure by its name in `FIGURES`, per second or microseconds; None where the run has none above 0."""
        rows = self.report.get("operations") or []
        named = {ALL: self.report.get("total")} | {str(row.get("operation")): row for row in rows}
        value = number((named.get(operation) or {}).get(FIGURES[figure]))
        return value if value is not None and value > 0 else None


@dataclass(frozen=True, slots=True)
class ExperimentFolder:
    """An experiment. `content` is its manifest; `runs` are in the order in which they were run."""

    path: Path
    content: Mapping[str, Any]
    runs: tuple[ExperimentRun, ...]
    problems: tuple[str, ...]

    @property
    def experiment_id(self) -> str:
        """The experiment's id."""
        return str(self.content["experiment_id"])

    @property
    def kind(self) -> str:
        """The experiment's kind."""
        return str(self.content["kind"])

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings of the experiment's file."""
        found: Mapping[str, Any] = self.content["settings"]
        return found

    @property
    def arms(self) -> list[str]:
        """The names of the arms, in the order of the experiment's file."""
        return [str(arm["name"]) for arm in self.content["arms"]]

    @property
    def counted(self) -> list[ExperimentRun]:
        """The runs that count."""
        return [run for run in self.runs if run.counts]

    def of(self, arm: str) -> list[ExperimentRun]:
        """The runs of an arm that count."""
        return [run for run in self.counted if run.arm == arm]


def load(path: Path) -> ExperimentFolder:
    """Read the experiment's folder at `path`. Raises InputError when it is none, or of another schema."""
    problems = ProblemLog()
    content = read_json_object(path / MANIFEST, problems, missing="")
    if not content or not content.get("experiment_id"):
        raise InputError(f"experiment [{path}] has no manifest that can be read; `fab experiments` lists them all")
    if content.get("schema_version") != SCHEMA_VERSION:
        raise InputError(
            f"experiment [{path.name}] has schema {content.get('schema_version')}, and this version knows "
            f"{SCHEMA_VERSION}; use the version of zk-locust that made it"
        )
    _refuse_incomplete(path, content)
    said: list[str] = []
    runs = tuple(_run(path.parent.parent, entry, said) for entry in content["runs"])
    _refuse_mixed(path, runs)
    return ExperimentFolder(path.resolve(), content, runs, tuple(said))


def _refuse_incomplete(path: Path, content: Mapping[str, Any]) -> None:
    """Raise InputError for a manifest without what every report needs."""
    kind, settings, arms, runs = (content.get(name) for name in ("kind", "settings", "arms", "runs"))
    if kind not in _SETTINGS:
        raise InputError(f"experiment [{path.name}]: its manifest has an unknown kind [{kind}]; move the folder away")
    sound = (
        all(isinstance(content.get(name), str) for name in ("name", "state", "started"))
        and isinstance(settings, dict)
        and _SETTINGS[kind] <= settings.keys()
        and _are_objects(arms, "name", "place")
        and bool(arms)
        and _are_objects(runs, "number", "arm")
    )
    if not sound:
        raise InputError(f"experiment [{path.name}]: its manifest is damaged; move the folder away")


def _are_objects(found: object, *names: str) -> bool:
    """Whether it is a list of objects that have these fields."""
    return isinstance(found, list) and all(isinstance(each, dict) and each.keys() >= {*names} for each in found)


def _run(results: Path, entry: Mapping[str, Any], problems: list[str]) -> ExperimentRun:
    run_id, counts = str(entry.get("run_id") or ""), bool(entry.get("counts"))
    path = results.resolve() / run_id if run_id and Path(run_id).name == run_id else None
    report: Mapping[str, Any] = {}
    manifest = Manifest()
    if counts and (path is None or not path.is_dir()):
        problems.append(f"run {run_id} is gone, and its figures are missing; it was in {results.resolve()}")
    elif counts and path is not None:
        manifest = manifests.parse(read_json_object(path / MANIFEST, ProblemLog(), missing=""), ProblemLog())
        report = read_json_object(path / REPORT, ProblemLog(), missing="")
        if not report:
            problems.append(f"run {run_id} has no {REPORT} that can be read; `fab report --run {run_id}` writes it")
    return ExperimentRun(
        number=int(entry["number"]),
        arm=str(entry["arm"]),
        block=entry.get("block"),
        run_id=run_id,
        path=path,
        verdict=str(entry.get("verdict", "")),
        counts=counts,
        load_limited=bool(entry.get("load_limited")),
        took_s=float(entry.get("took_s") or 0.0),
        rate_per_s=entry.get("rate_per_s"),
        passed=entry.get("passed"),
        step=entry.get("step") or {},
        report=report,
        manifest=manifest,
    )


def _refuse_mixed(path: Path, runs: Sequence[ExperimentRun]) -> None:
    schemas = {run.report.get("schema_version") for run in runs if run.report}
    if len(schemas) > 1:
        found = ", ".join(sorted(map(str, schemas)))
        raise InputError(
            f"experiment [{path.name}]: its runs have reports of schemas {found}, which cannot be compared; write them "
            "again with `fab report --run ID`"
        )
