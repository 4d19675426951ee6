"""Writes an overlay: several runs of a results folder on one page."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from reporting.comparing import finished
from reporting.errors import InputError, ReportingError
from reporting.read import manifest as manifests
from reporting.render import overlaid_run, overlay_page, whole_files
from reporting.render.overlaid_run import OverlaidRun
from reporting.render.screen_table import aligned
from reporting.verdict.judged_run import judge_run

MOST_RUNS: Final = 50
OVERLAY: Final = "overlay.html"
MOST_CHARACTERS: Final = 4_900_000  # of the page
_MOST_OPERATIONS: Final = (6, 3, 1, 0)  # with charts of their own; fewer in a page that would be too large
_POINTS: Final = 6000  # of a line over time, of all runs together
_LEAST_POINTS: Final = 100


def overlay(
    results_dir: Path, run_ids: Sequence[str], labels: Sequence[str] = (), output: Path | None = None
) -> list[str]:
    """Write the page of these runs, and return the lines for a terminal.

    `labels` are one for each run, in their order; runs of the same label have one colour. Without them, a run has the
    label that it was run with, otherwise its id. `output` is the file, by default `overlay.html` of the results folder.
    Raises InputError for runs that cannot be shown together, and ReportingError when the page cannot be written.
    """
    if len(run_ids) < 2 or len(run_ids) > MOST_RUNS:
        raise InputError(f"an overlay of [{len(run_ids)}] runs cannot be made; name 2 to {MOST_RUNS} runs")
    if labels and len(labels) != len(run_ids):
        raise InputError(f"[{len(labels)}] labels do not fit [{len(run_ids)}] runs; give one --label for each run")
    page = output or results_dir / OVERLAY
    if page.is_dir():
        raise InputError(f"output [{page}] is a folder; name a file")
    folders = finished(results_dir, run_ids)
    runs = _read(folders, labels)
    if not any(row.operations for run in runs for row in run.rows):
        raise InputError("none of the runs has a successful operation; `fab report --run ID` shows what a run has")
    for most_operations in _MOST_OPERATIONS:
        content = overlay_page.render(runs, page.parent, most_operations)
        if len(content) <= MOST_CHARACTERS:
            break
    _write(page, content)
    return [*_table(runs), "", *overlay_page.notes(runs, most_operations), f"Overlay:  {page}"]


def _read(folders: Sequence[Path], given: Sequence[str]) -> list[OverlaidRun]:
    """Read one run after the other, because a long one needs much memory."""
    known = [manifests.read(folder) for folder in folders]  # checks all of them before the first is read
    labels = list(given) or [manifest.label or folder.name for manifest, folder in zip(known, folders, strict=True)]
    points = max(_LEAST_POINTS, min(300, _POINTS // len(folders)))
    runs, seen = [], Counter[str]()
    for folder, label in zip(folders, labels, strict=True):
        seen[label] += 1
        name = f"{label} #{seen[label]}" if labels.count(label) > 1 else label
        runs.append(overlaid_run.build(judge_run(folder), name, label, points))
    return runs


def _table(runs: Sequence[OverlaidRun]) -> list[str]:
    head = ("label", "run", "verdict", *(name.lower().replace(" (", " ").strip(")") for name in overlay_page.FIGURES))
    clock = overlay_page.shared_clock(runs)
    rows = [(run.name, run.run_id, run.verdict, *overlay_page.cells(run.rows[0], clock)) for run in runs]
    return aligned(head, rows, left=set(head[:3]))


def _write(page: Path, content: str) -> None:
    try:
        whole_files.write(page.parent, {page.name: content})
    except OSError as error:
        raise ReportingError(
            f"the overlay cannot be written to [{page}] ({error.strerror}): see the folder's owner and the "
            "free disk space"
        ) from error
