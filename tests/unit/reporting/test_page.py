"""The page stands alone, escapes what it is given, and tells the important things first."""

import itertools
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from reporting import judge_run
from reporting.render import chart_list, html_page, markdown, page
from reporting.render.chart import Figure
from reporting.verdict.judged_run import JudgedRun
from tests.unit.reporting.synthetic import Synthetic

HOSTILE = "</script><script>alert(1)</script><!-- \u2028 & \"'"
PLACES = ("label", "operation", "reason", "host", "event")


class Elements(HTMLParser):
    """Collects elements outside of scripts."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._in_script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._in_script = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if not self._in_script:
            self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.found if found == tag]


def rendered(found: JudgedRun) -> str:
    return page.render(found, chart_list.build(found))


@pytest.fixture(scope="module")
def html(troubled: JudgedRun, drawn: list[Figure], specs: dict[str, dict[str, Any]]) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "page_spec", lambda figure, _: specs[figure.slug])  # seconds that others have spent
        return page.render(troubled, drawn)


@pytest.fixture(scope="module")
def elements(html: str) -> Elements:
    return Elements(html)


def test_the_page_loads_nothing(html: str, elements: Elements) -> None:
    assert not [script for script in elements.of("script") if "src" in script]
    assert [link["href"] for link in elements.of("link")] == ["data:,"]
    assert elements.of("img") == elements.of("iframe") == []
    outside = [a["href"] for a in elements.of("a") if not (a["href"] or "").startswith(("figures/", "#"))]
    assert outside == []
    assert "@import" not in html
    assert "url(" not in html[: html.index("<script>")]
    policy = next(meta["content"] for meta in elements.of("meta") if meta.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_one_bundle_serves_all_charts(html: str, elements: Elements, drawn: list[Figure]) -> None:
    assert len(elements.of("script")) == 3
    assert len(html) < 1_200_000
    charts = [div["data-chart"] for div in elements.of("div") if "data-chart" in div]
    assert charts == [figure.slug for figure in drawn]


def test_verdict_then_results_then_charts_then_setup(elements: Elements) -> None:
    order = [
        "Verdict: inconclusive",
        "Results",
        "Errors",
        "Load\n",
        "Load generator",
        "Ensemble",
        "Machines\n",
        "Machines in the measured stage",
        "Processes in the measured stage",
        "What was run, and on what",
    ]
    places = [elements.text.index(heading) for heading in order]
    assert places == sorted(places)
    assert "160 of " in elements.text
    assert "OperationTimeout" in elements.text


def test_every_chart_has_words_and_every_table_has_headers(elements: Elements) -> None:
    charts = [div for div in elements.of("div") if "data-chart" in div]
    assert all(chart["role"] == "img" and len(chart["aria-label"] or "") > 40 for chart in charts)
    assert {th["scope"] for th in elements.of("th")} == {"col", "row"}
    assert len(elements.of("caption")) == len(elements.of("table"))
    assert elements.of("html")[0]["lang"] == "en"
    levels = [int(tag[1]) for tag, _ in elements.found if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_settings_machines_versions_and_events_are_told(elements: Elements) -> None:
    for fact in (
        "--val-size",
        "Synthetic CPU",
        "2.47.0",
        "locust_processes",
        "provision",
        "worker-lost",
        "16 s",
        "leader",
    ):
        assert fact in elements.text, fact


def test_secrets_are_hidden_everywhere(html: str, troubled: JudgedRun) -> None:
    assert "user=a" not in html
    assert "(secret)" in html
    assert "user=a" not in markdown.render(troubled, [])


def hostile(where: str) -> str:
    """What would run, or end what it stands in, if it were markup; it tells from where it is."""
    return HOSTILE.replace("alert(1)", f"alert({PLACES.index(where)})")


def test_nothing_from_a_run_becomes_markup(tmp_path: Path) -> None:
    load = Synthetic(run_time_s=5, operations={hostile("operation"): 50.0})
    label, reason, host = hostile("label"), hostile("reason"), hostile("host")
    load.manifest = {
        "label": label,
        "scenario": {"name": label, "description": label},
        "state": "failed",
        "reason": reason,
        "run_id": reason,
        "hosts": {host: {"kernel": host, "not_sampled": host}},
        "inventory": {"groups": {host: [host]}, "hosts": {host: {host: host}}},
    }
    run = load.write(tmp_path / "run")
    with (run / "events.csv").open("a") as file:
        file.write(f'2026-11-24T03:15:00+00:00,master,note,x,"{hostile("event").replace(chr(34), chr(34) * 2)}",,\n')
    evaluated = judge_run(run)
    drawn = chart_list.build(evaluated)
    html = page.render(evaluated, [figure for figure in drawn if figure.slug in ("rate", "machine-cpu")])
    assert html.count("<script") == 3
    specs = html[html.index('id="specs">') : html.index("</script>", html.index('id="specs">'))]
    assert "<" not in specs.removeprefix('id="specs">')
    assert "alert(1)" in specs
    for number, where in enumerate(PLACES):
        assert f"alert({number})" in html, where
        assert f"<script>alert({number})" not in html, where
        assert f"alert({number})</script>" not in html, where


def test_what_could_not_be_read_stands_below_the_verdict(tmp_path: Path) -> None:
    run = Synthetic(run_time_s=5).write(tmp_path / "run")
    (run / "zk-metrics.csv").unlink()
    evaluated = judge_run(run)
    found = Elements(page.render(evaluated, chart_list.build(evaluated)[:1]))
    assert "zk-metrics.csv: is missing: the members' metrics are not known" in found.text
    assert "Members during the load" not in found.text
    assert found.text.index("Verdict") < found.text.index("zk-metrics.csv: is missing") < found.text.index("Rate (1/s)")


def test_a_run_without_anything_still_has_a_page(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    html = rendered(judge_run(tmp_path))
    assert "Verdict: void" in html
    assert len(html) < 40_000  # without charts the page carries no bundle


def test_a_number_stays_with_its_unit() -> None:
    assert html_page.units("90 % in 18 of 20 s, 3 members") == "90\u00a0% in 18 of 20\u00a0s, 3 members"


def test_each_sentence_of_an_answer_stands_by_itself() -> None:
    text = "First write: 0.65 s with 3.8.0 (p50. 2); 0.76 s. Next: 11.8 s."
    assert html_page.sentences(text) == ["First write: 0.65 s with 3.8.0 (p50. 2); 0.76 s.", "Next: 11.8 s."]


def test_markdown_tells_the_same_facts(troubled: JudgedRun, drawn: list[Figure]) -> None:
    text = markdown.render(troubled, drawn)
    assert text.index("**Verdict: inconclusive.**") < text.index("## Results") < text.index("## Charts")
    for figure in drawn:
        assert f"](figures/{figure.slug}.png)" in text
    assert text.count("| ---") >= 8
    members, machines, processes = (text.index(f"## {of} ") for of in ("Members during", "Machines in", "Processes in"))
    assert members < machines < processes
    rows = [line for line in text.splitlines() if line.startswith("| get ")]
    assert len(rows) == 1
    assert rows[0].count(" | ") == 9


def test_markdown_tables_survive_any_text() -> None:
    assert markdown.escaped("a|b\nc *d* <e> `f`") == "a\\|b c \\*d\\* \\<e\\> \\`f\\`"
