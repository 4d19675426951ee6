"""Open loop in the report: clocks, offered load, censored operations and the heat map, and the verdict of each figure.

The load is simulated, so that everything about it is known.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import vl_convert

from reporting import judge_run, summary
from reporting.analyse import clocks, series
from reporting.analyse.headline import TOTAL
from reporting.render import (
    chart_list,
    clock_tables,
    count_drawing,
    drawing,
    figure_verdicts,
    markdown,
    page,
    report_tables,
    theme,
)
from reporting.render.chart import Figure
from reporting.verdict.evidence import Reason, inconclusive, note
from reporting.verdict.judged_run import JudgedRun
from tests.unit.reporting.open_loop import Simulated
from tests.unit.reporting.synthetic import Synthetic


@pytest.fixture(scope="module")
def stalled(tmp_path_factory: pytest.TempPathFactory) -> JudgedRun:
    """Open loop, 400/s; the server is stopped from 18 to 21 s."""
    return judge_run(Simulated().write(tmp_path_factory.mktemp("results") / "stalled"))


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> JudgedRun:
    """Open loop; one of two workers is missing for 5 s, and the server is stopped when the measured stage ends."""
    load = Simulated(stopped=(33.0, 40.0), missing=(10.0, 15.0), suppressed=1)
    return judge_run(load.write(tmp_path_factory.mktemp("results") / "cut"))


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> JudgedRun:
    """Closed loop with a client that cannot tell when a reply arrived."""
    load = Simulated(open_loop=False, sessions=8, clients_delay=False, stopped=(33.5, 40.0))
    return judge_run(load.write(tmp_path_factory.mktemp("results") / "closed"))


@pytest.fixture(scope="module")
def figures_of(stalled: JudgedRun, cut: JudgedRun, closed: JudgedRun) -> dict[str, dict[str, Figure]]:
    runs = {"stalled": stalled, "cut": cut, "closed": closed}
    return {name: {figure.slug: figure for figure in chart_list.build(run)} for name, run in runs.items()}


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> JudgedRun:
    """A run whose files an older version wrote."""
    return judge_run(Synthetic(older=True).write(tmp_path_factory.mktemp("results") / "older"))


def loaded(judged: JudgedRun) -> series.LoadSeries:
    return series.load_series(judged.run, judged.timeline)


def html_of(judged: JudgedRun) -> str:
    return page.render(judged, [])


def judged_anew(judged: JudgedRun, reasons: Mapping[tuple[str, str], tuple[Reason, ...]]) -> JudgedRun:
    """The run, with all its figures valid but those of these operations and names."""
    figures = []
    for figure in judged.figures:
        found = reasons.get((figure.operation, figure.figure), ())
        grave = any(reason.severity == "inconclusive" for reason in found)
        figures.append(replace(figure, verdict="inconclusive" if grave else "valid", reasons=found))
    return replace(judged, figures=tuple(figures))


def test_offered_load_over_time_adds_up_to_what_was_offered(cut: JudgedRun) -> None:
    found = clocks.offered(cut.run, cut.timeline)
    lengths = {each.middle_s: each.length_s for each in loaded(cut).bins}
    measured = found[(found["time_s"] > 5) & (found["time_s"] < 35)]
    counts = (measured["per_s"] * measured["time_s"].map(lengths)).groupby(measured["series"]).sum().round()
    load = cut.headline.load
    assert load is not None
    assert counts.to_dict() == {
        "offered": 12_000,
        "achieved": cut.headline.total.operations,
        "missed": load.missed,
        "dropped": load.dropped,
    }
    missing = found[(found["series"] == "missed") & (found["per_s"] > 0)]
    assert (missing["time_s"].min(), missing["time_s"].max()) == (10.5, 14.5)


def test_the_queue_is_what_was_due_and_not_sent(stalled: JudgedRun) -> None:
    found = clocks.queued(stalled.run, stalled.timeline).set_index("time_s")["value"]
    assert found.idxmax() == 20.5
    assert found.max() == pytest.approx(3 * 400 - 32, abs=40)
    assert found[21.5] == 0


def test_the_heat_map_counts_each_operation_once_by_response_time(stalled: JudgedRun) -> None:
    found = clocks.heat_map(loaded(stalled), "response")
    assert found is not None
    assert found.cells["count"].sum() == sum(line.distribution.requests for line in stalled.run.distributions)
    slow = found.cells[found.cells["row"] >= 60]  # a second and more
    assert slow["count"].sum() == pytest.approx(2 * 400, rel=0.05)
    assert set(slow["start_s"]) == {21.0}
    service = clocks.heat_map(loaded(stalled), "service")
    assert service is not None
    assert service.cells[service.cells["row"] >= 60]["count"].sum() == 32  # those that were under way
    assert clocks.heat_map(loaded(stalled), "censored") is None


def test_the_heat_map_of_a_long_run_stays_small(tmp_path: Path) -> None:
    run = Simulated(rate_per_s=60, stopped=(0, 0), interval_s=0.1).write(tmp_path / "run")
    judged = judge_run(run)
    found = clocks.heat_map(loaded(judged), "response")
    assert found is not None
    assert found.cells["start_s"].nunique() <= 160
    assert found.cells["count"].sum() == sum(line.distribution.requests for line in judged.run.distributions)
    warm_up = found.cells[found.cells["start_s"] < 5]
    assert warm_up["end_s"].max() <= 5  # a column lies within one stage
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clocks, "MAX_CELLS", 300)
        fewer = clocks.heat_map(loaded(judged), "response")
    assert fewer is not None
    assert len(fewer.cells) <= 300 < len(found.cells)
    assert fewer.cells["count"].sum() == found.cells["count"].sum()


def test_censored_waiting_times_are_all_drawn(cut: JudgedRun) -> None:
    found = clocks.censored(cut.headline.distributions[TOTAL])
    assert found["count"].sum() == cut.headline.total.censored == 32
    assert found["high_s"].max() == pytest.approx(2.0, abs=0.1)
    assert ((found["high_s"] - found["low_s"]).round(6) == 0.1).all()


def test_own_delays_are_those_of_the_end_of_the_measured_stage(closed: JudgedRun) -> None:
    found = clocks.own_delays(closed.run, closed.timeline)
    assert [delay.worker for delay in found] == ["load1/worker-1", "load1/worker-2"]
    rows = closed.run.stats[(closed.run.stats["stage"] == "measured") & (closed.run.stats["worker"] == found[0].worker)]
    assert found[0].lateness_us["p99_us"] == rows["lateness_p99_us"].iloc[-1]
    assert found[0].gc_share == pytest.approx(rows["gc_ms"].sum() / 30_000)


def test_older_files_tell_no_clocks(older: JudgedRun, closed: JudgedRun) -> None:
    assert not clocks.is_recorded(older.run)
    assert clocks.is_recorded(closed.run)


def test_an_open_loop_has_the_charts_of_all_clocks(figures_of: dict[str, dict[str, Figure]]) -> None:
    load = [slug for slug, figure in figures_of["stalled"].items() if figure.group == "load"]
    assert load == [
        *("offered", "queued", "rate", "latency", "latency-get", "latency-set", "heat-map", "distribution", "clocks"),
        *("service", "slip", "client-delay"),
    ]
    assert "censored" in figures_of["cut"]
    assert "worker-lateness" in figures_of["stalled"]
    assert figures_of["stalled"]["latency"].title == "Response time over time: all operations"
    assert "None was missed or dropped." in figures_of["stalled"]["offered"].caption
    assert figures_of["cut"]["offered"].title.startswith("Offered and achieved load, missed, dropped:")


def test_a_closed_loop_leaves_out_what_does_not_exist(figures_of: dict[str, dict[str, Figure]]) -> None:
    load = [slug for slug, figure in figures_of["closed"].items() if figure.group == "load"]
    assert load == ["rate", "latency", "latency-get", "latency-set", "heat-map", "distribution", "censored"]
    assert figures_of["closed"]["latency"].title == "Service time over time: all operations"


def test_every_new_chart_can_be_drawn_and_is_described(figures_of: dict[str, dict[str, Figure]]) -> None:
    new = ("offered", "queued", "heat-map", "clocks", "slip", "client-delay", "censored", "worker-lateness")
    for slug in new:
        figure = figures_of["cut" if slug in ("censored", "offered") else "stalled"][slug]
        svg = vl_convert.vegalite_to_svg(figure.file_spec("label, run"))
        assert figure.title in svg
        assert figure.caption.endswith(".")
        assert len(figure.description) > 60
        assert "nan" not in figure.description
        json.dumps(figure.page_spec(), allow_nan=False)


def test_the_classes_of_a_heat_map_hold_every_count(figures_of: dict[str, dict[str, Figure]]) -> None:
    for most in (1, 2, 3, 9, 88, 1000, 123_456):
        classes = count_drawing.count_classes(most)
        assert len(classes) <= len(theme.CLASSES)
        assert [end for end, _ in classes] == sorted({end for end, _ in classes})
        assert classes[-1][0] == most
        assert classes[0][0] >= 1
        assert classes[0][1].startswith("1")
    spec = figures_of["stalled"]["heat-map"].page_spec()
    colour = next(layer["encoding"]["color"] for layer in spec["layer"] if "color" in layer["encoding"])
    assert len(colour["scale"]["domain"]) == len(set(colour["scale"]["range"])) >= 3
    cells = next(rows for rows in spec["datasets"].values() if "k" in rows[0])
    assert set(cells[0]) == {"s", "e", "k", "n"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.026, 0.07], (0.02, 0.1)), ([0.5, 0.5], (0.2, 1.0)), ([3.0, 17.0], (2.0, 20.0)), ([1.0, 100.0], (0.85, 120.0))],
)
def test_a_narrow_logarithmic_domain_begins_and_ends_with_a_tick(
    values: list[float], expected: tuple[float, float]
) -> None:
    assert drawing.round_log_domain(pd.Series(values)) == pytest.approx(expected)


def test_response_and_service_time_stand_side_by_side(stalled: JudgedRun) -> None:
    table = report_tables.headline(stalled)
    total = dict(zip(table.head, table.rows[-1], strict=True))
    assert float(total["Response p99 (ms)"].replace(",", "")) > 2600
    assert float(total["Service p99 (ms)"].replace(",", "")) < 5
    assert len({len(row) for row in (table.head, *table.rows)}) == 1


def test_a_closed_loop_says_so_and_an_older_run_looks_as_before(closed: JudgedRun, older: JudgedRun) -> None:
    html = html_of(closed)
    assert "Closed loop: service time." in html
    assert "The client kazoo cannot tell when a reply reached the machine" in html
    assert "p99 service time" in html
    for absent in ("Response p99", "Offered", "missed", "Client delay"):
        assert absent not in html, absent
    assert "closed loop: service time" in "\n".join(summary(closed, None)).lower()
    old = html_of(older)
    for absent in ("Closed loop", "Censored", "Suppressed", "service time", "Own delay"):
        assert absent not in old, absent
    assert report_tables.headline(older).head[3:9] == (
        *("Mean (ms)", "p50 (ms)", "p95 (ms)"),
        *("p99 (ms)", "p99.9 (ms)", "Max (ms)"),
    )
    assert "Censored" not in "\n".join(summary(older, None))


def test_what_became_of_the_operations_is_told_everywhere(cut: JudgedRun) -> None:
    table = clock_tables.outcomes(cut)
    assert table is not None
    total = dict(zip(table.head, table.rows[-1], strict=True))
    assert (total["Suppressed"], total["Censored"]) == ("60", "32")
    load = cut.headline.load
    assert load is not None
    assert load.missed == 1000
    assert "12,000 operations were offered: 1,000 were missed" in table.note
    screen = "\n".join(summary(cut, None))
    assert f"Offered 12,000 (400/s), missed 1,000, dropped {load.dropped}" in screen
    assert "Censored 32 (the longest had waited 2,000 ms), suppressed failures 60" in screen
    text = markdown.render(cut, [])
    for title in ("## What became of the operations", "## Clocks of all operations", "## Own delay of the workers"):
        assert title in text


REASONS = {
    (TOTAL, "p99.9"): (inconclusive("load-side", "A half of p99.9 is the load side's."),),
    ("get", "p99.9"): (inconclusive("load-side", "A third of get's p99.9 is the load side's."),),
    ("set", "p99"): (note("load-side", "A tenth of set's p99 is the load side's."),),
}


def test_each_figure_has_its_verdict_in_words_and_a_way_to_the_reason(stalled: JudgedRun) -> None:
    judged = judged_anew(stalled, REASONS)
    table = report_tables.headline(judged)
    words = {(table.rows[at][0], table.head[column]): badge.words for (at, column), badge in table.badges.items()}
    assert len(words) == 3 * 4
    assert words[TOTAL, "Response p99.9 (ms)"] == "inconclusive"
    assert words["set", "Response p99 (ms)"] == "valid, note"
    assert words["get", "Rate (1/s)"] == "valid"
    html = html_of(judged)
    links = re.findall(r'<a class="badge [a-z]+" href="#([a-z0-9-]+)">', html)
    assert len(links) == 3
    assert all(html.count(f'id="{anchor}"') == 1 for anchor in links)
    first, second = figure_verdicts.explained(judged)
    assert (first.severity, first.figures) == ("inconclusive", "p99.9 of all operations and get")
    assert first.texts == ("A half of p99.9 is the load side's.", "A third of get's p99.9 is the load side's.")
    assert (second.severity, second.figures) == ("note", "p99 of set")
    assert "inconclusive figures: p99.9 of all operations and get" in "\n".join(summary(judged, None))
    text = markdown.render(judged, [])
    assert text.count("(inconclusive)") == 2
    assert "A third of get's p99.9" in text


def test_a_reason_of_the_run_is_told_once(stalled: JudgedRun) -> None:
    reason = inconclusive("worker-lost", "Worker load2 was lost.")
    keys = [(figure.operation, figure.figure) for figure in stalled.figures]
    judged = judged_anew(stalled, dict.fromkeys(keys, (reason,)))
    judged = replace(judged, verdict=replace(judged.verdict, verdict="inconclusive", reasons=(reason,)))
    assert figure_verdicts.explained(judged) == []
    assert figure_verdicts.not_valid(judged) == []
    html = html_of(judged)
    assert html.count("Worker load2 was lost.") == 1
    assert set(re.findall(r'class="badge inconclusive" href="#([a-z0-9-]+)"', html)) == {"run-reason-1"}


def test_without_distributions_the_counts_still_come_from_the_series(tmp_path: Path) -> None:
    run = Simulated().write(tmp_path / "run")
    (run / "locust-distrib.jsonl").unlink()
    judged = judge_run(run)
    html = html_of(judged)
    assert "Response p99" in html
    assert [figure.slug for figure in chart_list.build(judged) if figure.group == "load"] == ["offered", "queued"]


def test_any_worker_name_is_escaped(tmp_path: Path) -> None:
    run = Simulated(stopped=(0, 0)).write(tmp_path / "run", run_time_s=5)
    file = run / "locust-stats.csv"
    file.write_text(file.read_text().replace("load1/worker-1", "<b>load1</b>"))
    judged = judge_run(run)
    found: Any = clock_tables.own_delay(judged)
    assert "<b>load1</b>" in {row[0] for row in found.rows}
    assert "<b>load1</b>" not in html_of(judged)
