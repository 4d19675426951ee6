"""The report as one self-contained HTML page: it needs no network and no other file."""

from collections.abc import Mapping, Sequence

from reporting import text
from reporting.analyse import clocks
from reporting.render import (
    cause_tables,
    clock_tables,
    figure_verdicts,
    html_page,
    machine_tables,
    recovery_tables,
    report_tables,
)
from reporting.render.chart import Figure
from reporting.render.figure_options import Look
from reporting.render.figure_verdicts import Badge
from reporting.render.html_page import present
from reporting.verdict.judged_run import JudgedRun


def render(
    judged: JudgedRun,
    figures: Sequence[Figure],
    *,
    with_files: bool = True,
    with_pdf: bool = False,
    looks: Mapping[str, Look] | None = None,
) -> str:
    """The page's HTML. `looks` say how figures are to look that are not to look as they do.

    `with_files` says whether the figures are files in `figures/` too, for links to them, and `with_pdf` whether as PDF.
    """
    manifest = judged.run.manifest
    groups = [
        (title, [figure for figure in figures if figure.group == group], present(*tables))
        for title, group, tables in (
            ("Faults", "faults", (recovery_tables.recoveries(judged), recovery_tables.costs(judged))),
            ("Load", "load", (clock_tables.all_clocks(judged),)),
            ("Load generator", "workers", (clock_tables.own_delay(judged),)),
            ("Ensemble", "members", (report_tables.member_rows(judged),)),
            ("Machines", "machines", (machine_tables.machines(judged), machine_tables.processes(judged))),
        )
    ]
    return html_page.fill(
        "report.html.j2",
        figures,
        looks=looks,
        run_id=judged.run.run_id,
        manifest=manifest,
        started=text.moment(manifest.started),
        verdict=judged.verdict,
        consistency=judged.consistency,
        meaning=report_tables.MEANING[judged.verdict.verdict],
        problems=[str(problem) for problem in judged.run.problems],
        loop_words=clock_tables.loop(judged),
        tiles=_tiles(judged),
        figure_reasons=figure_verdicts.explained(judged),
        headline=report_tables.headline(judged),
        results=present(clock_tables.outcomes(judged), report_tables.errors(judged)),
        why_sentence=cause_tables.sentence(judged.why),
        unknown=judged.why.unknown,
        why_tables=present(cause_tables.causes(judged.why), cause_tables.moments(judged.why)),
        groups=[group for group in groups if any(group[1:])],
        beside=[
            present(report_tables.scenario(judged), report_tables.versions(judged)),
            present(report_tables.parameters(judged), report_tables.phases(judged)),
        ],
        tables=present(report_tables.hosts(judged), report_tables.inventory(judged), report_tables.events(judged)),
        with_files=with_files,
        with_pdf=with_pdf,
    )


def _tiles(judged: JudgedRun) -> list[tuple[str, str, str, Badge | None]]:
    """Name, value, unit and verdict of the most important figures."""
    total = judged.headline.total
    clock = f" {clocks.NAMES[total.clock]}" if clocks.is_recorded(judged.run) else ""

    def badge(figure: str) -> Badge | None:
        return figure_verdicts.badge(judged, total.operation, figure, total.clock)

    return [
        ("Rate", text.rate(total.rate_per_s), "/s", badge("rate")),
        (f"p50{clock}", text.latency_ms(total.p50_us), "ms", badge("p50")),
        (f"p99{clock}", text.latency_ms(total.p99_us), "ms", badge("p99")),
        ("Failures", text.count(total.failures), f"of {total.operations + total.failures:,}", None),
        *((*tile, None) for tile in clock_tables.tiles(judged)),
    ]
