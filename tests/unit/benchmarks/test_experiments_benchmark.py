"""The benchmark of experiments: its table, and how its trials count."""

import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from benchmarks.experiments import lab_trials, trials
from benchmarks.experiments.__main__ import markdown, printed
from benchmarks.experiments.release_archives import without_class_path
from benchmarks.experiments.result import Result, Setting
from benchmarks.experiments.trials import TRIALS
from fleet.experiments.specification_reading import read_content
from lab import Lab
from lab.commands import LabError, LabUnavailableError
from lab.places import PROJECT
from zk_locust.contract.inventory.names import role_variables


def results(name: str, found: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> list[Result]:
    """Return the results of a trial whose experiments found this."""
    answers = iter(found)
    monkeypatch.setattr(trials, "conduct", lambda *_: next(answers))
    setting = Setting(Path("server"), Path("folder"), len(found), len(found), 0.01, 1.0, 1.0)
    return [each for each in TRIALS[name].run(setting) if isinstance(each, Result)]


def figure(answer: str, low: float, high: float) -> dict[str, Any]:
    found = {"figure": "p50", "answer": answer, "ratio": (low + high) / 2, "low": low, "high": high}
    return {"answer": "", "figures": [found]}


def test_an_alarm_of_equal_arms_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [figure("equivalent", 0.99, 1.01)] * 17 + [figure("changed", 1.01, 1.08)] * 3
    (result,) = results("equal", found, monkeypatch)
    assert (result.found, result.holds) == ("3 of 20", True)
    (result,) = results("equal", found[:16] + found[16:] + found[-1:], monkeypatch)
    assert (result.found, result.holds) == ("4 of 21", False)


def test_a_planted_difference_must_be_found_and_covered(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [figure("changed", 1.08, 1.12)] * 18 + [figure("undecided", 0.99, 1.12), figure("changed", 1.02, 1.09)]
    seen, covered = results("planted", found, monkeypatch)
    assert (seen.found, seen.holds) == ("19 of 20", True)
    assert (covered.found, covered.holds) == ("19 of 20", True)


@pytest.mark.parametrize(
    ("low", "holds"), [(None, False), (474.0, False), (475.0, True), (500.0, True), (501.0, False)]
)
def test_a_capacity_is_475_to_500(monkeypatch: pytest.MonkeyPatch, low: float | None, holds: bool) -> None:
    found = {"answer": "", "runs": [], "capacity": {"server": {"low_per_s": low}}}
    (result,) = results("capacity", [found], monkeypatch)
    assert result.holds is holds


def test_the_table_says_what_was_found_and_what_was_to_be() -> None:
    rows = [
        Result("equal arms", "1 of 20", "≤ 3", True),
        Result("planted", "17 of 20", "≥ 18", False),
        Result("lab", "not measured: it needs root", "", None),
    ]
    assert re.search(r"equal arms  1 of 20 +≤ 3  holds", printed(rows))
    assert re.search(r"planted +17 of 20 +≥ 18  does not hold", printed(rows))
    assert re.search(r"lab +not measured: it needs root *$", printed(rows), re.MULTILINE)
    assert "\n| planted | 17 of 20 | ≥ 18 |\n" in markdown(rows)


@pytest.mark.parametrize(
    ("lows", "found", "holds"),
    [
        ([1000.0, 1050.0, 1099.0], "9.9 % (1000/s, 1050/s, 1099/s)", True),
        ([1000.0, 1050.0, 1110.0], "11.0 % (1000/s, 1050/s, 1110/s)", False),
        ([1000.0, None, 1000.0], "nan % (1000/s, none, 1000/s)", False),
    ],
)
def test_searches_on_a_lab_must_be_within_10_percent(lows: list[float | None], found: str, holds: bool) -> None:
    result = lab_trials.apart(lows)
    assert (result.found, result.holds) == (found, holds)


@pytest.mark.parametrize(("each_s", "holds"), [(39.9, True), (40.1, False)])
def test_the_overhead_is_that_beyond_a_benchmark(each_s: float, holds: bool) -> None:
    beyond, load = lab_trials.overheads(each_s, 30.0, 19.0)
    assert beyond.holds is holds
    assert (beyond.found, load.found) == (f"{each_s - 30:.1f} s", f"{each_s - 19:.1f} s")


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (LabUnavailableError("the lab needs root;\nuse sudo"), "not measured: the lab needs root; use sudo"),
        (LabError("zk1 does not boot\nits log"), "failed: zk1 does not boot"),
    ],
)
def test_where_there_is_no_lab_the_table_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: LabError, found: str
) -> None:
    def up(*_: object) -> None:
        raise error

    monkeypatch.setattr(Lab, "up", up)
    setting = Setting(tmp_path / "server", tmp_path, 1, 1, 0.01, 1.0, 1.0)
    results = [each for each in TRIALS["overhead-lab"].run(setting) if isinstance(each, Result)]
    assert {each.found for each in results} == {found}
    assert [each.holds for each in results] == ([None, None] if isinstance(error, LabUnavailableError) else [False])


def test_the_experiments_of_the_examples_can_be_read() -> None:
    known = role_variables(PROJECT / "roles")
    for name, content in lab_trials.EXAMPLES.items():
        spec, problems = read_content(name, content, known)
        assert problems == []
        assert spec is not None


@pytest.mark.parametrize("name", lab_trials.RECOVERIES)
def test_the_experiments_of_recovery_can_be_read(name: str) -> None:
    spec, problems = read_content(name, lab_trials.recovery_content(name), role_variables(PROJECT / "roles"))
    assert problems == []
    assert spec is not None
    assert "3.8.0" in spec.arms or "kazoo" in spec.arms or spec.variables["zookeeper_version"] == "3.8.0"


def test_a_recovery_is_a_row_for_each_arm() -> None:
    times = [{"seconds": 0.5, "ended": True}, {"seconds": 15.0, "ended": False}, {"seconds": 0.75, "ended": True}]
    some = {"arm": "3.8.0", "fault": "kill leader", "figure": "write", "median_s": 0.75, "never": 1, "times": times}
    none = some | {"arm": "3.9.3", "median_s": None, "never": 1, "times": times[1:2]}
    rows = list(lab_trials.times_of({"recoveries": [some, none, some | {"figure": "read"}]}))
    assert [(row.statement, row.found) for row in rows] == [
        ("kill leader, 3.8.0: first write", "0.75 s (0.50 to 0.75), never in 1 of 3"),
        ("kill leader, 3.9.3: first write", "never"),
    ]


def test_jars_of_an_archive_name_no_jars_of_the_host(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.jar", "w") as jar:
        jar.writestr(
            "META-INF/MANIFEST.MF", "A: 1\r\nClass-Path: /usr/share/java/b.jar /usr/sha\r\n re/java/c.jar\r\nB: 2\r\n"
        )
        jar.writestr("x", "y")
    with zipfile.ZipFile(without_class_path(tmp_path / "a.jar", tmp_path / "b.jar")) as copy:
        assert copy.read("META-INF/MANIFEST.MF") == b"A: 1\nB: 2\n"
        assert copy.read("x") == b"y"
