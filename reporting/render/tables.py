"""The summary of a run for a terminal."""

import textwrap
from pathlib import Path
from typing import Final

from reporting import text
from reporting.analyse import clocks
from reporting.analyse.headline import Row
from reporting.render import figure_verdicts
from reporting.render.screen_table import aligned
from reporting.verdict.judged_run import JudgedRun
from zk_locust.contract.clock_names import RESPONSE

SUMMARY_HEAD: Final = ("operation", "operations", "rate/s", "p50 ms", "p95 ms", "p99 ms", "p99.9 ms", "failures")
SERVICE_HEAD: Final = ("service p50", "service p99", "service p99.9")
WIDTH: Final = 100


def summary_cells(row: Row, *, both_clocks: bool) -> list[str]:
    """The cells of one operation, in the order of `SUMMARY_HEAD`; for both clocks those of `SERVICE_HEAD` too."""
    service = row.service if both_clocks else None
    beside = (service.p50_us, service.p99_us, service.p999_us) if service else ()
    return [
        row.operation,
        text.count(row.operations),
        text.rate(row.rate_per_s),
        *map(text.latency_ms, (row.p50_us, row.p95_us, row.p99_us, row.p999_us, *beside)),
        text.count(row.failures),
    ]


def summary(results: JudgedRun, report: Path | None) -> list[str]:
    """The lines shown when a run has ended: figures, verdict, reasons, and the path of the report.

    `report` is the path of the report's page, or None when there is none.
    """
    run, headline, verdict = results.run, results.headline, results.verdict
    scenario = run.manifest.scenario_name
    users = run.manifest.plan.users_in_words
    measured = f"{text.duration(headline.measured_s)} measured" if headline.measured_s else "nothing measured"
    about = ", ".join(part for part in (f"scenario {scenario}" if scenario else "", users, measured) if part)
    lines = [f"Run {run.run_id}: {about}", ""]
    # the total of one operation would repeat it
    rows = headline.rows if len(headline.rows) == 1 else (*headline.rows, headline.total)
    both_clocks = headline.total.clock == RESPONSE
    head = (*SUMMARY_HEAD[:-1], *(SERVICE_HEAD if both_clocks else ()), SUMMARY_HEAD[-1])
    cells = [summary_cells(row, both_clocks=both_clocks) for row in rows]
    lines += aligned(head, cells, left={"operation"}, total=True)
    lines += _beside(results)
    lines += ["", f"Verdict: {verdict.verdict}"]
    lines += [f"  {line}" for sentence in figure_verdicts.not_valid(results) for line in textwrap.wrap(sentence, WIDTH)]
    for reason in verdict.reasons:
        mark = "note: " if reason.severity == "note" else ""
        lines += textwrap.wrap(mark + reason.text, WIDTH, initial_indent="  - ", subsequent_indent="    ")
    lines += _consistency(results)
    if run.problems:
        lines += ["", "Not everything of this run could be read:"]
        for problem in run.problems:
            lines += textwrap.wrap(str(problem), WIDTH, initial_indent="  - ", subsequent_indent="    ")
    lines += ["", f"Report:  {report}" if report else "Report:  none yet; `fab report` writes it"]
    return lines


def _consistency(results: JudgedRun) -> list[str]:
    """What the check of the history has found."""
    found = results.consistency
    lines = ["", *textwrap.wrap(f"Consistency: {found.state}. {found.sentence}", WIDTH, subsequent_indent="  ")]
    for line in (*(f"{check}: {count:,} violations" for check, count in found.counts.items()), *found.notes):
        lines += textwrap.wrap(line, WIDTH, initial_indent="  - ", subsequent_indent="    ")
    return lines + [f"    {line}" for line in found.excerpt]


def _beside(results: JudgedRun) -> list[str]:
    """Which clock the latencies are of, and what became of the other operations; nothing for a run of older files."""
    if not clocks.is_recorded(results.run):
        return []
    headline, total = results.headline, results.headline.total
    lines = ["", headline.loop.capitalize() + (", and service time beside it" if total.clock == RESPONSE else "")]
    if headline.load is not None:
        load = headline.load
        lines.append(
            f"Offered {load.offered:,} ({text.rate(load.offered_per_s)}/s), missed {text.count(load.missed)}, "
            f"dropped {text.count(load.dropped)}"
        )
    longest = (
        ""
        if total.censored_max_us is None
        else f" (the longest had waited {text.latency_ms(total.censored_max_us)} ms)"
    )
    lines.append(f"Censored {total.censored:,}{longest}, suppressed failures {total.suppressed:,}")
    return lines
