"""Other sources' clocks are laid over the load's clock."""

import csv
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from reporting.analyse import series, timeline
from reporting.read import run_folder
from reporting.verdict.judged_run import JudgedRun
from tests.unit.reporting.synthetic import START, Synthetic


def test_stages_follow_each_other(sound: JudgedRun) -> None:
    spans = [(span.stage, round(span.start_s, 3), round(span.end_s, 3)) for span in sound.timeline.spans]
    assert spans == [("warm-up", 0, 5), ("measured", 5, 35), ("cool-down", 35, 37)]


def test_the_members_clock_is_laid_over_the_loads(sound: JudgedRun) -> None:
    assert sound.timeline.load_start == pytest.approx(START.timestamp())
    assert sound.timeline.metrics_offset_s == pytest.approx(-1.5)
    requests = series.members(sound.run, sound.timeline, "outstanding_requests")
    stalled = requests[requests["value"] == 31]["time_s"]
    assert 18 <= stalled.min() <= stalled.max() < 20


def test_one_wrong_label_moves_nothing(tmp_path: Path) -> None:
    run = Synthetic().write(tmp_path / "run")
    with (run / "zk-metrics.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    rows[5][0] = "2031-01-01T00:00:00+00:00"
    with (run / "zk-metrics.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    assert timeline.build(run_folder.load(run)).metrics_offset_s == pytest.approx(-1.5)


@pytest.mark.parametrize("step_s", [2.0, -2.0])
def test_a_step_of_the_masters_wall_clock_moves_no_poll(tmp_path: Path, step_s: float) -> None:
    run = Synthetic(run_time_s=120).write(tmp_path / "run")
    # The load's figures begin later and end later than the polls: the medians of their labels lie apart.
    for name, first_s in (("locust-stats.csv", 60.0), ("zk-metrics.csv", 60.0)):
        with (run / name).open(newline="") as file:
            header, *rows = csv.reader(file)
        moved = []
        for row in rows:
            at = datetime.fromisoformat(row[0])
            if (at - START).total_seconds() >= first_s:
                row[0] = (at + timedelta(seconds=step_s)).isoformat(timespec="microseconds")
            if name == "locust-stats.csv" or (at - START).total_seconds() < 90:
                moved.append(row)
        with (run / name).open("w", newline="") as file:
            csv.writer(file).writerows([header, *moved])
    assert timeline.build(run_folder.load(run)).metrics_offset_s == pytest.approx(-1.5)
