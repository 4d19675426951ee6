"""The report as one self-contained HTML page: it needs no network and no other file."""

import functools
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import jinja2
from markupsafe import Markup

from reporting import text
from reporting.analyse import clocks
from reporting.render import cache, cause_tables, clock_tables, figure_verdicts, machine_tables, report_tables
from reporting.render.chart import Figure
from reporting.render.figure_verdicts import Badge
from reporting.render.report_tables import Table
from reporting.verdict.judged_run import JudgedRun


def render(judged: JudgedRun, figures: Sequence[Figure], *, with_files: bool = True) -> str:
    """The page's HTML; `with_files` says whether the figures are files in `figures/` too, for links to them."""
    manifest = judged.run.manifest
    groups = [
        (title, [figure for figure in figures if figure.group == group], _present(*tables))
        for title, group, tables in (
            ("Load", "load", (clock_tables.all_clocks(judged),)),
            ("Load generator", "workers", (clock_tables.own_delay(judged),)),
            ("Ensemble", "members", (report_tables.member_rows(judged),)),
            ("Machines", "machines", (machine_tables.machines(judged), machine_tables.processes(judged))),
        )
    ]
    return complete(
        "report.html.j2",
        figures,
        run_id=judged.run.run_id,
        manifest=manifest,
        started=text.moment(manifest.started),
        verdict=judged.verdict,
        meaning=report_tables.MEANING[judged.verdict.verdict],
        problems=[str(problem) for problem in judged.run.problems],
        loop_words=clock_tables.loop(judged),
        tiles=_tiles(judged),
        figure_reasons=figure_verdicts.explained(judged),
        headline=report_tables.headline(judged),
        results=_present(clock_tables.outcomes(judged), report_tables.errors(judged)),
        why_sentence=cause_tables.sentence(judged.why),
        unknown=judged.why.unknown,
        why_tables=_present(cause_tables.causes(judged.why), cause_tables.moments(judged.why)),
        groups=[group for group in groups if any(group[1:])],
        beside=[
            _present(report_tables.scenario(judged), report_tables.versions(judged)),
            _present(report_tables.parameters(judged), report_tables.phases(judged)),
        ],
        tables=_present(report_tables.hosts(judged), report_tables.inventory(judged), report_tables.events(judged)),
        with_files=with_files,
    )


def complete(template: str, figures: Sequence[Figure], **content: Any) -> str:
    """A page from one of the templates: its content, its charts, and what every page says of itself."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reporting.render", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["units"] = units
    specs = {figure.slug: figure.page_spec() for figure in figures}
    return environment.get_template(template).render(
        **content,
        figures=figures,
        specs=_script_json(sharing(specs)),
        bundle=Markup(_bundle()) if specs else "",
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        version=_version(),
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


def units(value: str) -> str:
    """The text with no line break between a number and its unit."""
    return re.sub(r"(\d) (?=(%|ms|s|min|h)(?!\w))", "\\1\N{NO-BREAK SPACE}", value)


def _present(*tables: Table | None) -> list[Table]:
    return [table for table in tables if table is not None]


def sharing(specs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The charts by their names, and their data once: each chart lists the names of its data."""
    data: dict[str, Any] = {}
    charts = {}
    for name, spec in specs.items():
        data |= spec.get("datasets", {})
        charts[name] = spec | {"datasets": list(spec.get("datasets", {}))}
    return {"charts": charts, "data": data}


def _script_json(value: Any) -> Markup:
    """JSON for a script element: nothing in it can end the element or begin a comment."""
    found = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        found = found.replace(character, f"\\u{ord(character):04x}")
    return Markup(found)


@functools.cache
def _bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script, shared by all charts of all pages of this process.

    Making it takes longer than all charts of a page, so it is cached for each release of vl-convert.
    """
    found = cache.text(f"vega-{metadata.version('vl-convert-python')}.js", _make_bundle)
    return found.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _make_bundle() -> str:
    import vl_convert

    return str(vl_convert.javascript_bundle())  # type: ignore[call-arg]  # its stub lacks the default


def _version() -> str:
    try:
        return metadata.version("zk-locust")
    except metadata.PackageNotFoundError:
        return ""
