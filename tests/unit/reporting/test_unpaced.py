"""Operations of an open loop that follow from another one have no due time: they count for nothing that is due."""

from pathlib import Path
from typing import Any

import pytest

from reporting import judge_run, text
from reporting.analyse import clocks
from reporting.render import markdown, report_tables
from reporting.verdict.judged_run import JudgedRun
from tests.unit.reporting.changed_runs import change_lines, change_stats
from tests.unit.reporting.synthetic import Synthetic
from tests.unit.reporting.test_figure_verdicts import OPEN
from tests.unit.reporting.test_verdict import rules

RELEASE = "lock_release"
LOAD: dict[str, Any] = {"stall_at_s": None, "operations": {"lock_acquire": 400.0, RELEASE: 400.0}} | OPEN


def judged(folder: Path, achieved: float = 1.0, **changes: Any) -> JudgedRun:
    """Judge a run with as many releases on top; `achieved` is the share of the due operations that succeeded."""
    run = Synthetic(**(LOAD | changes)).write(folder / "run")
    paced: dict[tuple[str, str], int] = {}

    def release_is_due_when_sent(line: dict[str, Any]) -> None:
        if line["name"] == RELEASE:  # as `zk_locust.load.recording` records it
            del line["slip"]
            service = {name: line[name] for name in ("sum_us", "min_us", "max_us", "overflows", "histogram")}
            line["response"] = {"count": line["requests"], **service}

    def only_acquiring_is_offered(row: dict[str, str]) -> None:
        if row["name"] == "lock_acquire":
            paced[row["stage"], row["interval"]] = int(row["requests"])
        elif row["worker"] == "all" and row["name"] == "Aggregated":
            row["offered"] = str(round(paced[row["stage"], row["interval"]] / achieved))

    change_lines(run, release_is_due_when_sent)
    change_stats(run, only_acquiring_is_offered)
    return judge_run(run)


@pytest.mark.parametrize(("achieved", "expected"), [(1.0, {}), (0.95, {"not-achieved": "inconclusive"})])
def test_what_follows_from_another_operation_does_not_count_as_achieved(
    tmp_path: Path, achieved: float, expected: dict[str, str]
) -> None:
    found = judged(tmp_path, achieved)
    assert rules(found.verdict) == expected
    load = found.headline.load
    assert load is not None
    assert load.offered == round(found.headline.rows[0].operations / achieved)
    if expected:
        reason = next(reason.text for reason in found.verdict.reasons if reason.rule == "not-achieved")
        assert reason.startswith(f"{found.headline.rows[0].operations:,} of {load.offered:,} due operations succeeded")


def test_operations_that_wait_for_the_release_at_the_end_are_not_due(tmp_path: Path) -> None:
    """20 releases were cut off, and 20 operations that were due did not succeed."""
    operations = {RELEASE: 400.0, "lock_acquire": 400.0}  # the first one has the censored ones
    found = judged(tmp_path, 0.998, operations=operations, censored_us=(2_000_000,) * 20, slip_us=50_000.0)
    assert "not-achieved" in rules(found.verdict)


def test_the_response_times_of_all_operations_are_of_those_that_were_due(tmp_path: Path) -> None:
    found = judged(tmp_path, slip_us=5000.0)
    acquire, release, total = *found.headline.rows, found.headline.total
    assert (acquire.operation, release.operation) == ("lock_acquire", RELEASE)
    assert release.response is None
    assert total.response == acquire.response
    assert (acquire.clock, release.clock, total.clock) == ("response", "service", "response")
    assert total.operations == acquire.operations + release.operations
    of_release = [figure for figure in found.figures if figure.operation == RELEASE]
    assert {figure.clock for figure in of_release} == {"service"}
    p99 = next(f for f in found.figures if (f.operation, f.figure) == ("all operations", "p99"))
    assert p99.value == acquire.p99_us
    lines = markdown.table(report_tables.headline(found), 2)
    assert "Operations without a due time are judged by service time: lock\\_release." in lines[-2]
    row = next(line for line in lines if "release" in line)
    assert row.split("|")[4].strip() == text.NOTHING


def test_too_few_operations_are_counted_by_the_clock_of_the_figure(tmp_path: Path) -> None:
    """9 of 9,000 due operations lie beyond p99.9; with 9,000 releases there would be 18."""
    found = judged(tmp_path, operations={"lock_acquire": 280.0, RELEASE: 280.0})
    assert rules(found.verdict) == {"few-operations": "note"}


def test_the_chart_shows_as_achieved_what_was_due(tmp_path: Path) -> None:
    found = judged(tmp_path, 0.8)
    frame = clocks.offered(found.run, found.timeline)
    offered, achieved = (frame.loc[frame["series"] == name, "per_s"].sum() for name in ("offered", "achieved"))
    assert achieved == pytest.approx(0.8 * offered, rel=0.01)


def test_the_drift_is_that_of_response_times(tmp_path: Path) -> None:
    found = judged(tmp_path, slip_us=5000.0).steadiness.latency
    assert found["all operations", 50.0].first == found["lock_acquire", 50.0].first
