"""A long run is read in bounded memory, and neither its verdict nor its charts hide what one interval had."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from locust_extra.columns import AGGREGATED, STATS_COLUMNS
from reporting import judge_run
from reporting.analyse import machine_samples, series
from reporting.analyse.timeline import Interval, Timeline
from reporting.read import combining, csv_complete, load_files
from reporting.read.combining import Distributions
from reporting.read.distributions import Distribution, DistributionLine
from reporting.read.problems import ProblemLog
from reporting.render import chart_list
from reporting.render.chart import Figure
from reporting.verdict.judged_run import JudgedRun
from tests.unit.reporting.synthetic import START, Synthetic, distribution

INTERVAL_S = 2.0
INTERVALS = 43_200  # 24 hours
STILL, SLOW = 20_001, 30_003
SLOW_US = 900_000


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JudgedRun]:
    """24 hours with one interval without any operation and one slow one, 20 operations in each other."""
    folder = tmp_path_factory.mktemp("day")
    bodies = [_body(at) for at in range(7)]
    with (folder / "locust-distrib.jsonl").open("w") as file, (folder / "locust-stats.csv").open("w") as stats:
        stats.write(",".join(STATS_COLUMNS) + "\n")
        done = 0
        for number in range(INTERVALS):
            end_s = (number + 1) * INTERVAL_S
            stamp = (START + timedelta(seconds=end_s)).isoformat(timespec="microseconds")
            head = {"timestamp": stamp, "elapsed_s": end_s, "interval_s": INTERVAL_S, "stage": "measured"}
            head |= {"interval": number, "type": "zookeeper", "name": "get"}
            if number != STILL:
                done += 20
                body = _body(0, SLOW_US) if number == SLOW else bodies[number % len(bodies)]
                file.write(f"{json.dumps(head)[:-1]}, {body[1:]}\n")
            row = {"timestamp": stamp, "elapsed_s": end_s, "stage": "measured", "interval": number, "worker": "all"}
            row |= {"name": AGGREGATED, "requests": done, "failures": 0, "offered": done, "missed": 0, "dropped": 0}
            stats.write(",".join(str(row.get(name, "")) for name in STATS_COLUMNS) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(combining, "MOST_HELD", 300_000)
        patch.setattr(csv_complete, "MOST_ROWS_EXACT", 40_000)
        yield judge_run(folder)


def _body(seed: int, more_us: int = 0) -> str:
    found = distribution(np.random.default_rng(seed).integers(500, 900, 20) + more_us)
    pairs = zip(found.histogram.values_us.tolist(), found.histogram.counts.tolist(), strict=True)
    fields = {"requests": 20, "failures": 0, "sum_us": found.sum_us, "min_us": found.min_us, "max_us": found.max_us}
    return json.dumps(fields | {"overflows": 0, "histogram": {str(low): count for low, count in pairs}})


def drawn(judged: JudgedRun, slug: str) -> pd.DataFrame:
    """The points of a chart as the page holds them."""
    figure: Figure = next(each for each in chart_list.build(judged) if each.slug == slug)
    datasets: dict[str, list[dict[str, Any]]] = figure.page_spec()["datasets"]
    return pd.DataFrame(next(rows for rows in datasets.values() if any("least" in row for row in rows)))


def test_memory_is_bounded_and_every_operation_counted(day: JudgedRun) -> None:
    assert day.run.together == 60
    assert len(day.run.distributions) == INTERVALS / 60
    assert day.headline.total.operations == 20 * (INTERVALS - 1)
    assert len(day.run.intervals[day.run.intervals["operation"] == "get"]) == INTERVALS - 1
    assert not any(problem.lost_figures for problem in day.run.problems)


def test_an_outage_of_one_interval_is_judged(day: JudgedRun) -> None:
    assert day.headline.open_loop
    stalls = [reason.text for reason in day.verdict.reasons if reason.rule == "stalls"]
    assert stalls
    assert f"No operation succeeded in 1 of 43200 measured intervals, the first at {STILL * 2:.0f} s" in stalls[0]


@pytest.mark.parametrize(("slug", "series_"), [("rate", "get"), ("offered", "achieved"), ("offered", "offered")])
def test_an_outage_of_one_interval_is_drawn(day: JudgedRun, slug: str, series_: str) -> None:
    found = drawn(day, slug)
    found = found[found["series"] == series_]
    assert len(found) <= series.MAX_BINS
    hours = STILL * INTERVAL_S / 3600
    still = found[found["least"] == 0]
    assert still["time"].to_list() == [pytest.approx(hours, abs=0.2)]
    assert found["least"].drop(still.index).to_list() == pytest.approx([10.0] * (len(found) - 1))
    assert found["greatest"].max() == pytest.approx(10.0)


def test_a_slow_interval_is_drawn(day: JudgedRun) -> None:
    found = drawn(day, "latency")
    slow = found[found["greatest"] > SLOW_US / 1000]
    assert slow["time"].to_list() == [pytest.approx(SLOW * INTERVAL_S / 3600, abs=0.2)]
    others = found[found["time"] != slow["time"].item()]
    assert others["greatest"].max() < 1
    assert found["value"].max() < 1  # p99 of all operations of the point does not show it


def lines(count: int, *, stage: str = "measured", first: int = 0, operations: int = 2) -> list[DistributionLine]:
    rng = np.random.default_rng(3)
    return [
        DistributionLine(
            timestamp=1e9 + number,
            elapsed_s=float(number + 1),
            interval_s=1.0,
            stage=stage,
            interval=number,
            operation=f"o{operation}",
            distribution=_with_clock(rng.lognormal(7, 1, int(rng.integers(1, 40)))),
            last_interval=number,
        )
        for number in range(first, first + count)
        for operation in range(operations)
    ]


def _with_clock(values: Any) -> Distribution:
    found = distribution(values)
    return Distribution(
        *(found.histogram, found.requests, 1, found.sum_us, found.min_us, found.max_us, 0, 0),
        response=distribution(values * 2),
    )


@pytest.fixture
def few_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(combining, "MOST_HELD", 20_000)


def whole(found: Distributions) -> Distribution:
    return Distribution.merged(line.distribution for line in found.lines)


def test_combining_loses_nothing(few_held: None) -> None:
    single = lines(700)
    found = combining.combined(single)
    assert found.together == 5
    assert len(found.lines) == 2 * 700 / 5
    for line in found.lines:
        assert line.interval // 5 == line.last_interval // 5
        assert line.interval_s == 5
        assert line.elapsed_s == line.last_interval + 1
    total, expected = whole(found), Distribution.merged(line.distribution for line in single)
    for ours, theirs in ((total, expected), (total.response, expected.response)):
        assert ours is not None
        assert theirs is not None
        assert ours.histogram.buckets.tolist() == theirs.histogram.buckets.tolist()
        assert ours.histogram.counts.tolist() == theirs.histogram.counts.tolist()
        assert (ours.requests, ours.failures, ours.sum_us) == (theirs.requests, theirs.failures, theirs.sum_us)
        assert (ours.min_us, ours.max_us) == (theirs.min_us, theirs.max_us)


@pytest.mark.parametrize("count", [300, 700])
def test_the_figures_of_each_interval_are_those_of_its_distributions(few_held: None, count: int) -> None:
    single = lines(count)
    found = combining.combined(single)
    assert found.together == (5 if count > 600 else 1)
    figures = {(row["operation"], row["interval"]): row for row in found.figures.to_dict("records")}
    assert len(figures) == len(found.figures) == 3 * count
    for number in range(0, count, 7):
        here = [line for line in single if line.interval == number]
        of_all = Distribution.merged(line.distribution for line in here)
        for name, expected in [(line.operation, line.distribution) for line in here] + [(AGGREGATED, of_all)]:
            row = figures[name, number]
            assert (row["requests"], row["failures"]) == (expected.requests, expected.failures)
            assert [row["service_p50_us"], row["service_p99_us"]] == expected.percentiles_us([50, 99])
            assert expected.response is not None
            assert [row["response_p50_us"], row["response_p99_us"]] == expected.response.percentiles_us([50, 99])
            assert np.isnan(row["slip_p99_us"])


@pytest.mark.parametrize("late_by", [1, 650])
def test_figures_of_a_worker_that_reports_late_are_added(few_held: None, late_by: int) -> None:
    single = lines(700, operations=1)
    late = lines(1, operations=1)[0]
    found = combining.combined([*single[: 1 + late_by], late, *single[1 + late_by :]])
    assert whole(found).requests == sum(line.distribution.requests for line in [*single, late])
    first = found.figures[(found.figures["interval"] == 0) & (found.figures["operation"] == "o0")]
    assert first["requests"].to_list() == [single[0].distribution.requests + late.distribution.requests]
    assert first["elapsed_s"].to_list() == [1.0]


@pytest.mark.parametrize(("count", "together"), [(601, 5), (7_000, 30), (10_000, 60), (40_000, 300), (300_000, 1800)])
@pytest.mark.parametrize("first", [0, 3])
def test_no_bin_divides_intervals_that_are_combined(count: int, together: int, first: int) -> None:
    assert max(width for width, above in combining.WIDTHS if count > above) == together
    intervals = tuple(Interval("measured", n - first, n - first + 1.0, n) for n in range(first, first + count))
    found = series.bins(Timeline(intervals, (), 0.0, 0.0, together=together))
    assert [n for each in found for n in each.numbers] == [each.number for each in intervals]
    assert all(each.numbers[0] % together == 0 for each in found[1:])
    assert len(found) <= series.MAX_BINS + 2


def test_a_point_of_several_samples_keeps_the_least() -> None:
    time_s = pd.Series(np.arange(1, 101, dtype=float))
    values = pd.Series(np.where(time_s == 42, 0.0, 50.0))
    found = machine_samples.over_time(time_s, pd.Series("load1", index=time_s.index), values, 10.0)
    assert found["value"].to_list() == [50.0] * 10
    assert found["value_least"].to_list() == [50.0] * 4 + [0.0] + [50.0] * 5


def test_a_line_that_only_json_reads_is_read_as_before(tmp_path: Path) -> None:
    run = Synthetic(run_time_s=3, warm_up_s=1, stall_at_s=None).write(tmp_path / "run")
    file = run / "locust-distrib.jsonl"
    texts = file.read_text().splitlines()
    texts[1] = texts[1][:-1] + ', "remark": NaN}'
    texts[2] = texts[2][:-1] + ', "remark": }'
    file.write_text("\n".join(texts) + "\n")
    problems = ProblemLog()
    assert len(list(load_files.read_distributions(file, problems))) == len(texts) - 1
    assert [str(each) for each in problems.all()] == [
        "locust-distrib.jsonl:3: is not JSON (Expecting value); the line is left out"
    ]
