"""Compares finished runs of a results folder in pairs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reporting.analyse import compared_figures
from reporting.analyse.compared_figures import COMPARED, ComparedFigure
from reporting.analyse.fail_if import FailIf
from reporting.errors import InputError
from reporting.read.parsing import number
from reporting.render.compared_runs import ComparedRuns
from reporting.runs import report_of, resolve
from zk_locust.contract.nearest_name import nearest
from zk_locust.contract.run_files import UNFINISHED


def compare(
    results_dir: Path, baseline: Sequence[str], candidate: Sequence[str], conditions: Sequence[str] = ()
) -> ComparedRuns:
    """Compare runs by id; the first of each side are a pair, and so on.

    Raises InputError for runs that cannot be compared, and for conditions that cannot be read or checked.
    """
    wanted = [FailIf.parse(each) for each in conditions]
    for each in wanted:
        if each.figure not in COMPARED:
            hint = nearest(each.figure, COMPARED)
            raise InputError(
                f"condition [{each.text}]: no figure [{each.figure}]{hint}; known figures: {', '.join(COMPARED)}"
            )
    first, second = ([part.strip() for part in side if part.strip()] for side in (baseline, candidate))
    if not first or len(first) != len(second):
        raise InputError(
            f"[{len(first)}] runs cannot be paired with [{len(second)}]; name as many candidates as baselines"
        )
    folders = resolve(results_dir, [*first, *second])
    _refuse(folders)
    reports = [report_of(folder) for folder in folders]
    figures = compared_figures.build(reports[: len(first)], reports[len(first) :])
    if not figures:
        raise InputError("the runs have no figure in common; `fab report --run ID` shows what a run has")
    by_name = {(each.operation, each.figure): each for each in figures}
    names = tuple(folder.name for folder in folders)
    return ComparedRuns(
        names[: len(first)],
        names[len(first) :],
        figures,
        tuple((each, each.check(_find(by_name, each).comparison)) for each in wanted),
        tuple(note for name, report in zip(names, reports, strict=True) for note in _notes(name, report))
        + _clock_note(reports),
    )


def _refuse(folders: Sequence[Path]) -> None:
    for folder in folders:
        if folders.count(folder) > 1:
            raise InputError(f"run [{folder.name}] is named twice; a comparison needs different runs")
        if folder.parent.name == UNFINISHED:
            raise InputError(
                f"run [{folder.name}] is unfinished; finish it with `ansible-playbook playbooks/collect.yml`"
            )


def _find(figures: dict[tuple[str, str], ComparedFigure], wanted: FailIf) -> ComparedFigure:
    found = figures.get((wanted.operation, wanted.figure))
    if found is None:
        operations = sorted({operation for operation, _ in figures})
        hint = nearest(wanted.operation, operations)
        raise InputError(
            f"condition [{wanted.text}]: the runs have no {wanted.figure} of [{wanted.operation}] in common{hint}; "
            f"operations: {', '.join(operations)}"
        )
    return found


def _notes(name: str, report: dict[str, Any]) -> list[str]:
    """What makes the figures of a run doubtful."""
    verdict = (report.get("verdict") or {}).get("verdict")
    failures = int(number((report.get("total") or {}).get("failures")) or 0)
    return [
        *([f"Run {name} is {verdict}: see its report before you rely on the ratios."] if verdict != "valid" else []),
        *([f"Run {name} has {failures:,} failed operations; they are in no figure here."] if failures else []),
    ]


def _clock_note(reports: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    clocks = {(report.get("total") or {}).get("clock") for report in reports}
    return ("The runs' latencies are of different clocks (service and response time).",) if len(clocks) > 1 else ()
