"""Members' counters as differences between polls."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reporting import load_run
from reporting.analyse import member_rates, series
from reporting.read import csv_complete
from reporting.read.member_metrics import NUMBERS_WANTED
from reporting.render import drawing, member_charts
from reporting.verdict.judged_run import JudgedRun
from tests.unit.reporting.synthetic import Synthetic

Polls = list[dict[str, object]]


def run_of(folder: Path, polls: Polls) -> JudgedRun:
    """A run with one member and these polls, one at each second of the load from its third on."""
    run = Synthetic(members=1, run_time_s=10, host_sample=lambda *_: None).write(folder / "run")
    with (run / "zk-metrics.csv").open("w", newline="") as file:
        label = ["timestamp", "elapsed_s", "member", "reachable"]
        names = list(dict.fromkeys(name for poll in polls for name in poll if name not in label))
        writer = csv.DictWriter(file, [*label, *names], restval="")
        writer.writeheader()
        for second, poll in enumerate(polls, start=3):
            at = {"timestamp": f"2026-11-24T03:15:{second:02}+00:00", "elapsed_s": 100 + second}
            writer.writerow(at | {"member": "zk1", "reachable": 1} | poll)
    return load_run(run)


def column(polls: pd.DataFrame, name: str) -> list[float | None]:
    return [None if math.isnan(value) else round(value, 6) for value in polls[name]]


def test_a_mean_is_that_of_the_time_between_two_polls(tmp_path: Path) -> None:
    judged = run_of(
        tmp_path,
        [
            {"uptime": 1, "cnt_updatelatency": 1000, "sum_updatelatency": 2000, "packets_received": 100},
            {"uptime": 2, "cnt_updatelatency": 1010, "sum_updatelatency": 2500, "packets_received": 160},
            {"uptime": 3, "cnt_updatelatency": 1010, "sum_updatelatency": 2500, "packets_received": 160},
            {"uptime": 4, "cnt_updatelatency": 1020, "sum_updatelatency": 2510, "packets_received": 170},
        ],
    )
    found = member_rates.build(judged.run, judged.timeline)
    assert column(found, "update_latency_ms") == [None, 50, None, 1]
    assert column(found, "packets_received_per_s") == [None, 60, 0, 10]
    assert column(found, "start_s") == [None, 3, 4, 5]
    assert column(found, "time_s") == [3, 4, 5, 6]


def test_a_restart_gives_no_figure_and_no_negative_one(tmp_path: Path) -> None:
    judged = run_of(
        tmp_path,
        [
            {"uptime": 9000, "packets_received": 500, "packets_sent": 1},
            {"reachable": 0},
            # Since its restart it has sent more than before it.
            {"uptime": 10, "packets_received": 20, "packets_sent": 15},
            {"uptime": 20, "packets_received": 25, "packets_sent": 17},
        ],
    )
    found = member_rates.build(judged.run, judged.timeline)
    assert column(found, "packets_received_per_s") == [None, None, None, 5]
    assert column(found, "packets_sent_per_s") == [None, None, None, 2]


def test_a_restart_is_seen_in_the_uptime_alone(tmp_path: Path) -> None:
    judged = run_of(tmp_path, [{"uptime": 9000, "packets_sent": 1}, {"uptime": 10, "packets_sent": 15}])
    assert column(member_rates.build(judged.run, judged.timeline), "packets_sent_per_s") == [None, None]


def test_a_rate_over_an_unanswered_poll_is_that_of_the_time_between_the_answers(tmp_path: Path) -> None:
    judged = run_of(tmp_path, [{"packets_sent": 10}, {"reachable": 0}, {"packets_sent": 30}])
    found = member_rates.build(judged.run, judged.timeline)
    assert column(found, "packets_sent_per_s") == [None, None, 10]
    assert column(found, "start_s") == [None, None, 3]


def test_a_metric_without_a_cell_was_0_where_the_member_tells_all(tmp_path: Path) -> None:
    pause: dict[str, object] = {"cnt_jvm_pause_time_ms": 1, "sum_jvm_pause_time_ms": 700}
    judged = run_of(tmp_path, [{"uptime": 1}, {"uptime": 2}, {"uptime": 3} | pause])
    assert column(member_rates.build(judged.run, judged.timeline), "jvm_pause_ms") == [None, 0, 700]
    # `srvr` tells neither; the pause may have been long ago.
    judged = run_of(tmp_path / "srvr", [{"packets_sent": 1}, {"packets_sent": 2}, {"uptime": 3} | pause])
    assert column(member_rates.build(judged.run, judged.timeline), "jvm_pause_ms") == [None, None, None]


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"uptime": 5, "avg_latency": 1, "cnt_readlatency": 4, "sum_readlatency": 9}, {"member-read-latency"}),
        ({"avg_latency": 1}, {"member-average-latency"}),
        ({"uptime": 5, "cnt_fsynctime": 4, "sum_fsynctime": 9, "stale_requests": 3}, {"member-fsync"}),
        ({"packets_sent": 5}, {"member-packets"}),
        ({"uptime": 5, "throttled_ops": 3}, {"member-throttled"}),
    ],
)
def test_charts_show_what_the_members_tell(tmp_path: Path, told: dict[str, int], shown: set[str]) -> None:
    judged = run_of(tmp_path, [{name: value * n for name, value in told.items()} for n in range(1, 6)])
    figures = member_charts.of_members(judged, drawing.frame_of(judged.timeline, []))
    assert {figure.slug for figure in figures} == shown


def test_a_poll_without_an_answer_is_marked(tmp_path: Path) -> None:
    polls: Polls = [{"num_alive_connections": 3}, {"reachable": 0}, {"num_alive_connections": 3}]
    judged = run_of(tmp_path, polls)
    (figure,) = member_charts.of_members(judged, drawing.frame_of(judged.timeline, []))
    assert figure.caption.endswith("A triangle marks a time in which the member did not answer.")
    spec = figure.page_spec()
    (marks,) = [layer for layer in spec["layer"] if layer["mark"].get("shape") == "triangle-up"]
    assert [point["time"] for point in spec["datasets"][marks["data"]["name"]]] == [4]


def test_metrics_that_are_held_as_float32_give_the_same_figures(tmp_path: Path) -> None:
    # each fits into the 24 bits of a float32; their quotients do not
    first: dict[str, object] = {"uptime": 1, "packets_sent": 0, "cnt_readlatency": 0, "sum_readlatency": 0}
    more = {"uptime": 2, "packets_sent": 8_388_607, "cnt_readlatency": 3, "sum_readlatency": 16_777_213}
    judged = run_of(tmp_path, [first, first | more])
    exact = judged.run.metrics
    held = exact.astype(dict.fromkeys(NUMBERS_WANTED, np.float32))
    assert held.eq(exact)["sum_readlatency"].all()
    timeline = replace(judged.timeline, metrics_offset_s=judged.timeline.metrics_offset_s + 0.1)
    found = [member_rates.build(replace(judged.run, metrics=table), timeline) for table in (held, exact)]
    assert found[0].equals(found[1])
    assert found[0]["read_latency_ms"].tolist()[1] == 16_777_213 / 3
    values = series.members(replace(judged.run, metrics=held), timeline, "packets_sent")["value"]
    assert values.dtype == float


def test_metrics_of_a_long_run_take_half_the_memory_where_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    polls: Polls = [{"packets_sent": 2**24, "packets_received": 2**24 + 1, "uptime": 5}] * 3
    exact = run_of(tmp_path / "few", polls).run.metrics
    monkeypatch.setattr(csv_complete, "FEW_ROWS", 2)
    held = run_of(tmp_path / "many", polls).run.metrics
    narrow = ["packets_sent", "looking_count"]  # the latter, no member told
    assert (held[narrow].dtypes == np.float32).all()
    assert (held[["packets_received", "elapsed_s"]].dtypes == np.float64).all()
    assert (exact[narrow].dtypes == np.float64).all()
    assert held.astype(exact.dtypes).equals(exact)
