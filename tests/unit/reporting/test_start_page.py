"""The start page: experiments with their answers, histories with change points, and all runs."""

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
import vl_convert

from reporting import InputError, write_start_page
from reporting.analyse import histories
from reporting.analyse.histories import History
from reporting.analyse.run_summary import fleet_of
from reporting.render import history_charts
from reporting.runs import find, summary_of
from tests.unit.experiments.folders import COMPARE, experiment, noisy
from tests.unit.reporting.test_page import HOSTILE, Elements

HOSTS = {"zookeeper": ["zk1", "zk2"], "locust_master": ["load1"], "locust_workers": ["load1", "load2"]}


def add_run(results: Path, number: int, rate: float, verdict: str = "valid", **more: Any) -> Path:
    """A run folder that has a manifest, a report and a page."""
    run = results / f"202611{number:02d}T000000Z-nightly"
    run.mkdir(parents=True)
    version = more.pop("version", "3.8.4")
    members = {name: {"zookeeper_version": version} for name in HOSTS["zookeeper"]}
    manifest = {"run_id": run.name, "started": f"2026-11-{number:02d}T00:00:00Z", "state": "complete"}
    manifest |= {"scenario": {"name": "nightly", "users": 8}, "inventory": {"groups": HOSTS, "hosts": members}} | more
    (run / "manifest.json").write_text(json.dumps(manifest))
    total = {"rate_per_s": rate, "p99_us": 5000.0, "failures": 0}
    (run / "report.json").write_text(json.dumps({"total": total, "verdict": {"verdict": verdict}}))
    (run / "report.html").touch()
    return run


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Ten runs, and eight slower ones of another release."""
    choice = random.Random(1)
    for number in range(1, 19):
        is_new = number > 10
        rate = 1000 * choice.gauss(1, 0.01) * (0.8 if is_new else 1)
        add_run(tmp_path, number, rate, version="3.9.3" if is_new else "3.8.4")
    return tmp_path


def histories_of(results: Path) -> list[History]:
    return histories.build([summary_of(run) for run in find(results)])


def shown(results: Path) -> Elements:
    return Elements(write_start_page(results).read_text())


def test_a_change_point_says_how_much_and_what_else_changed(results: Path) -> None:
    (history,) = histories_of(results)
    (change,) = history.rate.changes
    assert (change.place, change.run_id) == (10, "20261111T000000Z-nightly")
    assert change.ratio == pytest.approx(0.8, rel=0.02)
    assert change.settings == ("zookeeper_version: 3.8.4 to 3.9.3",)
    assert history.p99.changes == ()
    assert len({round(level) for level in history.rate.levels()}) == 2
    text = " ".join(shown(results).text.replace("\u00a0", " ").split())
    assert re.search(r"-\d\d\.\d % from run 20261111T000000Z-nightly on \(zookeeper_version: 3\.8", text)


def test_void_and_unfinished_runs_and_those_of_experiments_are_in_no_history(results: Path) -> None:
    add_run(results, 20, 1.0, verdict="void")
    add_run(results, 21, 1.0, state="failed")
    (history,) = histories_of(results)
    assert len(history.runs) == 18
    part = [summary_of(run, "an-experiment") for run in find(results)]
    assert histories.build(part) == []


def test_each_scenario_and_each_fleet_has_a_history(results: Path) -> None:
    add_run(results, 20, 500.0, scenario={"name": "other"})
    other = {"groups": HOSTS | {"zookeeper": ["zk7"]}, "hosts": {}}
    add_run(results, 21, 500.0, inventory=other)
    found = [(history.scenario, history.fleet, len(history.runs)) for history in histories_of(results)]
    fleet = "members zk1, zk2; load hosts load1, load2"
    assert found == [
        ("nightly", "members zk7; load hosts load1, load2", 1),
        ("other", fleet, 1),
        ("nightly", fleet, 18),
    ]
    assert fleet_of({}, "a:2181,b:2181") == "members a:2181, b:2181"


def test_the_newest_runs_of_a_long_history_are_kept(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "MOST_RUNS", 5)
    (history,) = histories_of(results)
    assert (len(history.runs), history.left_out) == (5, 13)
    assert history.runs[-1].run_id == "20261118T000000Z-nightly"
    assert "The newest 5 runs; 13 older ones are left out." in shown(results).text


def test_every_chart_can_be_drawn(results: Path) -> None:
    (history,) = histories_of(results)
    figures = history_charts.build(history, 1)
    assert [figure.slug for figure in figures] == ["history-1-rate", "history-1-p99"]
    for figure in figures:
        assert figure.title in vl_convert.vegalite_to_svg(figure.file_spec("label"))
        assert len(figure.description) > 40


def test_the_page_leads_to_runs_and_experiments(results: Path) -> None:
    folder = experiment(results, COMPARE, noisy(2))
    (folder / "experiment.html").touch()
    found = shown(results)
    links = [str(a["href"]) for a in found.of("a")]
    assert links[0] == "experiments/compare-1/experiment.html"
    assert links[1] == "20261118T000000Z-nightly/report.html"
    assert len(links) == 1 + 18  # the runs of the experiment have no page
    assert all((results / link).is_file() for link in links)
    assert "new and old are equivalent" in found.text
    sparks = [svg["aria-label"] for svg in found.of("svg")]
    assert len(sparks) == 2
    assert str(sparks[0]).startswith("rate over 18 runs, from ")
    assert not list(results.glob(".*"))


def test_an_experiment_that_cannot_be_read_says_why(results: Path) -> None:
    folder = results / "experiments" / "broken"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{")
    assert "has no manifest that can be read" in shown(results).text


def test_a_folder_without_runs_has_a_page_and_no_folder_is_refused(tmp_path: Path) -> None:
    assert "There is no run yet" in shown(tmp_path).text
    with pytest.raises(InputError, match="does not exist"):
        write_start_page(tmp_path / "none")


def test_nothing_from_a_run_becomes_markup(results: Path) -> None:
    hostile = {"groups": {"zookeeper": [HOSTILE]}, "hosts": {HOSTILE: {HOSTILE: HOSTILE}}}
    for number in (20, 21):
        add_run(results, number, 1.0, label=HOSTILE, scenario={"name": HOSTILE}, inventory=hostile)
    html = write_start_page(results).read_text()
    assert "alert(1)" in html
    assert "<script>alert(1)" not in html
    assert "alert(1)</script>" not in html
