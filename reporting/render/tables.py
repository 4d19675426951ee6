"""The summary of a run for a terminal."""

import textwrap
from pathlib import Path
from typing import Final

from reporting import text
from reporting.analyse.headline import Row
from reporting.render.screen_table import aligned
from reporting.verdict.judged_run import JudgedRun

SUMMARY_HEAD: Final = ("operation", "operations", "rate/s", "p50 ms", "p95 ms", "p99 ms", "p99.9 ms", "failures")
WIDTH: Final = 100


def summary_cells(row: Row) -> list[str]:
    """The cells of one operation, in the order of `SUMMARY_HEAD`."""
    return [
        row.operation,
        text.count(row.operations),
        text.rate(row.rate_per_s),
        text.latency_ms(row.p50_us),
        text.latency_ms(row.p95_us),
        text.latency_ms(row.p99_us),
        text.latency_ms(row.p999_us),
        text.count(row.failures),
    ]


def summary(results: JudgedRun, report: Path | None) -> list[str]:
    """The lines shown when a run has ended: figures, verdict, reasons, and the path of the report.

    `report` is the path of the report's page, or None when there is none.
    """
    run, headline, verdict = results.run, results.headline, results.verdict
    scenario = run.manifest.scenario_name
    users = f"{run.manifest.plan.users:,} users" if run.manifest.plan.users is not None else ""
    measured = f"{text.duration(headline.measured_s)} measured" if headline.measured_s else "nothing measured"
    about = ", ".join(part for part in (f"scenario {scenario}" if scenario else "", users, measured) if part)
    lines = [f"Run {run.run_id}: {about}", ""]
    # the total of one operation would repeat it
    rows = headline.rows if len(headline.rows) == 1 else (*headline.rows, headline.total)
    lines += aligned(SUMMARY_HEAD, [summary_cells(row) for row in rows], left={"operation"}, total=True)
    lines += ["", f"Verdict: {verdict.verdict}"]
    for reason in verdict.reasons:
        mark = "note: " if reason.severity == "note" else ""
        lines += textwrap.wrap(mark + reason.text, WIDTH, initial_indent="  - ", subsequent_indent="    ")
    if run.problems:
        lines += ["", "Not everything of this run could be read:"]
        for problem in run.problems:
            lines += textwrap.wrap(str(problem), WIDTH, initial_indent="  - ", subsequent_indent="    ")
    lines += ["", f"Report:  {report}" if report else "Report:  none yet; `fab report` writes it"]
    return lines
