"""What the charts are drawn from: nothing is lost by putting intervals together, and points stay few."""

import itertools
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reporting import judge_run
from reporting.analyse import series
from reporting.analyse.timeline import Interval, Timeline
from reporting.verdict.judged_run import JudgedRun
from tests.unit.reporting.synthetic import Synthetic


def timeline_of(lengths: dict[str, int], interval_s: float, rest_s: float) -> Timeline:
    intervals, at_s = [], 0.0
    for stage, count in lengths.items():
        for number in range(count):
            length_s = rest_s if number == count - 1 else interval_s
            intervals.append(Interval(stage, at_s, at_s + length_s, number))
            at_s += length_s
    return Timeline(tuple(intervals), (), 0.0, 0.0)


@settings(deadline=None, max_examples=40)  # the machine may be busy; an example has up to 40,000 intervals
@given(st.integers(0, 400), st.integers(1, 40_000), st.floats(0.1, 60), st.floats(0.001, 1.0))
def test_bins_cover_every_interval_once_and_are_few(
    warm_up: int, measured: int, interval_s: float, rest: float
) -> None:
    timeline = timeline_of({"warm-up": warm_up, "measured": measured}, interval_s, rest * interval_s)
    found = series.bins(timeline)
    assert [(b.stage, n) for b in found for n in b.numbers] == [(i.stage, i.number) for i in timeline.intervals]
    assert len(found) <= series.MAX_BINS + 2
    assert sum(b.length_s for b in found) == pytest.approx(sum(i.length_s for i in timeline.intervals))
    for before, after in itertools.pairwise(found):
        assert after.stage != before.stage or after.length_s >= before.length_s * 0.49


@pytest.mark.parametrize("interval_s", [0.1, 1.0, 7.0])
def test_rates_times_lengths_are_the_operations(tmp_path: Path, interval_s: float) -> None:
    found = judge_run(Synthetic(interval_s=interval_s, failures_in_stall=3).write(tmp_path / "run"))
    load = series.load_series(found.run, found.timeline)
    rates = load.rates()
    lengths = {b.middle_s: b.length_s for b in load.bins}
    operations = (rates["rate_per_s"] * rates["time_s"].map(lengths)).sum()
    failures = (rates["failures_per_s"] * rates["time_s"].map(lengths)).sum()
    assert operations == pytest.approx(sum(line.distribution.requests for line in found.run.distributions))
    assert failures == pytest.approx(sum(line.distribution.failures for line in found.run.distributions))


def test_an_interval_without_an_operation_is_a_zero_rate_and_a_gap_in_latency(tmp_path: Path) -> None:
    run = Synthetic(operations={"get": 300.0, "rare": 0.1}).write(tmp_path / "run")
    found = judge_run(run)
    load = series.load_series(found.run, found.timeline)
    rates = load.rates()
    assert (rates[rates["operation"] == "rare"]["rate_per_s"] == 0).any()
    assert len(rates[rates["operation"] == "rare"]) == len(load.bins)
    assert load.latencies("rare")["latency_ms"].isna().any()
    assert not load.latencies()["latency_ms"].isna().any()


def test_curves_end_where_less_than_one_operation_lies_beyond(tmp_path: Path) -> None:
    found = judge_run(Synthetic(operations={"get": 300.0, "rare": 5.0}).write(tmp_path / "run"))
    curves = series.percentile_curves(found.run)
    ends = curves.groupby("operation")["inverse"].max()
    rows = {row.operation: row for row in found.headline.rows}
    assert ends["rare"] == pytest.approx(rows["rare"].operations)
    assert ends["get"] == pytest.approx(rows["get"].operations)
    assert curves["inverse"].min() == pytest.approx(2)
    rare = curves[(curves["operation"] == "rare") & (curves["inverse"] == 100.0)]
    assert rare["latency_ms"].item() * 1000 == rows["rare"].p99_us
    assert all(group["latency_ms"].is_monotonic_increasing for _, group in curves.groupby("operation"))


def test_a_member_that_was_away_leaves_a_gap(troubled: JudgedRun) -> None:
    found = series.members(troubled.run, troubled.timeline, "avg_latency")
    away = found[(found["member"] == "zk1") & (found["time_s"] > 10) & (found["time_s"] < 19)]
    assert len(away) == 9
    assert away["value"].isna().all()
    assert not found[found["member"] == "zk2"]["value"].isna().any()


def test_many_polls_are_put_together(tmp_path: Path) -> None:
    load = Synthetic(operations={"get": 1.0}, run_time_s=400, members=2, workers=1, host_sample=lambda *_: None)
    found = judge_run(load.write(tmp_path / "run"))
    polls = series.members(found.run, found.timeline, "outstanding_requests")
    assert polls.groupby("member").size().max() <= series.MAX_BINS
    assert polls["value"].max() == 31  # the stall's queue is not averaged away


def test_a_short_absence_in_a_long_run_leaves_a_gap(tmp_path: Path) -> None:
    load = Synthetic(
        operations={"get": 1.0}, run_time_s=1_200, members=2, workers=1, member_down=(600, 602),
        host_sample=lambda *_: None,
    )  # fmt: skip
    found = judge_run(load.write(tmp_path / "run"))
    polls = series.members(found.run, found.timeline, "num_alive_connections")
    away = polls[polls["value"].isna()]
    assert set(away["member"]) == {"zk1"}
    assert 600 <= away["time_s"].min() <= away["time_s"].max() <= 610
    beside = polls[(polls["member"] == "zk1") & polls["time_s"].between(596, 606)]
    assert beside["value"].notna().sum() >= 2, "what was answered in that time is still there"


def test_a_metric_that_nobody_gave_is_empty(sound: JudgedRun) -> None:
    assert len(series.members(sound.run, sound.timeline, "no_such_metric")) == 0


def test_worker_cpu_is_used_plus_waited(sound: JudgedRun) -> None:
    found = series.worker_cpu(sound.run, sound.timeline)
    assert set(found["worker"]) == {"load1", "load2"}
    assert found["runnable_percent"].mean() == pytest.approx(49, abs=2)
    assert found["waiting_percent"].mean() == pytest.approx(4, abs=0.7)
    assert not any(math.isnan(value) for value in found["time_s"])
