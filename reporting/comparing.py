"""Compares finished runs of a results folder in pairs."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from reporting.analyse import paired_figures, run_differences
from reporting.analyse.comparison import Comparison
from reporting.analyse.fail_if import FailIf
from reporting.analyse.paired_figures import FigureAnswer, PairedFigures
from reporting.analyse.run_differences import Difference
from reporting.errors import InputError
from reporting.read import manifest as manifests
from reporting.read.manifest import Manifest
from reporting.read.parsing import number
from reporting.render.compared_runs import ComparedRuns
from reporting.runs import report_of, resolve
from zk_locust.contract.experiment import FIGURES
from zk_locust.contract.nearest_name import nearest
from zk_locust.contract.run_files import UNFINISHED
from zk_locust.contract.verdicts import VALID


def compare(
    results_dir: Path, baseline: Sequence[str], candidate: Sequence[str], conditions: Sequence[str] = ()
) -> ComparedRuns:
    """Compare runs by id; the first of each side are a pair, and so on.

    Raises InputError for runs that cannot be compared, and for conditions that cannot be read or checked.
    """
    wanted = [FailIf.parse(each) for each in conditions]
    for each in wanted:
        if each.figure not in FIGURES:
            hint = nearest(each.figure, FIGURES)
            raise InputError(
                f"condition [{each.text}]: no figure [{each.figure}]{hint}; known figures: {', '.join(FIGURES)}"
            )
    first, second = ([part.strip() for part in side if part.strip()] for side in (baseline, candidate))
    if not first or len(first) != len(second):
        raise InputError(
            f"[{len(first)}] runs cannot be paired with [{len(second)}]; name as many candidates as baselines"
        )
    folders = finished(results_dir, [*first, *second])
    read = [manifests.read(folder) for folder in folders]
    reports = [report_of(folder) for folder in folders]
    found = paired_figures.of_runs(reports[: len(first)], reports[len(first) :])
    figures = tuple(each for each in found.figures if each.values)
    if not figures:
        raise InputError("the runs have no figure in common; `fab report --run ID` shows what a run has")
    names = tuple(folder.name for folder in folders)
    return ComparedRuns(
        names[: len(first)],
        names[len(first) :],
        figures,
        _differences(read[: len(first)], read[len(first) :]),
        tuple((each, each.check(_comparison(found, each))) for each in wanted),
        (*_notes(names, read, reports), *_left_out(found)),
    )


def _differences(*sides: Sequence[Manifest]) -> tuple[Difference, ...] | None:
    """Return what differs between the sides; None if a side has no manifest."""
    present = [[each for each in side if each.present] for side in sides]
    return run_differences.between(present) if all(present) else None


def finished(results_dir: Path, run_ids: Sequence[str]) -> list[Path]:
    """The folders of these runs. Raises InputError for one that is unknown, named twice or unfinished."""
    folders = resolve(results_dir, run_ids)
    for folder in folders:
        if folders.count(folder) > 1:
            raise InputError(f"run [{folder.name}] is named twice; a comparison needs different runs")
        if folder.parent.name == UNFINISHED:
            raise InputError(
                f"run [{folder.name}] is unfinished; finish it with `ansible-playbook playbooks/collect.yml`"
            )
    return folders


def _comparison(found: PairedFigures, wanted: FailIf) -> Comparison | None:
    """Return the comparison of a condition's figure, None for one pair of runs and for a void figure."""
    operation = found.operation(wanted.operation)
    known = [each for each in found.figures if each.values]
    figure = next((each for each in known if (each.operation, each.figure) == (operation, wanted.figure)), None)
    if figure is None:
        operations = [*dict.fromkeys(each.operation for each in known), *([found.single] if found.single else [])]
        hint = nearest(wanted.operation, operations)
        raise InputError(
            f"condition [{wanted.text}]: the runs have no {wanted.figure} of [{wanted.operation}] in common{hint}; "
            f"operations: {', '.join(operations)}"
        )
    return figure.comparison if isinstance(figure, FigureAnswer) else None


def _notes(names: Sequence[str], read: Sequence[Manifest], reports: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What makes the figures of the runs doubtful."""
    for name, manifest, report in zip(names, read, reports, strict=True):
        verdict = (report.get("verdict") or {}).get("verdict")
        failures = int(number((report.get("total") or {}).get("failures")) or 0)
        if verdict != VALID:
            yield f"Run {name} is {verdict}: see its report before you rely on the ratios."
        if failures:
            yield f"Run {name} has {failures:,} failed operations; they are in no figure here."
        if not manifest.present:
            yield f"Run {name} has no manifest, so its settings and versions are not known."
    clocks = {(report.get("total") or {}).get("clock") for report in reports}
    if len(clocks) > 1:
        yield "The runs' latencies are of different clocks (service and response time)."


def _left_out(found: PairedFigures) -> Iterator[str]:
    figures: dict[str, list[str]] = {}
    for each in found.missing:
        if not each.values:
            figures.setdefault(each.operation, []).append(each.figure)
    for operation, names in figures.items():
        which = "all figures" if len(names) == len(FIGURES) else ", ".join(names)
        yield f"Not compared: {which} of {operation}, because a run has none, or none above 0."
