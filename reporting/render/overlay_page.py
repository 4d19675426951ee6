"""Several runs on one self-contained HTML page: figures, what differs, and charts that show all of them together."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from reporting import text
from reporting.analyse import clocks, run_differences
from reporting.analyse.headline import TOTAL, Row
from reporting.render import html_page, overlay_charts
from reporting.render.overlaid_run import OverlaidRun, latencies_of
from reporting.render.report_files import PAGE
from reporting.render.report_tables import Table
from zk_locust.contract.clock_names import RESPONSE, SERVICE
from zk_locust.contract.verdicts import VALID

FIGURES: Final = ("Operations", "Rate (1/s)", "Mean (ms)", "p50 (ms)", "p95 (ms)", "p99 (ms)", "p99.9 (ms)", "Failures")


@dataclass(frozen=True, slots=True)
class _RunRow:
    name: str
    run_id: str
    link: str
    verdict: str
    cells: tuple[str, ...]


def shared_clock(runs: Sequence[OverlaidRun]) -> str:
    """The clock of the latencies: response time where all runs have it, otherwise service time."""
    return RESPONSE if all(RESPONSE in run.clocks for run in runs) else SERVICE


def render(runs: Sequence[OverlaidRun], folder: Path, most_operations: int) -> str:
    """The page's HTML, for a file in `folder`: its links to the reports of the runs are relative.

    At most `most_operations` have charts of their own.
    """
    clock = shared_clock(runs)
    figures = overlay_charts.build(runs, clock, most_operations)
    labels = list(dict.fromkeys(run.label for run in runs))
    return html_page.fill(
        "overlay.html.j2",
        figures,
        figures=figures,
        labels=labels,
        head=FIGURES,
        with_ids=any(run.name != run.run_id for run in runs),
        runs=[
            _RunRow(run.name, run.run_id, _link(run, folder), run.verdict, cells(run.rows[0], clock)) for run in runs
        ],
        note=f"Latencies are {clocks.NAMES[clock]}s of successful operations; failures are counted separately.",
        notes=list(notes(runs, most_operations)),
        differences=_differences(runs, labels),
        same="The manifests have the same settings and versions." if any(run.manifest.present for run in runs) else "",
        by_operation=_by_operation(runs, clock),
    )


def cells(row: Row, clock: str) -> tuple[str, ...]:
    """The cells of `FIGURES`."""
    found = latencies_of(row, clock)
    latencies = (found.mean_us, found.p50_us, found.p95_us, found.p99_us, found.p999_us)
    return (
        text.count(row.operations),
        text.rate(row.rate_per_s),
        *map(text.latency_ms, latencies),
        text.count(row.failures),
    )


def notes(runs: Sequence[OverlaidRun], most_operations: int) -> Iterator[str]:
    """What a reader must know before comparing."""
    for run in runs:
        if run.verdict != VALID:
            yield f"{run.name} is {run.verdict}: see its report."
        if not run.manifest.present:
            yield f"{run.name} has no manifest, so its settings and versions are not known."
        if not len(run.curves):
            yield f"{run.name} has no distributions, so it is in no chart."
        if run.problems:
            yield f"{run.name} could not be read completely: {text.some(run.problems, 3)}"
    yield from _doubtful_figures(runs)
    if len({run.clocks for run in runs if run.clocks}) > 1:
        yield "Not all runs have response times, so service times are shown for all."
    shared = overlay_charts.operations(runs)
    if len(shared) > max(1, most_operations):
        which = f"only the first {most_operations}" if most_operations else "none"
        yield f"Of {len(shared)} operations, {which} have charts of their own, so that the page stays small."


def _doubtful_figures(runs: Sequence[OverlaidRun]) -> Iterator[str]:
    """The figures of valid runs that are not valid themselves."""
    names: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        for each in run.figures if run.verdict == VALID else ():
            if each.verdict != VALID:
                names.setdefault((f"{each.figure} of {each.operation}", each.verdict), []).append(run.name)
    for (figure, verdict), found in names.items():
        yield f"{figure} is {verdict} in {text.some(found, 6)}: see the report{'' if len(found) == 1 else 's'}."


def _link(run: OverlaidRun, folder: Path) -> str:
    report = run.path / PAGE
    return quote(os.path.relpath(report, folder.resolve())) if report.exists() else ""


def _differences(runs: Sequence[OverlaidRun], labels: Sequence[str]) -> Table | None:
    sides = {label: [run.manifest for run in runs if run.label == label and run.manifest.present] for label in labels}
    known = [label for label in labels if sides[label]]
    found = run_differences.between([sides[label] for label in known])
    rows = tuple((each.name, *each.values) for each in found)
    note = "Found from the manifests."
    if len(known) < len(runs):
        note += " A column is for all runs of a label; where they have several values, all are named."
    return Table("What differs", ("Setting or version", *known), rows, len(known) + 1, note=note) if rows else None


def _by_operation(runs: Sequence[OverlaidRun], clock: str) -> Table | None:
    names = sorted({row.operation for run in runs for row in run.rows} - {TOTAL})
    if len(names) < 2:
        return None
    rows = tuple(
        (name, run.name, *cells(row, clock)) for name in names for run in runs if (row := run.row(name)) is not None
    )
    return Table("By operation", ("Operation", "Label", *FIGURES), rows, 2)
