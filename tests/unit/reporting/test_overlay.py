"""An overlay: several runs on one page, and bad input of `fab report --runs`."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

import fabfile
from reporting import InputError, judge_run, overlay_runs, write_report
from reporting.analyse.headline import Row
from reporting.errors import ReportingError
from reporting.overlaying import MOST_RUNS
from tests.unit.reporting.synthetic import Synthetic

OLD, NEW, OPEN = "20261124T031500Z-quick-old", "20261124T041500Z-quick-new", "20261124T051500Z-quick-open"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of closed loop, one with a report, and one of open loop; not to be written to."""
    folder = tmp_path_factory.mktemp("results")
    load: dict[str, Any] = {"run_time_s": 10, "stall_at_s": None, "members": 1, "workers": 1}
    versions = {"versions": {"locust": "2.46.0"}}
    Synthetic(OLD, **load, manifest={"label": "old"}).write(folder / OLD)
    Synthetic(NEW, **load, seed=8, manifest={"label": "new"} | versions).write(folder / NEW)
    Synthetic(OPEN, **load, slip_us=3000, client_delay_us=20, manifest={"label": ""}).write(folder / OPEN)
    write_report(judge_run(folder / OLD))
    return folder


@pytest.fixture
def results(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "results"))


def _total(folder: Path) -> Row:
    return judge_run(folder).headline.total


