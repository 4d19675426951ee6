"""The page of an experiment: the answer first, charts of its kind, links to the runs, and nothing from outside."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import vl_convert

from reporting import InputError, write_experiment
from reporting.analyse import experiment_answers, overlaid_distributions
from reporting.analyse.headline import TOTAL
from reporting.read import experiment_folder
from reporting.render import experiment_charts, ratio_drawing
from reporting.render.chart import Figure
from tests.unit.experiments.folders import COMPARE, experiment, noisy, step, with_distributions
from tests.unit.reporting.test_page import HOSTILE, Elements

CAPACITY = {"kind": "capacity", "objectives": ["p99 < 20ms"], "rates": {"lowest": 50, "first": 100, "highest": 5000}}
MATRIX = {"kind": "matrix", "grid": {"benchmark_users": [1, 2], "benchmark_parameters.val-size": [8, 64]}}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of each kind, with its report. Not to be written to."""
    results = tmp_path_factory.mktemp("results")
    found = {
        "compare": experiment(results, COMPARE, noisy(1, new=1.2)),
        "noise": experiment(results, {"kind": "noise"}, noisy(3)),
        "matrix": experiment(results, MATRIX, noisy(4)),
        "capacity": experiment(
            results,
            CAPACITY,
            lambda _: (1.0, 1.0),
            passed=lambda request: (request.rate_per_s or 0) <= 460,
            step=step,
        ),
    }
    with_distributions(found["compare"], {"old": 1.0, "new": 1.2})
    for folder in found.values():
        write_experiment(folder)
    return found


def page(folder: Path) -> Elements:
    return Elements((folder / "experiment.html").read_text())


def drawn(folder: Path) -> dict[str, Figure]:
    figures = experiment_charts.build(experiment_answers.build(experiment_folder.load(folder)))
    return {figure.slug: figure for figure in figures}


