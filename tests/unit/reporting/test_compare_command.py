"""`fab compare`: pairs of runs, conditions with their exit codes, and bad input."""

import json
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

import fabfile
from reporting import InputError
from reporting.analyse.comparison import UNDECIDED, Answer, Comparison, compare_pairs
from reporting.analyse.fail_if import FailIf
from reporting.analyse.paired_figures import FigureAnswer
from reporting.render.compared_runs import ComparedRuns

MANIFEST = {
    "schema_version": 1,
    "scenario": {"name": "quick", "users": 32, "parameters": {"val-size": 128}},
    "hosts": {"zk1": {"zookeeper_version": "3.8.0", "kernel": "6.1"}, "load1": {"kernel": "6.1"}},
}


def _write(results: Path, run_id: str, p99_us: float, **total: Any) -> None:
    """A finished run that has only its manifest and its report."""
    folder = results / run_id
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    figures = {
        "clock": "service",
        "failures": 0,
        "rate_per_s": 500.0,
        "p50_us": 800.0,
        "p95_us": 2000.0,
        "p99_us": p99_us,
    } | total
    operations = [{**figures, "operation": name} for name in ("get", "set")]
    report = {"schema_version": 1, "total": figures, "operations": operations, "verdict": {"verdict": "valid"}}
    (folder / "report.json").write_text(json.dumps(report))