def _charts(page: Path) -> dict[str, dict[str, Any]]:
    """The rows of the first layer of each chart of the page."""
    found = re.search(r'<script type="application/json" id="specs">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found
    specs = json.loads(found[1])
    return {
        name: {"rows": specs["data"][spec["data"]["name"]], "layer": spec["layer"][0]}
        for name, spec in specs["charts"].items()
    }


def test_figures_verdicts_links_and_differences(results: Path) -> None:
    lines = overlay_runs(results, [OLD, NEW])
    assert lines[-1] == f"Overlay:  {results / 'overlay.html'}"
    page = (results / "overlay.html").read_text()
    total = judge_run(results / OLD).headline.total
    assert f'<td class="figure-cell">{total.operations:,}</td>' in page
    assert f'<th scope="row"><a href="{OLD}/report.html">old</a></th>' in page
    assert '<th scope="row">new</th>' in page  # has no report yet
    assert f'<td class="nowrap">{NEW}</td>' in page
    assert '<span class="severity valid">valid</span>' in page
    assert re.search(r'<th scope="row">locust</th>\s*<td>[^<]+</td>\s*<td>2.46.0</td>', page)
    assert len(page) < 5_000_000
    assert "http://" not in page.split("<script>")[0]


def test_charts_show_the_measured_stage_of_each_run(results: Path) -> None:
    overlay_runs(results, [OLD, NEW])
    charts = _charts(results / "overlay.html")
    assert list(charts) == [
        *("distribution", "rate", "p50", "p99", "distribution-get", "p99-get", "distribution-set", "p99-set")
    ]
    for label, run_id in (("old", OLD), ("new", NEW)):
        judged = judge_run(results / run_id)
        rates = [row for row in charts["rate"]["rows"] if row["label"] == label]
        assert [row["time"] for row in rates] == [at + 0.5 for at in range(10)]
        assert sum(row["value"] for row in rates) / 10 == pytest.approx(judged.headline.total.rate_per_s)
        for name, row in (("distribution", judged.headline.total), ("distribution-get", judged.headline.rows[0])):
            p99 = [at["value"] for at in charts[name]["rows"] if at["label"] == label and at["inverse"] == 100]
            assert row.p99_us is not None
            assert p99 == [row.p99_us / 1000]


def test_runs_with_other_intervals_begin_at_the_same_place(results: Path) -> None:
    other = "20261124T061500Z-quick-other"
    load: dict[str, Any] = {"warm_up_s": 8, "run_time_s": 10, "interval_s": 2.0, "stall_at_s": None}
    Synthetic(other, **load, members=1, workers=1, manifest={"label": "other"}).write(results / other)
    overlay_runs(results, [OLD, other])
    rows = _charts(results / "overlay.html")["p99"]["rows"]
    times = {label: [row["time"] for row in rows if row["label"] == label] for label in ("old", "other")}
    assert times["old"] == pytest.approx([at + 0.5 for at in range(10)])
    assert times["other"] == pytest.approx([1.0, 3.0, 5.0, 7.0, 9.0])
    assert "Each point is 1 s or 2 s." in (results / "overlay.html").read_text().replace("\N{NO-BREAK SPACE}", " ")


def test_runs_of_one_label_share_a_colour_and_are_faint(results: Path) -> None:
    overlay_runs(results, [OLD, NEW, OPEN], ["same", "same", "other"])
    rate = _charts(results / "overlay.html")["rate"]
    assert {row["series"] for row in rate["rows"]} == {"same #1", "same #2", "other"}
    assert rate["layer"]["encoding"]["color"]["scale"]["domain"] == ["same", "other"]
    assert rate["layer"]["mark"]["opacity"] < 1
    overlay_runs(results, [OLD, NEW])
    assert _charts(results / "overlay.html")["rate"]["layer"]["mark"]["opacity"] == 1


def test_a_page_that_would_be_too_large_has_charts_of_fewer_operations(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay_runs(results, [OLD, NEW])
    size = len((results / "overlay.html").read_text())
    monkeypatch.setattr("reporting.overlaying.MOST_CHARACTERS", size - 1)
    lines = overlay_runs(results, [OLD, NEW])
    assert "Of 2 operations, only the first 1 have charts of their own, so that the page stays small." in lines
    assert [name for name in _charts(results / "overlay.html") if "-" in name] == ["distribution-get", "p99-get"]
    monkeypatch.setattr("reporting.overlaying.MOST_CHARACTERS", 0)
    lines = overlay_runs(results, [OLD, NEW])
    assert "Of 2 operations, none have charts of their own, so that the page stays small." in lines


def test_a_run_without_a_label_is_called_by_its_id(results: Path) -> None:
    lines = overlay_runs(results, [OLD, OPEN])
    assert [line.split()[0] for line in lines[2:4]] == ["old", OPEN]


def test_response_times_are_shown_if_all_runs_have_them(results: Path) -> None:
    lines = overlay_runs(results, [OLD, OPEN])
    assert "Not all runs have response times, so service times are shown for all." in lines
    at_p99 = [row for row in _charts(results / "overlay.html")["distribution"]["rows"] if row["inverse"] == 100]
    service = [_total(results / run_id).service.p99_us for run_id in (OLD, OPEN)]
    assert [row["value"] * 1000 for row in at_p99] == pytest.approx(service)
    shutil.copytree(results / OPEN, results / f"{OPEN}-2")
    lines = overlay_runs(results, [OPEN, f"{OPEN}-2"], ["one", "two"])
    assert not [line for line in lines if "service times" in line]
    p99 = [row["value"] for row in _charts(results / "overlay.html")["distribution"]["rows"] if row["inverse"] == 100]
    response = _total(results / OPEN).response
    assert response is not None
    assert response.p99_us is not None
    assert p99 == [response.p99_us / 1000] * 2


def test_doubtful_runs_and_figures_are_named(results: Path) -> None:
    (results / NEW / "manifest.json").write_text('{"label": "new", "state": "failed", "reason": "a member is down"}')
    (results / OPEN / "locust-distrib.jsonl").write_text("")
    (results / OPEN / "manifest.json").unlink()
    lines = overlay_runs(results, [OLD, NEW, OPEN])
    text = "\n".join(lines)
    assert "new is inconclusive: see its report." in lines
    assert f"{OPEN} has no manifest, so its settings and versions are not known." in lines
    assert f"{OPEN} has no distributions, so it is in no chart." in lines
    assert re.search(r"p99.9 of \w+ is inconclusive in old: see the report\.", text)


def test_labels_are_text_on_the_page(results: Path) -> None:
    overlay_runs(results, [OLD, NEW], ["<b>old</b>", "</script><script>alert(1)</script>"])
    page = (results / "overlay.html").read_text()
    assert "<b>old" not in page
    assert "alert(1)</script>" not in page


@pytest.mark.parametrize(
    ("run_ids", "labels", "message"),
    [
        ([OLD], [], r"an overlay of \[1\] runs cannot be made; name 2 to 50 runs"),
        ([OLD] * (MOST_RUNS + 1), [], r"an overlay of \[51\] runs"),
        ([OLD, OLD], [], "is named twice"),
        ([OLD, "20261124T041500Z-quick-neww"], [], f"nearest: {NEW}"),
        ([OLD, NEW], ["one"], r"\[1\] labels do not fit \[2\] runs; give one --label for each run"),
    ],
)
def test_bad_input_is_refused(made: Path, run_ids: list[str], labels: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        overlay_runs(made, run_ids, labels)


def test_runs_without_a_result_have_no_overlay(results: Path) -> None:
    for run_id in (OLD, NEW):
        for name in ("locust-stats.csv", "locust-distrib.jsonl"):
            (results / run_id / name).write_text("")
    with pytest.raises(InputError, match="none of the runs has a successful operation"):
        overlay_runs(results, [OLD, NEW])
    assert not (results / "overlay.html").exists()


def test_a_run_of_another_schema_is_refused(results: Path) -> None:
    (results / NEW / "manifest.json").write_text('{"schema_version": 2}')
    with pytest.raises(InputError, match=r"has schema \[2\]"):
        overlay_runs(results, [OLD, NEW])


def test_a_page_that_cannot_be_written_is_named(results: Path) -> None:
    with pytest.raises(ReportingError, match=r"cannot be written to \[.*missing/page.html\] \(No such file"):
        overlay_runs(results, [OLD, NEW], output=results / "missing" / "page.html")
    with pytest.raises(InputError, match="is a folder; name a file"):
        overlay_runs(results, [OLD, NEW], output=results)


def test_a_failed_page_leaves_the_one_before(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (results / "overlay.html").write_text("before")

    def full(_self: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ReportingError, match="No space left on device"):
        overlay_runs(results, [OLD, NEW])
    assert (results / "overlay.html").read_text() == "before"
    assert [file.name for file in results.iterdir() if file.name.startswith(".")] == []


def test_links_are_relative_to_the_page(results: Path, tmp_path: Path) -> None:
    overlay_runs(results, [OLD, NEW], output=tmp_path / "page.html")
    assert f'<a href="results/{OLD}/report.html">' in (tmp_path / "page.html").read_text()
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_the_command_takes_ids_with_commas_and_spaces(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fabfile.report.body(Context(), [], [], str(results), runs=[f"{OLD},{NEW}"])
    options = {"runs": [OLD, f"{NEW} {OPEN}"], "label": ["a", "b", "c"], "output": str(results / "p")}
    fabfile.report.body(Context(), [], [], str(results), **options)
    assert f"Overlay:  {results / 'p'}" in capsys.readouterr().out
    assert (results / "overlay.html").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"run": [OLD], "runs": [OLD, NEW]}, "--run: a page of several runs has no such option"),
        ({"runs": [OLD, NEW], "figures": True}, "--figures: a page of several runs has no such option"),
        ({"label": ["a"]}, "--label is for --runs only"),
        ({"output": "x"}, "--output is for --runs only"),
        ({"runs": [OLD]}, r"an overlay of \[1\] runs"),
    ],
)
def test_options_that_do_not_fit_are_refused(made: Path, options: dict[str, Any], message: str) -> None:
    given = {"inventory": [], "run": [], "results_dir": str(made)} | options
    with pytest.raises(Exit, match=message) as stop:
        fabfile.report.body(Context(), **given)
    assert stop.value.code == 2
