"""What the pages of runs and of experiments have in common: templates, charts and the script that draws them."""

import functools
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import jinja2
from markupsafe import Markup

from reporting.render import cache
from reporting.render.chart import Figure
from reporting.render.figure_options import AS_IT_IS, Look
from reporting.render.report_tables import Table


def fill(template: str, figures: Sequence[Figure], /, looks: Mapping[str, Look] | None = None, **values: Any) -> str:
    """Return the template's HTML with these values, escaped, and the charts.

    `looks` say how figures are to look that are not to look as they do.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reporting.render", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"units": units, "sentences": sentences}
    specs = {figure.slug: figure.page_spec((looks or {}).get(figure.slug, AS_IT_IS)) for figure in figures}
    return environment.get_template(template).render(
        specs=_script_json(sharing(specs)),
        bundle=Markup(_bundle()) if specs else "",
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        version=_version(),
        **values,
    )


def present(*tables: Table | None) -> list[Table]:
    """Return the tables that there are."""
    return [table for table in tables if table is not None]


def units(value: str) -> str:
    """The text with no line break between a number and its unit."""
    return re.sub(r"(\d) (?=(%|ms|s|min|h)(?!\w))", "\\1\N{NO-BREAK SPACE}", value)


def sentences(value: str) -> list[str]:
    """The sentences of a text, to be shown below each other."""
    return re.split(r"(?<=\.) (?=[A-Z])", value)


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