KINDS = {
    "compare": ["ratios-1", "distribution-1", "distribution-2", "distribution-3"],
    "noise": ["ratios-1"],
    "matrix": ["cells-rate", "cells-p50", "cells-p99", "cells-p99-9", "effects"],
    "capacity": ["hockey-stick-1"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_has_the_charts_of_its_kind_and_loads_nothing(folders: dict[str, Path], kind: str) -> None:
    html = (folders[kind] / "experiment.html").read_text()
    elements = Elements(html)
    charts = [div for div in elements.of("div") if "data-chart" in div]
    assert [chart["data-chart"] for chart in charts] == KINDS[kind]
    assert all(chart["role"] == "img" and len(chart["aria-label"] or "") > 60 for chart in charts)
    assert len(html) < 1_300_000
    assert not [script for script in elements.of("script") if "src" in script]
    assert elements.of("img") == []
    assert "@import" not in html
    assert {th["scope"] for th in elements.of("th")} == {"col", "row"}
    levels = [int(tag[1]) for tag, _ in elements.found if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_chart_can_be_drawn(folders: dict[str, Path], kind: str) -> None:
    for figure in drawn(folders[kind]).values():
        svg = vl_convert.vegalite_to_svg(figure.file_spec("label"))
        assert figure.title in svg
        assert "undefined" not in svg
        assert "NaN" not in svg


def test_the_answer_stands_before_arms_charts_and_runs(folders: dict[str, Path]) -> None:
    found = page(folders["compare"])
    order = ["new beside old: p50 +", "Main figures", "What differs between the arms", "zookeeper_version",
             "Charts", "Ratios", "Runs"]  # fmt: skip
    places = [found.text.index(words) for words in order]
    assert places == sorted(places)


def test_the_page_says_what_markdown_says(folders: dict[str, Path]) -> None:
    for folder in folders.values():
        answer = json.loads((folder / "experiment.json").read_text())["answer"]
        plain = (folder / "experiment.md").read_text().replace("\\", "")
        assert answer in plain
        assert answer in page(folder).text.replace("\u00a0", " ")


def test_each_run_has_a_verdict_and_a_link_to_its_report(tmp_path: Path) -> None:
    folder = experiment(tmp_path, COMPARE, noisy(1))
    for number in range(1, 10):
        (tmp_path / f"run-compare-{number}" / "report.html").touch()
    shutil.rmtree(tmp_path / "run-compare-3")
    write_experiment(folder)
    links = [a["href"] for a in page(folder).of("a")]
    assert links == [f"../../run-compare-{number}/report.html" for number in (1, 2, 4, 5, 6, 7, 8, 9)]
    assert all((folder / str(link)).is_file() for link in links)
    assert "[run-compare-4](../../run-compare-4/report.html)" in (folder / "experiment.md").read_text()


def test_a_run_whose_folder_is_gone_is_named(tmp_path: Path) -> None:
    folder = experiment(tmp_path, COMPARE, noisy(1))
    shutil.rmtree(tmp_path / "run-compare-3")
    write_experiment(folder)
    found = page(folder).text
    assert f"run run-compare-3 is gone, and its figures are missing; it was in {tmp_path}" in found
    assert "run-compare-3 (gone)" in found


def changed(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    content = json.loads((folder / "manifest.json").read_text())
    change(content)
    (folder / "manifest.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("runs", [0, 1, 5])
def test_an_experiment_that_is_not_finished_says_so_and_shows_what_there_is(tmp_path: Path, runs: int) -> None:
    folder = experiment(tmp_path, COMPARE, noisy(1, new=1.2))

    def stop(content: dict[str, Any]) -> None:
        content.update(state="interrupted", reason="Ctrl-C")
        del content["runs"][runs:]

    write_experiment(changed(folder, stop))
    found = page(folder)
    assert "The experiment is not finished (interrupted: Ctrl-C), so this is what its runs say so far." in found.text
    charts = [div["data-chart"] for div in found.of("div") if "data-chart" in div]
    assert charts == (["ratios-1"] if runs == 5 else [])
    assert ("There are too few runs for an answer." in found.text) == (runs < 5)


def test_a_search_that_has_just_begun_has_a_page(tmp_path: Path) -> None:
    folder = experiment(tmp_path, CAPACITY, lambda _: (1.0, 1.0), passed=lambda _: True, step=step)
    for runs in (0, 1):

        def stop(content: dict[str, Any], runs: int = runs) -> None:
            content.update(state="running", capacity={})
            del content["runs"][runs:]

        write_experiment(changed(folder, stop))
        assert "ensemble: the search has not ended." in page(folder).text
        for figure in drawn(folder).values():
            vl_convert.vegalite_to_svg(figure.file_spec("label"))


@pytest.mark.parametrize("kind", ["compare", "capacity", "matrix"])
def test_hostile_names_stay_text(folders: dict[str, Path], tmp_path: Path, kind: str) -> None:
    shutil.copytree(folders[kind].parent.parent, tmp_path / "results")
    folder = tmp_path / "results" / "experiments" / f"{kind}-1"

    def rename(content: dict[str, Any]) -> None:
        content.update(name=HOSTILE, description=HOSTILE, state="failed", reason=HOSTILE)
        renamed = {arm["name"]: f"{number}{HOSTILE}" for number, arm in enumerate(content["arms"])}
        for arm in content["arms"]:
            arm["name"] = renamed[arm["name"]]
            arm["place"] = [HOSTILE for _ in arm["place"]]
        for run in content["runs"]:
            run.update(arm=renamed[run["arm"]], verdict=HOSTILE)
        content["runs"][0]["run_id"] = f"../../{HOSTILE}"
        content["capacity"] = {renamed[arm]: found for arm, found in content["capacity"].items()}

    write_experiment(changed(folder, rename))
    html = (folder / "experiment.html").read_text()
    assert "alert(1)" in html
    assert "<script>alert(1)" not in html
    assert "alert(1)</script>" not in html
    assert not [a for a in page(folder).of("a") if ".." in str(a["href"])[6:]]
    for figure in drawn(folder).values():
        vl_convert.vegalite_to_svg(figure.file_spec("label"))


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ({"kind": "guess"}, r"experiment \[compare-1\]: its manifest has an unknown kind \[guess\]"),
        ({"arms": []}, r"experiment \[compare-1\]: its manifest is damaged; move the folder away"),
        ({"runs": [1]}, "is damaged"),
        ({"settings": {"figures": ["p99"]}}, "is damaged"),
        ({"started": None}, "is damaged"),
    ],
)
def test_a_damaged_manifest_is_refused_by_name(tmp_path: Path, damage: dict[str, Any], expected: str) -> None:
    folder = changed(experiment(tmp_path, COMPARE, noisy(1)), lambda content: content.update(damage))
    with pytest.raises(InputError, match=expected):
        write_experiment(folder)


def test_runs_lie_over_one_another_with_the_mean_of_each_arm(folders: dict[str, Path]) -> None:
    overlay = overlaid_distributions.build(experiment_folder.load(folders["compare"]))
    assert overlay.operations() == [TOTAL, "get", "set"]
    assert overlay.curves.groupby(["operation", "arm"])["run"].nunique().tolist() == [5] * 6
    typical = overlay.typical(TOTAL)
    p99 = typical[typical["percentile"] == 99.0].set_index("arm")["latency_ms"]
    assert p99["old"] == pytest.approx(1.49, rel=0.002)
    assert p99["new"] / p99["old"] == pytest.approx(1.2, rel=0.002)


def test_runs_without_distributions_are_counted(folders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(folders["compare"].parent.parent, tmp_path / "results")
    folder = tmp_path / "results" / "experiments" / "compare-1"
    (tmp_path / "results" / "run-compare-2" / "locust-distrib.jsonl").unlink()
    assert "1 of 10 runs have no distributions that can be read." in drawn(folder)["distribution-1"].caption


def test_a_step_that_says_nothing_about_the_ensemble_is_drawn_as_such(folders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(folders["capacity"].parent.parent, tmp_path / "results")
    folder = tmp_path / "results" / "experiments" / "capacity-1"

    def spoil(content: dict[str, Any]) -> None:
        first, second = content["runs"][:2]
        first.update(counts=False, verdict="void", step={}, passed=None)
        second.update(counts=False, load_limited=True)

    figure = drawn(changed(folder, spoil))["hockey-stick-1"]
    assert "1 limited by the load side, 1 void" in figure.description
    states = figure.page_spec()["datasets"].values()
    shown = [row["state"] for rows in states for row in rows if "state" in row]
    assert {"met", "not met", "load side", "void"} == set(shown)
    assert "the knee" in (folders["capacity"] / "experiment.md").read_text()


def ratios(*rows: tuple[float, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["low", "ratio", "high"])


def test_one_wide_interval_does_not_hide_the_others() -> None:
    narrow = [(0.98, 1.0, 1.02)] * 5
    low, high = ratio_drawing.ratio_domain(ratios(*narrow, (0.1, 1.0, 10.0)), 0.05)
    assert low * high == pytest.approx(1.0)
    assert 1.05 < high < 1.2
    assert ratio_drawing.ratio_domain(ratios(*narrow, (0.1, 3.0, 10.0)), 0.05)[1] > 3.0


@pytest.mark.parametrize("high", [1.02, 1.11, 1.3, 1.9, 3.1, 8.0, 60.0])
def test_the_axis_of_ratios_has_some_round_ticks(high: float) -> None:
    ticks = ratio_drawing.ratio_ticks(1 / high, high)
    assert 1.0 in ticks
    assert 3 <= len(ticks) <= 9
    assert all(1 / high <= tick <= high for tick in ticks)


def test_a_large_experiment_makes_no_large_page(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    names = [TOTAL, *(f"operation {number}" for number in range(12))]
    points = pd.DataFrame({"inverse": range(2, 118), "percentile": range(116), "latency_ms": 1.0}).astype(float)
    runs = pd.DataFrame({"run": range(200), "arm": ["old", "new"] * 100})
    curves = pd.DataFrame({"operation": names}).merge(runs, how="cross").merge(points, how="cross")
    monkeypatch.setattr(overlaid_distributions, "build", lambda _: overlaid_distributions.Overlay(curves, 0, False))
    figures = drawn(folders["compare"])
    assert len(figures) == 1 + 9
    assert "4 more operations, which are fewer, have no chart." in figures["distribution-1"].caption
    assert sum(len(json.dumps(figure.page_spec())) for figure in figures.values()) < 2_500_000


def test_a_run_outside_of_the_results_is_not_read(tmp_path: Path) -> None:
    folder = experiment(tmp_path / "results", COMPARE, noisy(1))
    shutil.copytree(tmp_path / "results" / "run-compare-1", tmp_path / "elsewhere")
    changed(folder, lambda content: content["runs"][0].update(run_id="../elsewhere"))
    found = experiment_folder.load(folder)
    assert found.runs[0].report == {}
    assert any("run ../elsewhere is gone" in problem for problem in found.problems)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"state": "confirmed", "low_per_s": 443.0, "high_per_s": 465.0}, "443 to 465 /s confirmed"),
        ({"state": "at least", "low_per_s": 5000.0, "high_per_s": None}, "at least 5,000 /s the highest rate"),
        ({"state": "none", "low_per_s": None, "high_per_s": 50.0}, "below 50 /s the lowest rate"),
        (
            {"state": "load side", "low_per_s": 100.0, "high_per_s": None, "more_load_hosts": 1,
             "limited_at_per_s": 2000.0},
            "at least 100 /s the load side was the limit",
        ),
    ],
)  # fmt: skip
def test_a_capacity_says_which_of_its_ends_is_open(
    folders: dict[str, Path], tmp_path: Path, answer: dict[str, Any], expected: str
) -> None:
    shutil.copytree(folders["capacity"].parent.parent, tmp_path / "results")
    folder = tmp_path / "results" / "experiments" / "capacity-1"
    write_experiment(changed(folder, lambda content: content.update(capacity={"ensemble": answer})))
    tile = page(folder).text.split("Capacity of ensemble")[1]
    assert " ".join(tile.replace("/s", "/s ").split()).startswith(expected)
