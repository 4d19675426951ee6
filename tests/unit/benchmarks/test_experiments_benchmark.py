"""The benchmark of experiments: its table, and how its trials count."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.experiments import trials
from benchmarks.experiments.__main__ import markdown, printed
from benchmarks.experiments.trials import TRIALS, Result, Setting


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
    assert (result.count, result.of, result.holds) == (3, 20, True)
    (result,) = results("equal", found[:16] + found[16:] + found[-1:], monkeypatch)
    assert (result.count, result.holds) == (4, False)


def test_a_planted_difference_must_be_found_and_covered(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [figure("changed", 1.08, 1.12)] * 18 + [figure("undecided", 0.99, 1.12), figure("changed", 1.02, 1.09)]
    seen, covered = results("planted", found, monkeypatch)
    assert (seen.count, seen.holds) == (19, True)
    assert (covered.count, covered.holds) == (19, True)


@pytest.mark.parametrize(
    ("low", "holds"), [(None, False), (474.0, False), (475.0, True), (500.0, True), (501.0, False)]
)
def test_a_capacity_is_475_to_500(monkeypatch: pytest.MonkeyPatch, low: float | None, holds: bool) -> None:
    found = {"answer": "", "runs": [], "capacity": {"server": {"low_per_s": low}}}
    (result,) = results("capacity", [found], monkeypatch)
    assert result.holds is holds


def test_the_table_says_what_was_found_and_what_was_to_be() -> None:
    rows = [Result("equal arms", 1, 20, "≤ 3", True), Result("planted", 17, 20, "≥ 18", False)]
    assert "equal arms   1 of 20   ≤ 3  holds" in printed(rows)
    assert markdown(rows).endswith("| planted | 17 of 20 | ≥ 18 |")
