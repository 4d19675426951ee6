"""Whether a run meets objectives, with loads whose every operation is known."""

import csv
from pathlib import Path
from typing import Any

import pytest

from reporting import InputError, check_objectives
from tests.unit.reporting.open_loop import Simulated
from tests.unit.reporting.synthetic import Synthetic

ABOUT = {"warm_up_s": 2, "run_time_s": 12, "members": 1}


def checked(folder: Path, *objectives: str, **load: Any) -> dict[str, Any]:
    run = Simulated(**({"stopped": (0.0, 0.0)} | load)).write(folder / "20261124T031500Z-quick", **ABOUT)
    return check_objectives(run, objectives)


def test_a_run_passes_if_the_upper_ends_of_its_intervals_do(tmp_path: Path) -> None:
    found = checked(tmp_path, "p99 < 200ms", "p50 of get < 20ms", "p99 < 100us", "failures < 1%")
    p99, p50, short, failures = found["objectives"]
    assert p99["value"] < p99["upper"] < 200_000
    assert p99["met"]
    assert p50["met"]
    assert p50["upper"] < p99["upper"]
    assert not short["met"]
    assert (failures["value"], failures["met"]) == (0.0, True)
    assert 0 < failures["upper"] < 0.01
    assert not found["passed"]
    assert not found["load_limited"], "the ensemble was too slow for one objective"
    assert found["success"] == 1.0
    assert found["backlog_per_s"] == 0


def test_an_operation_that_the_load_does_not_have_is_refused(tmp_path: Path) -> None:
    expected = r"objectives \[p99 of gte < 1s\]: the load has no operation gte, did you mean get\?; it has: get, set"
    with pytest.raises(InputError, match=expected):
        checked(tmp_path, "p99 of gte < 1s")


def test_a_run_whose_backlog_grows_does_not_pass(tmp_path: Path) -> None:
    found = checked(tmp_path, "p99 < 1h", sessions=1, rate_per_s=2000.0, most_queued=1_000_000)
    assert found["objectives"][0]["met"]
    assert found["backlog_per_s"] == pytest.approx(1000, rel=0.4)
    assert not found["passed"]


def test_a_load_side_that_sent_less_is_no_limit_of_the_ensemble(tmp_path: Path) -> None:
    found = checked(tmp_path, "p99 < 200ms", missing=(5.0, 8.0))
    assert found["success"] < 0.999
    assert not found["passed"]
    assert found["load_limited"]


@pytest.mark.parametrize(("limit", "expected"), [("100ms", True), ("100us", False)])
def test_too_few_sessions_are_no_limit_of_an_ensemble_that_answers_in_time(
    tmp_path: Path, limit: str, expected: bool
) -> None:
    found = checked(tmp_path, f"p50 < {limit}", sessions=1, rate_per_s=2000.0, most_queued=50)
    assert found["success"] < 0.999
    assert not found["passed"]
    assert found["load_limited"] == expected


@pytest.mark.parametrize(("limit", "expected"), [("1h", True), ("100us", False)])
def test_a_queue_that_grows_without_drops_is_told_apart_from_an_ensemble_that_is_slow(
    tmp_path: Path, limit: str, expected: bool
) -> None:
    checked(tmp_path, "p50 < 1h", sessions=1, rate_per_s=1100.0)
    file = tmp_path / "20261124T031500Z-quick" / "locust-stats.csv"
    rows = list(csv.DictReader(file.read_text().splitlines()))
    for row in rows:  # as if no stage had followed that drops what waits
        if row["dropped"]:
            row["queued"] = str(int(row["queued"]) + int(row["dropped"]))
            row["dropped"] = "0"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    found = check_objectives(file.parent, [f"p50 < {limit}"])
    assert found["backlog_per_s"] > 50
    assert not found["passed"]
    assert found["load_limited"] == expected


@pytest.mark.parametrize(("beside", "expected"), [(None, False), (0.9, True), (0.4, False)])
def test_too_few_sessions_are_known_without_an_objective_for_latencies(
    tmp_path: Path, beside: float | None, expected: bool
) -> None:
    """By the service time at the lowest rate: an ensemble that is the limit answers later than then."""
    run = Simulated(stopped=(0.0, 0.0), sessions=1, rate_per_s=2000.0, most_queued=50).write(
        tmp_path / "20261124T031500Z-quick", **ABOUT
    )
    service_us = check_objectives(run, ["failures < 1%"])["service_p50_us"]
    assert 500 < service_us < 1200
    found = check_objectives(run, ["failures < 1%"], None if beside is None else beside * service_us)
    assert found["objectives"][0]["met"]
    assert found["success"] < 0.999
    assert not found["passed"]
    assert found["load_limited"] == expected


def test_what_fails_too_often_is_not_for_want_of_sessions(tmp_path: Path) -> None:
    load = {"sessions": 1, "rate_per_s": 2000.0, "most_queued": 50, "failed": 5}
    assert checked(tmp_path / "a", "p50 < 100ms", **load)["load_limited"]
    assert not checked(tmp_path / "b", "p50 < 100ms", "failures < 0.1%", **load)["load_limited"]


def test_a_backlog_that_was_sent_is_the_ensembles(tmp_path: Path) -> None:
    """There are free sessions at all times: what has no answer waits in the ensemble."""
    found = checked(tmp_path, "p99 < 1h", sessions=20_000, stopped=(8.0, 60.0))
    assert found["backlog_per_s"] > 100
    assert not found["passed"]
    assert not found["load_limited"]


@pytest.mark.parametrize(("objective", "expected"), [("p50 of get < 100us", True), ("failures < 0.0001%", False)])
def test_a_figure_that_the_load_side_makes_is_no_limit_of_the_ensemble(
    tmp_path: Path, objective: str, expected: bool
) -> None:
    run = Synthetic(stall_at_s=None, lateness_us=2000.0, client_delay_us=60.0, slip_us=900.0).write(tmp_path / "run")
    found = check_objectives(run, [objective])
    assert not found["objectives"][0]["met"]
    assert found["load_limited"] == expected