def _change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Five pairs of runs; p99 of the candidates is 20 % higher."""
    for number, noise in enumerate((0.98, 1.01, 1.0, 1.02, 0.99), 1):
        _write(tmp_path, f"a{number}", 5000 * noise)
        _write(tmp_path, f"b{number}", 6000 * noise * (1.01 if number % 2 else 0.99), rate_per_s=501.0 + number)
    return tmp_path


A, B = "a1,a2,a3,a4,a5", "b1, b2,b3,b4,b5"


def _compare(results: Path, baseline: str, candidate: str, *fail_if: str, json: bool = False) -> int:
    try:
        fabfile.compare.body(Context(), baseline, candidate, [], list(fail_if), str(results), json)
    except Exit as stop:
        return int(stop.code)
    return 0


def test_pairs_have_intervals_and_answers(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _compare(results, A, B) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "baseline   a1, a2, a3, a4, a5"
    rows = {tuple(line.split()[:3]): line for line in lines if line.startswith("all operations")}
    assert "1.202" in rows["all", "operations", "p99"]
    assert rows["all", "operations", "p99"].endswith("changed")
    assert rows["all", "operations", "rate"].endswith("equivalent")


def test_two_single_runs_say_what_they_cannot_tell(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _compare(results, "a1", "b1") == 0
    out = capsys.readouterr().out
    assert "the difference cannot be told from the noise between runs" in out
    assert "changed" not in out
    assert "1.212" in out


@pytest.mark.parametrize(
    ("baseline", "candidate", "conditions", "code"),
    [
        (A, B, ["p99 > +10%"], 1),
        (A, B, ["p99 > +30%"], 0),
        (A, B, ["p99 > +20.2%"], 3),
        (A, B, ["p99 of get > +30%", "rate < -5%"], 0),
        (A, B, ["p99 > +20.2%", "p99 of set > +10%"], 1),
        ("a1", "b1", ["p99 > +1%"], 3),
    ],
)
def test_exit_codes_of_conditions(
    results: Path, baseline: str, candidate: str, conditions: list[str], code: int
) -> None:
    assert _compare(results, baseline, candidate, *conditions) == code


def test_json_has_pairs_comparisons_and_checks(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _compare(results, A, B, "p99 > +10%", json=True) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["checks"] == [{"fail_if": "p99 > +10%", "result": "fail"}]
    assert found["exit_code"] == 1
    p99 = next(each for each in found["figures"] if each["figure"] == "p99" and each["operation"] == "all operations")
    assert p99["answer"] == {"word": "changed", "more_pairs": None}
    assert p99["comparison"]["ratio"] == pytest.approx(p99["ratio"])
    assert p99["pairs"][0] == [4900.0, pytest.approx(5938.8)]


def test_doubtful_runs_are_named(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(results, "c1", 5000, failures=7, clock="response")
    _change(results / "c1" / "report.json", verdict={"verdict": "inconclusive"})
    (results / "c1" / "manifest.json").unlink()
    assert _compare(results, "a1", "c1") == 0
    out = capsys.readouterr().out
    assert "Run c1 is inconclusive" in out
    assert "Run c1 has 7 failed operations" in out
    assert "different clocks" in out
    assert "Run c1 has no manifest" in out
    assert "same settings" not in out


def test_verdicts_of_figures_are_the_gravest_of_all_runs(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judged = [{"operation": "all operations", "figure": figure, "verdict": "valid"} for figure in ("p50", "rate")]
    doubtful = {"operation": "all operations", "figure": "p99", "verdict": "inconclusive"}
    _change(results / "b2" / "report.json", figures=[*judged, doubtful], verdict={"verdict": "void"})
    _change(results / "a1" / "report.json", figures=judged)
    assert _compare(results, A, B, json=True) == 0
    found = {(each["operation"], each["figure"]): each for each in json.loads(capsys.readouterr().out)["figures"]}
    verdicts = {name: found["all operations", name]["verdict"] for name in ("rate", "p50", "p95", "p99")}
    assert verdicts == {"rate": "valid", "p50": "valid", "p95": "inconclusive", "p99": "inconclusive"}
    assert found["get", "p99"]["verdict"] == "void"  # no figure of its own: the run's


def test_a_void_figure_is_not_compared(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _change(results / "b2" / "report.json", verdict={"verdict": "void"})
    assert _compare(results, A, B, "p99 > +10%") == 3
    out = capsys.readouterr().out
    assert "Run b2 is void" in out
    assert "changed" not in out
    assert "Fail if p99 > +10%: undecided" in out


def test_what_differs_between_the_sides_is_listed(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _compare(results, "a1,a2", "b1,b2") == 0
    assert "The manifests of both sides have the same settings and versions." in capsys.readouterr().out
    _change(results / "b1" / "manifest.json", scenario={"name": "fast", "users": 32, "parameters": {"val-size": 256}})
    assert _compare(results, "a1,a2", "b1,b2") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["name", "quick", "fast", "or", "quick"] in lines
    assert ["val-size", "128", "256", "or", "128"] in lines
    assert not [line for line in lines if line[:1] == ["users"]]


def test_long_lists_of_differences_are_cut_on_screen_only(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _change(results / "b1" / "manifest.json", versions={f"library {number}": "1" for number in range(25)})
    assert _compare(results, "a1", "b1") == 0
    assert "5 more differ; --json has them all." in capsys.readouterr().out
    assert _compare(results, "a1", "b1", json=True) == 0
    assert len(json.loads(capsys.readouterr().out)["differences"]) == 25


def test_figures_of_the_only_operation_are_those_of_all(results: Path) -> None:
    for run_id in (*A.split(","), *B.replace(" ", "").split(",")):
        report = results / run_id / "report.json"
        _change(report, operations=json.loads(report.read_text())["operations"][:1])
    assert _compare(results, A, B, "p99 of get > +10%") == 1
    with pytest.raises(Exit, match="operations: all operations, get"):
        fabfile.compare.body(Context(), A, B, [], ["p99 of set > +10%"], str(results))


def test_a_figure_that_one_run_lacks_is_left_out(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(results, "c1", 0)
    assert _compare(results, "a1,a2", "c1,b2") == 0
    table, _, notes = capsys.readouterr().out.partition("Rates are")
    assert "p99" not in table
    assert "p50" in table
    assert "Not compared: mean, p99, p99.9 of get, because a run has none, or none above 0." in notes


@pytest.mark.parametrize(
    ("baseline", "candidate", "conditions", "message"),
    [
        ("a1,a2", "b1", [], r"\[2\] runs cannot be paired with \[1\]"),
        ("a1", "a1", [], r"run \[a1\] is named twice"),
        ("a1", "b9", [], r"no run \[b9\]"),
        ("a1", "b1", ["p99 > 10%"], r"condition \[p99 > 10%\] cannot be read; write e.g."),
        ("a1", "b1", ["p98 > +10%"], r"no figure \[p98\], did you mean p9.*known figures: rate, mean"),
        ("a1", "b1", ["p99 of gett > +10%"], r"p99 of \[gett\] in common, did you mean get\?"),
        ("a1", "b1", ["p99 < -100%"], "can never be met"),
    ],
)
def test_bad_input_is_refused(
    results: Path, baseline: str, candidate: str, conditions: list[str], message: str
) -> None:
    with pytest.raises(Exit, match=message) as stop:
        fabfile.compare.body(Context(), baseline, candidate, [], conditions, str(results))
    assert stop.value.code == 2


@pytest.mark.parametrize("change", [{"schema_version": 2}, {"schema_version": "next"}])
def test_a_run_of_another_schema_is_refused(results: Path, change: dict[str, Any]) -> None:
    _change(results / "b1" / "manifest.json", **change)
    with pytest.raises(
        Exit, match=r"run \[b1\] has schema \[.*\], and this version reads \[1\]; use the version"
    ) as stop:
        fabfile.compare.body(Context(), "a1", "b1", [], [], str(results))
    assert stop.value.code == 2


def test_a_report_of_another_schema_is_not_used(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _change(results / "b1" / "report.json", schema_version=2)
    with pytest.raises(Exit, match="no figure in common"):  # computed again, from a folder without figures
        fabfile.compare.body(Context(), "a1", "b1", [], [], str(results))


def test_an_unfinished_run_is_refused(results: Path) -> None:
    _write(results / ".unfinished", "c1", 5000)
    with pytest.raises(Exit, match=r"run \[c1\] is unfinished; finish it with") as stop:
        fabfile.compare.body(Context(), "a1", "c1", [], [], str(results))
    assert stop.value.code == 2


@pytest.mark.parametrize(
    ("more", "words"), [(1, "about 1 more pair"), (9, "about 9 more pairs"), (None, "more than 200 more pairs")]
)
def test_how_many_more_pairs_would_decide_is_said(more: int | None, words: str) -> None:
    found = compare_pairs([(1.0, 1.0), (1.0, 1.2)])
    figure = FigureAnswer("a", "b", "get", "p99", ((1.0, 1.0),), "valid", found, Answer(UNDECIDED, more))
    assert ComparedRuns(("a",), ("b",), (figure,), (), (), ()).as_text()[5].endswith(f"undecided, {words}")


def _interval(low: float, high: float) -> Comparison:
    return Comparison(1.0, low, high, 0.5, 5, 0.1, 0.95, 0.05)


@pytest.mark.parametrize(
    ("text", "low", "high", "result"),
    [
        ("p99 > +10%", 1.11, 1.3, "fail"),
        ("p99 > +10%", 1.09, 1.3, "undecided"),
        ("p99 > +10%", 0.9, 1.09, "pass"),
        ("rate < -5%", 0.8, 0.94, "fail"),
        ("rate < -5%", 0.8, 0.96, "undecided"),
        ("rate < -5%", 0.96, 1.2, "pass"),
    ],
)
def test_conditions_need_the_complete_interval(text: str, low: float, high: float, result: str) -> None:
    assert FailIf.parse(text).check(_interval(low, high)) == result


def test_conditions_are_read() -> None:
    found = FailIf.parse(" p99.9 of create ephemeral>+2.5 % ")
    assert (found.figure, found.operation, found.is_above) == ("p99.9", "create ephemeral", True)
    assert found.limit == pytest.approx(1.025)
    with pytest.raises(InputError, match="cannot be read"):
        FailIf.parse("p99")
    assert found.check(compare_pairs([(1.0, 2.0), (1.0, 2.0)])) == "fail"
