"""Each rule about a figure or the load speaks when it should, and is silent on clean runs."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reporting import judge_run
from reporting.analyse import steadiness
from reporting.render import report_tables
from reporting.verdict.figures import JudgedFigure
from reporting.verdict.judged_run import JudgedRun
from tests.unit.reporting.synthetic import Synthetic
from tests.unit.reporting.test_verdict import rules, text

OPEN: dict[str, Any] = {"slip_us": 35.0, "client_delay_us": 60.0, "lateness_us": 80.0}


def run(folder: Path, **changes: Any) -> JudgedRun:
    """A judged synthetic run without a stall."""
    return judge_run(Synthetic(**{"stall_at_s": None} | changes).write(folder / "run"))


def figures(found: JudgedRun, operation: str = "all operations") -> dict[str, str]:
    return {figure.figure: figure.verdict for figure in found.figures if figure.operation == operation}


def figure(found: JudgedRun, name: str, operation: str = "all operations") -> JudgedFigure:
    return next(each for each in found.figures if (each.operation, each.figure) == (operation, name))


VALID = dict.fromkeys(("rate", "p50", "p99", "p99.9"), "valid")
INCONCLUSIVE = dict.fromkeys(VALID, "inconclusive")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"older": True},
        OPEN,
        OPEN | {"censored_us": (100, 300, 600)},
        {"client_delay_us": 60.0, "lateness_us": 90.0, "censored_us": tuple(range(20, 660, 20))},
    ],
    ids=["closed", "older", "open", "open-under-way", "closed-under-way"],
)
@pytest.mark.parametrize("seed", [11, 12, 13, 14])
def test_a_clean_run_has_no_alarm(tmp_path: Path, seed: int, changes: dict[str, Any]) -> None:
    found = run(tmp_path, seed=seed, noise=0.1, operations={"get": 500.0, "set": 400.0}, **changes)
    assert (found.verdict.verdict, rules(found.verdict)) == ("valid", {})
    assert {each.verdict for each in found.figures} == {"valid"}
    assert [each.operation for each in found.figures] == ["all operations"] * 4 + ["get"] * 4 + ["set"] * 4


def test_the_headline_of_an_open_loop_is_response_time_with_service_time_beside_it(tmp_path: Path) -> None:
    found = run(tmp_path, slip_us=5000.0, lateness_us=50.0, client_delay_us=60.0, missed=2, dropped=1)
    total = found.headline.total
    assert found.headline.loop == "open loop: response time"
    assert total.response is not None
    assert (total.clock, total.p99_us) == ("response", total.response.p99_us)
    assert (total.p50_us or 0) > 3 * (total.service.p50_us or 0)
    assert found.headline.load is not None
    assert found.headline.load.offered == total.operations + 3
    assert {each.clock for each in found.figures} == {"response"}
    assert figure(found, "p99").value == total.response.p99_us
    assert rules(found.verdict) == {"missed": "note", "dropped-share": "note"}


def test_the_headline_of_a_closed_loop_says_that_it_is_service_time(sound: JudgedRun) -> None:
    assert sound.headline.loop == "closed loop: service time"
    assert (sound.headline.total.clock, sound.headline.total.response, sound.headline.load) == ("service", None, None)


def test_without_distributions_the_response_times_come_from_the_series(tmp_path: Path) -> None:
    folder = Synthetic(stall_at_s=None, **OPEN).write(tmp_path / "run")
    before = judge_run(folder).headline.total
    (folder / "locust-distrib.jsonl").unlink()
    found = judge_run(folder)
    assert not found.headline.from_distributions
    assert found.headline.total.clock == "response"
    assert (found.headline.total.p50_us, found.headline.total.p99_us) == (before.p50_us, before.p99_us)


@pytest.mark.parametrize(
    ("lateness_us", "client_delay_us", "slip_us", "expected"),
    [
        (60.0, None, None, {}),  # less than 10 % of p50
        (99.0, None, None, {}),  # 15 %, but less than the accuracy
        (120.0, None, None, {"load-side": "note"}),
        (500.0, None, None, {"load-side": "inconclusive"}),
        (500.0, 60.0, None, {}),  # the kernel knows when the replies arrived
        (500.0, 60.0, 2000.0, {"load-side": "note"}),  # response times contain the slip, as far as the worker caused it
        (2000.0, 60.0, 900.0, {"load-side": "inconclusive"}),
        (2000.0, 60.0, 35.0, {}),  # the pacer was in time all the same
    ],
)
def test_what_the_load_side_adds_is_judged_at_each_percentile(
    tmp_path: Path,
    lateness_us: float,
    client_delay_us: float | None,
    slip_us: float | None,
    expected: dict[str, str],
) -> None:
    found = run(tmp_path, lateness_us=lateness_us, client_delay_us=client_delay_us, slip_us=slip_us)
    assert rules(found.verdict) == expected
    assert figures(found)["rate"] == "valid"
    if expected == {"load-side": "inconclusive"}:
        assert found.verdict.verdict == "inconclusive"
        assert figures(found)["p50"] == "inconclusive"
        assert any(each.rule == "load-side" for each in figure(found, "p50").reasons)


@pytest.mark.parametrize("unmeasured", [1, 2])
def test_workers_that_did_not_measure_their_own_delay_are_a_note(tmp_path: Path, unmeasured: int) -> None:
    folder = Synthetic(stall_at_s=None).write(tmp_path / "run")
    path = folder / "locust-stats.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    without = sorted({row["worker"] for row in rows} - {"all"})[:unmeasured]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row in rows:
            gone = [name for name in row if name.startswith("lateness_")] if row["worker"] in without else []
            writer.writerow(row | dict.fromkeys(gone, ""))
    found = judge_run(folder)
    assert (found.verdict.verdict, rules(found.verdict)) == ("valid", {"own-delay-unknown": "note"})
    assert f"{unmeasured} of 2 workers did not measure their own delay ({', '.join(without)})" in text(
        found.verdict, "own-delay-unknown"
    )


@pytest.mark.parametrize(
    ("client_delay_us", "slip_us", "expected"),
    [
        (3000.0, None, {}),  # 4.7 % of the 64 ms from one operation of a user to its next
        (8000.0, None, {"users-held-back": "note"}),
        (20_000.0, None, {"users-held-back": "inconclusive"}),
        (20_000.0, 35.0, {}),  # an open loop sends all the same
    ],
)
def test_replies_that_wait_for_the_worker_lower_the_rate_of_a_closed_loop(
    tmp_path: Path, client_delay_us: float, slip_us: float | None, expected: dict[str, str]
) -> None:
    found = run(tmp_path, client_delay_us=client_delay_us, slip_us=slip_us)
    assert rules(found.verdict) == expected
    assert figures(found) == VALID | {"rate": "inconclusive" if "inconclusive" in expected.values() else "valid"}


@pytest.mark.parametrize(
    ("away_percent", "slip_us", "expected"),
    [
        (1.9, None, {}),
        (4.5, None, {"worker-away": "note"}),  # stopped for 50 ms each second
        (10.0, None, {"worker-away": "inconclusive"}),
        (10.0, 35.0, {}),  # an open loop sends what was due
    ],
)
def test_a_worker_that_is_away_lowers_the_rate_of_a_closed_loop(
    tmp_path: Path, away_percent: float, slip_us: float | None, expected: dict[str, str]
) -> None:
    found = run(tmp_path, lateness_us=60.0, client_delay_us=40.0, away_percent=away_percent, slip_us=slip_us)
    assert rules(found.verdict) == expected
    assert figures(found) == VALID | {"rate": "inconclusive" if "inconclusive" in expected.values() else "valid"}
    assert [each.rule for each in figure(found, "rate").reasons] == list(expected)


def test_a_run_of_which_only_the_median_is_shaped_keeps_its_slow_percentiles(tmp_path: Path) -> None:
    found = run(tmp_path, lateness_us=180.0)
    assert figures(found) == VALID | {"p50": "inconclusive"}
    assert found.verdict.verdict == "inconclusive"


def test_too_few_operations_concern_the_figure_and_leave_the_run_valid(tmp_path: Path) -> None:
    found = run(tmp_path, operations={"get": 400.0, "create": 20.0})
    assert found.verdict.verdict == "valid"
    assert figures(found) == VALID
    assert figures(found, "create") == {
        "rate": "valid", "p50": "valid", "p99": "inconclusive", "p99.9": "inconclusive",
    }  # fmt: skip
    told = figure(found, "p99", "create").reasons[0].text
    assert "operations create " in told
    assert " lie beyond p99, so it depends on chance." in told
    few = run(tmp_path / "few", operations={"get": 100.0})
    assert (few.verdict.verdict, rules(few.verdict)) == ("valid", {"few-operations": "note"})
    assert figures(few) == VALID | {"p99.9": "inconclusive"}


def test_an_operation_without_success_has_no_percentiles(tmp_path: Path) -> None:
    found = run(tmp_path, operations={"get": 400.0, "create": 0.0}, stall_at_s=18.0, failures_in_stall=1)
    assert figures(found, "create") == {"rate": "inconclusive", "p50": "void", "p99": "void", "p99.9": "void"}


def test_the_figures_of_a_void_run_are_void(tmp_path: Path) -> None:
    found = run(tmp_path, workers=1, worker_lost_at_s=20)
    assert {(each.verdict, each.reasons[0].rule) for each in found.figures} == {("void", "all-workers-lost")}


def test_what_makes_the_run_inconclusive_holds_for_each_figure(tmp_path: Path) -> None:
    found = run(tmp_path, worker_lost_at_s=25)
    assert rules(found.verdict) == {"worker-lost": "inconclusive"}
    assert {each.verdict for each in found.figures} == {"inconclusive"}


@pytest.mark.parametrize(
    ("waits", "expected"),
    [
        ((2_000_000,) * 20, VALID | {"p99": "inconclusive", "p99.9": "inconclusive"}),
        ((2_000_000,), VALID),  # one may have met a slow operation
        (tuple(range(30, 990, 30)), VALID),  # under way as in any run
    ],
)
def test_operations_without_a_reply_spoil_the_percentiles_that_they_would_raise(
    tmp_path: Path, waits: tuple[int, ...], expected: dict[str, str]
) -> None:
    found = run(tmp_path, censored_us=waits)
    assert figures(found) == expected
    if expected != VALID:
        assert found.verdict.verdict == "inconclusive"
        assert text(found.verdict, "censored").startswith("20 operations that never got a reply had waited longer than")
        assert "the longest 2,000 ms" in text(found.verdict, "censored")


@pytest.mark.parametrize(
    ("suppressed", "expected"), [(0, {}), (3, {"suppressed": "note"}), (40, {"suppressed": "inconclusive"})]
)
def test_suppressed_failures_are_judged_as_failures_are(
    tmp_path: Path, suppressed: int, expected: dict[str, str]
) -> None:
    found = run(tmp_path, suppressed=suppressed)
    assert rules(found.verdict) == expected
    assert found.headline.total.suppressed == suppressed


def test_suppressed_failures_of_a_rare_operation_are_inconclusive(tmp_path: Path) -> None:
    found = run(tmp_path, operations={"create": 3.0, "get": 600.0}, suppressed=3)
    assert rules(found.verdict) == {"suppressed": "inconclusive"}


@pytest.mark.parametrize(("missed", "expected"), [(3, {"missed": "note"}), (40, {"missed": "inconclusive"})])
def test_missed_operations_make_another_load(tmp_path: Path, missed: int, expected: dict[str, str]) -> None:
    found = rules(run(tmp_path, missed=missed, **OPEN).verdict)
    assert {rule: found[rule] for rule in expected} == expected
    assert ("not-achieved" in found) == (missed == 40)


@pytest.mark.parametrize(("dropped", "p999", "p99"), [(1, "valid", "valid"), (5, "inconclusive", "valid")])
def test_a_few_dropped_operations_spoil_the_percentiles_that_they_may_lie_beyond(
    tmp_path: Path, dropped: int, p999: str, p99: str
) -> None:
    found = run(tmp_path, dropped=dropped, **OPEN)
    assert figures(found) == VALID | {"p99": p99, "p99.9": p999}
    assert rules(found.verdict) | {"dropped": ""} == {"dropped-share": "note", "dropped": ""}


def test_many_dropped_operations_are_inconclusive(tmp_path: Path) -> None:
    found = run(tmp_path, dropped=200, **OPEN)
    assert figures(found) == INCONCLUSIVE
    assert rules(found.verdict)["dropped-share"] == rules(found.verdict)["not-achieved"] == "inconclusive"


@pytest.mark.parametrize(("share", "expected"), [(0.0005, False), (1 / 6, True)])
def test_operations_that_a_frozen_server_never_answered_were_not_achieved(
    tmp_path: Path, share: float, expected: bool
) -> None:
    without = run(tmp_path / "without", **OPEN).headline.total.operations
    waits = tuple(range(100, 100 + round(without * share)))
    found = run(tmp_path, censored_us=waits, **OPEN)
    assert ("not-achieved" in rules(found.verdict)) == expected
    assert figures(found)["rate"] == ("inconclusive" if expected else "valid")


@pytest.mark.parametrize(
    ("changes", "spoilt"),
    [
        ({"latency_factor": lambda at_s: 1 + 3 * max(0.0, at_s - 5) / 30}, ["p50", "p99", "p99.9"]),
        ({"rate_factor": lambda at_s: 1 + max(0.0, at_s - 5) / 30}, ["rate"]),
        ({"rate_factor": lambda at_s: 1 + 0.05 * max(0.0, at_s - 5) / 30}, []),
    ],
    ids=["latency-fourfold", "rate-twofold", "rate-a-little"],
)
def test_a_drift_is_found_in_the_figures_that_drift(tmp_path: Path, changes: dict[str, Any], spoilt: list[str]) -> None:
    found = run(tmp_path, noise=0.1, **changes)
    assert figures(found) == VALID | dict.fromkeys(spoilt, "inconclusive")
    assert rules(found.verdict) == ({"not-stationary": "inconclusive"} if spoilt else {})


@pytest.mark.parametrize(("fallen", "told"), [(17, False), (13, True)])
def test_a_trend_is_as_clear_as_so_many_series_need(tmp_path: Path, fallen: int, told: bool) -> None:
    """Two operations have nine series, of which chance brings some to |z| = 2.58 in nearly 1 of 10 steady runs."""
    order = list(range(30))
    order[6 : 6 + fallen] = reversed(order[6 : 6 + fallen])  # z of 2.9 and 5.0
    found = run(tmp_path, latency_factor=lambda at_s: 1.1 ** order[min(29, max(0, int(at_s - 5)))])
    drift = found.steadiness.latency["all operations", 50.0]
    assert drift.factor > 2
    assert (drift.z > 3.26) == told
    assert drift.z > 2.6
    assert found.steadiness.series == 9
    assert ("not-stationary" in rules(found.verdict)) == told


def test_chance_brings_about_a_trend_in_few_steady_runs() -> None:
    series, runs = 9, 400
    noise = np.random.default_rng(5).normal(size=(runs, series, 20))
    largest = [max(abs(drift.z) for values in each if (drift := steadiness.drift_of(values))) for each in noise]
    assert sum(z >= steadiness.least_z(0.01, series) for z in largest) <= 0.02 * runs
    assert sum(z >= steadiness.least_z(0.01) for z in largest) >= 0.04 * runs


def test_a_ramp_that_was_planned_is_no_drift(tmp_path: Path) -> None:
    found = run(tmp_path, rate_factor=lambda at_s: 1 + max(0.0, at_s - 5) / 30, **OPEN)
    assert rules(found.verdict) == {}


@pytest.mark.parametrize(
    ("values", "z"), [(range(10), 3.94), (range(10, 0, -1), -3.94), ([5.0] * 10, 0.0), ([1, 3, 2, 4, 6, 5], 1.88)]
)
def test_the_trend_is_that_of_mann_and_kendall(values: Any, z: float) -> None:
    """Reference for ten rising values: S = 45, variance 125 (Gilbert 1987, section 16.4)."""
    drift = steadiness.drift_of([float(value) for value in values])
    assert drift is not None
    assert drift.z == pytest.approx(z, abs=0.01)
    assert steadiness.drift_of([1.0] * 5) is None


def quiet(folder: Path, numbers: range) -> None:
    """Remove all successes of these measured intervals, from both files."""
    lines = [json.loads(line) for line in (folder / "locust-distrib.jsonl").read_text().splitlines()]
    gone = [line for line in lines if line["stage"] == "measured" and line["interval"] in numbers]
    (folder / "locust-distrib.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines if x not in gone))
    with (folder / "locust-stats.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["name"] == "Aggregated" and row["worker"] == "all" and row["stage"] == "measured":
            lost = sum(line["requests"] for line in gone if line["interval"] <= int(row["interval"]))
            row["requests"] = str(int(row["requests"]) - lost)
    with (folder / "locust-stats.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"stalls": "inconclusive"}),
        (OPEN, {"stalls": "note"}),  # its response times contain the wait
        ({"operations": {"get": 4.0}}, {"few-operations": "note"}),  # so few that a second without one is chance
    ],
)
def test_a_stall_is_hidden_by_a_closed_loop_only(
    tmp_path: Path, changes: dict[str, Any], expected: dict[str, str]
) -> None:
    folder = Synthetic(stall_at_s=None, **changes).write(tmp_path / "run")
    quiet(folder, range(13, 16))
    found = rules(judge_run(folder).verdict)
    found.pop("not-achieved", None)
    assert found == expected


@pytest.mark.parametrize(
    ("users_at", "expected"),
    [
        (lambda at_s: 8 if at_s < 20 else 32, {"users-missing": "inconclusive"}),
        (lambda at_s: 31 if at_s == 20 else 32, {}),
        (lambda at_s: 8 if at_s <= 5 else 32, {}),  # only the measured stage counts
    ],
)
def test_users_that_are_missing_for_a_while_are_inconclusive(
    tmp_path: Path, users_at: Callable[[float], int], expected: dict[str, str]
) -> None:
    found = run(tmp_path, users_at=users_at)
    assert rules(found.verdict) == expected
    if expected:
        assert text(found.verdict, "users-missing").startswith("In 14 of 30 measured intervals fewer than the 32")


@pytest.mark.parametrize(("until_s", "late"), [(4.0, False), (6.0, False), (25.0, True)])
def test_a_worker_that_joins_late_is_inconclusive(tmp_path: Path, until_s: float, late: bool) -> None:
    found = run(tmp_path, worker_late_until_s=until_s)
    assert ("worker-late" in rules(found.verdict)) == late
    if late:
        assert "1 of 2 workers" in text(found.verdict, "worker-late")
        assert "load2 from its interval 21 of 30 on" in text(found.verdict, "worker-late")


def all_on_one(member: str, _at_s: float) -> dict[str, object]:
    return {"num_alive_connections": 32 if member == "zk1" else 0}


def moved(member: str, at_s: float) -> dict[str, object]:
    leader = "zk2" if at_s < 20 else "zk3"
    return {"server_state": "leader" if member == leader else "follower"}


@pytest.mark.parametrize(
    ("poll", "expected"),
    [
        (lambda _member, _at_s: {"looking_count": 1}, {}),
        (moved, {"leader-change": "inconclusive"}),
        (lambda _member, at_s: {"looking_count": 1 if at_s < 20 else 2}, {"leader-change": "inconclusive"}),
        (lambda _member, at_s: {"looking_count": 1 if at_s < 3 else 2}, {}),  # in the warm-up
        (all_on_one, {"sessions-uneven": "inconclusive"}),
        (lambda member, _at_s: {"num_alive_connections": {"zk1": 15, "zk2": 10}.get(member, 7)}, {}),
        (lambda _member, at_s: {"outstanding_requests": 10 * max(0, at_s)}, {"outstanding-requests": "inconclusive"}),
        (lambda _member, at_s: {"outstanding_requests": int(at_s) % 7}, {}),
        (lambda _member, _at_s: {"outstanding_requests": 1000}, {"outstanding-requests": "inconclusive"}),
    ],
    ids=["sound", "leader", "election", "early", "uneven", "random", "grows", "some", "limit"],
)
def test_what_the_members_did_is_judged(
    tmp_path: Path, poll: Callable[[str, float], dict[str, object]], expected: dict[str, str]
) -> None:
    assert rules(run(tmp_path, poll=poll).verdict) == expected


def test_retransmissions_spoil_the_percentiles_beyond_which_they_may_lie(tmp_path: Path) -> None:
    def lossy(host: str, process: str, _at_s: float) -> dict[str, object]:
        return {} if process or host != "zk1" else {"tcp_retransmits_per_s": "3.0"}

    found = run(tmp_path, host_sample=lossy)
    assert figures(found) == VALID | {"p99.9": "inconclusive"}
    assert "3.3 TCP segments a second again" in text(found.verdict, "retransmissions")


@pytest.mark.parametrize(
    ("by_zookeeper", "expected"),
    [
        (1_400_000.0, {"disk-saturated": "note"}),
        (1_000.0, {"disk-saturated": "inconclusive"}),
    ],
)
def test_a_saturated_disk_is_a_reason(tmp_path: Path, by_zookeeper: float, expected: dict[str, str]) -> None:
    def busy(host: str, process: str, _at_s: float) -> dict[str, object]:
        if host != "zk2":
            return {}
        return {"disk_write_bytes_per_s": by_zookeeper} if process else {"disk_busy_percent": "97.0"}

    assert rules(run(tmp_path, host_sample=busy).verdict) == expected


@pytest.mark.parametrize(
    ("host", "step_s", "client_delay_us", "expected"),
    [
        ("load1", 0.4, 60.0, {"clock-stepped": "inconclusive"}),  # the kernel's stamps are of that clock
        ("load1", -0.4, None, {"clock-stepped": "note"}),
        ("zk1", 0.4, 60.0, {"clock-stepped": "note"}),
        ("load1", 0.02, 60.0, {}),
    ],
)
def test_a_wall_clock_that_is_set_during_the_load_is_a_reason(
    tmp_path: Path, host: str, step_s: float, client_delay_us: float | None, expected: dict[str, str]
) -> None:
    folder = Synthetic(stall_at_s=None, client_delay_us=client_delay_us).write(tmp_path / "run")
    path = folder / "host-metrics.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["host"] == host and float(row["elapsed_s"]) > 20:
            row["elapsed_s"] = f"{float(row['elapsed_s']) - step_s:.6f}"  # the label is ahead of it from now on
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert rules(judge_run(folder).verdict) == expected


def test_the_figures_are_in_the_verdict_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from reporting.cli import main

    folder = Synthetic(stall_at_s=None).write(tmp_path / "run")
    assert main(["verdict", str(folder)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["figures"][0].keys() == {"operation", "figure", "clock", "value", "verdict", "reasons"}
    assert told["figures"][1] == {
        "operation": "all operations",
        "figure": "p50",
        "clock": "service",
        "value": judge_run(folder).headline.total.p50_us,
        "verdict": "valid",
        "reasons": [],
    }


def test_the_table_of_an_open_loop_says_which_clock_its_verdicts_are_of(tmp_path: Path, sound: JudgedRun) -> None:
    said = "Verdicts of latencies are on response time"
    assert said in report_tables.headline(run(tmp_path, **OPEN)).note
    assert said not in report_tables.headline(sound).note
