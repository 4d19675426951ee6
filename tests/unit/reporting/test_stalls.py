"""Stalls that leave no interval without a success: a closed loop hides them from its percentiles."""

import math
from pathlib import Path
from typing import Any

import pytest

from reporting import judge_run
from tests.unit.reporting.changed_runs import add_slow, change_lines
from tests.unit.reporting.synthetic import Synthetic
from tests.unit.reporting.test_figure_verdicts import OPEN
from tests.unit.reporting.test_recovery import PAUSED_S, faulty
from tests.unit.reporting.test_verdict import rules, text

USERS = 32
FAST: dict[str, Any] = {
    "operations": {"get": 2000.0}, "users_at": lambda _at_s: 1, "plan": {"users": 1},
}  # fmt: skip
"""One user that does not wait: 0.5 ms from one operation to the next."""
LOCK: dict[str, Any] = {"operations": {"get": 50.0, "set": 700.0}}
"""An operation of which more than 5 % take long, beside others."""


def stalled(folder: Path, every_s: float, took_s: float, count: int = USERS, **changes: Any) -> Path:
    """Write a run in which so many operations took so long, again and again."""
    load = Synthetic(**{"stall_at_s": None} | changes)
    run = load.write(folder / "run")
    ends = range(1, int(load.run_time_s / every_s) + 1)
    add_slow(run, {int((at * every_s - 0.5) / load.interval_s): (count, took_s) for at in ends})
    return run


@pytest.mark.parametrize(
    ("every_s", "took_s", "changes", "share"),
    [
        (5, 2.0, {}, "40.0 %"),
        (12, 3.0, {"interval_s": 10.0, "run_time_s": 60}, "25.0 %"),
        (8, 0.8, {"run_time_s": 40}, "10.0 %"),
    ],
    ids=["2-of-5", "3-of-12", "0.8-of-8"],
)
def test_a_stall_shorter_than_an_interval_is_inconclusive_in_a_closed_loop(
    tmp_path: Path, every_s: float, took_s: float, changes: dict[str, Any], share: str
) -> None:
    found = judge_run(stalled(tmp_path, every_s, took_s, **changes))
    assert found.verdict.verdict == "inconclusive"
    assert rules(found.verdict)["stalls"] == "inconclusive"
    assert (
        f"Users spent {share} of their time in {USERS * int(found.headline.measured_s / every_s)} operations"
        in text(found.verdict, "stalls")
    )
    assert {figure.verdict for figure in found.figures} == {"inconclusive"}


@pytest.mark.parametrize(
    ("every_s", "took_s", "count", "changes"),
    [
        (10, 0.1, USERS, {}),  # a pause of a JVM
        (10, 0.1, 1, FAST),
        (1, 0.010, 2, FAST),  # 0.1 % of the operations have 2 % of the time
        (1, 0.010, 20, FAST),  # and 1 % of them 20 %
        (1, 0.6, 4, {}),  # 4 of 500 operations took as long as ten usual ones: p99.9 has them
        (1, 1.0, 6, LOCK),  # always so: it may be a lock that many want
        (5, 2.0, USERS, OPEN),  # response times contain the waits
    ],
    ids=["pause", "pause-of-one", "tail", "long-tail", "slow-ones", "usual", "open-loop"],
)
def test_what_percentiles_show_is_no_stall(
    tmp_path: Path, every_s: float, took_s: float, count: int, changes: dict[str, Any]
) -> None:
    found = judge_run(stalled(tmp_path, every_s, took_s, count, **changes))
    assert "stalls" not in rules(found.verdict)


def test_the_usual_tail_of_a_slow_operation_beside_fast_ones_is_no_stall(tmp_path: Path) -> None:
    """A third of the operations takes 50 ms in the mean, spread exponentially; the others take half a millisecond."""
    load = Synthetic(
        stall_at_s=None, operations={"get": 400.0, "set": 200.0}, users_at=lambda _: 10, plan={"users": 10}
    )
    run = load.write(tmp_path / "run")
    tail = {f"{round(-50_000 * math.log((at + 0.5) / 200))}": 1 for at in range(200)}

    def spread(line: dict[str, Any]) -> None:
        if line["name"] == "set":
            line["histogram"] = tail
            line["sum_us"], line["max_us"] = sum(map(int, tail)), max(map(int, tail))

    change_lines(run, spread)
    assert "stalls" not in rules(judge_run(run).verdict)


@pytest.mark.parametrize(("interval", "held"), [(round(PAUSED_S + 3 - 5), False), (2, True)])
def test_a_stall_of_a_planned_fault_is_not_held_against_a_run(tmp_path: Path, interval: int, held: bool) -> None:
    run = faulty(tmp_path).run.path
    add_slow(run, {interval: (USERS, 3.0)})
    found = judge_run(run).verdict
    assert ("stalls" in rules(found)) is held
