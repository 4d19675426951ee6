"""Other sources' clocks are laid over the load's clock."""

import csv
import json
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from reporting.analyse import happenings, series, timeline, workers
from reporting.read import run_folder
from reporting.verdict.judged_run import JudgedRun
from tests.unit.reporting.slow_runs import SlowRun
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


def _stepped(run: Path, host: str, step_s: float) -> Path:
    """Set a host's clock 20 s after the load's start, as its samples show."""
    path, stepped_at = run / "host-metrics.csv", START + timedelta(seconds=20)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        at = datetime.fromisoformat(row["timestamp"])
        if row["host"] == host and at >= stepped_at:
            row["timestamp"] = (at + timedelta(seconds=step_s)).isoformat(timespec="microseconds")
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return run


@pytest.mark.parametrize("step_s", [2.0, -2.0])
def test_a_step_of_a_hosts_wall_clock_moves_neither_samples_nor_events(tmp_path: Path, step_s: float) -> None:
    run = _stepped(Synthetic().write(tmp_path / "run"), "zk1", step_s)
    loaded = run_folder.load(run)
    found = timeline.build(loaded)
    samples = loaded.host_metrics[loaded.host_metrics["host"] == "zk1"]
    assert (found.of_host_samples(samples) - (samples["elapsed_s"] - 2.4)).abs().max() < 0.001
    (step,) = found.clocks["zk1"].steps
    assert step.by_s == pytest.approx(step_s)
    labels = pd.Series([START.timestamp() + 10.0, START.timestamp() + 30.0 + step_s])
    assert found.at(labels, "zk1").tolist() == pytest.approx([10.0, 30.0], abs=0.001)
    told = happenings.happenings(loaded, found)
    assert told.loc[told["kind"] == "clock-step", "subject"].tolist() == ["zk1"]


@pytest.mark.parametrize("step_s", [2.0, -2.0])
def test_a_step_of_the_masters_wall_clock_moves_no_event_of_its_own(tmp_path: Path, step_s: float) -> None:
    run = _stepped(SlowRun().write(tmp_path / "run"), "load1", step_s)
    labels = [(START + timedelta(seconds=at_s)).isoformat() for at_s in (10.0, 30.0 + step_s)]
    with (run / "events.csv").open("a", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([labels[0], "master", "worker-late", "load1", "", 0.5, ""])
        writer.writerow([labels[1], "master", "worker-lost", "load2", "no heartbeat", "", ""])
    loaded = run_folder.load(run)
    found = timeline.build(loaded)
    (loss,) = workers.build(loaded, found, 90.0, 0.95).losses
    assert loss.at_s == pytest.approx(30.0, abs=0.001)
    told = happenings.happenings(loaded, found)
    at_s = told[told["kind"] != "clock-step"].set_index("kind")["start_s"]
    assert at_s.to_dict() == pytest.approx({"worker-late": 10.0, "worker-lost": 30.0}, abs=0.001)


def test_a_clock_drifts_evenly_between_the_two_times_it_was_measured(tmp_path: Path) -> None:
    run = Synthetic(clocks_ahead_s={"zk1": 0.0}).write(tmp_path / "run")
    manifest = json.loads((run / "manifest.json").read_text())
    master = manifest["hosts"]["load1"]
    master |= {"clock_offset_after_ms": master["clock_offset_ms"], "clock_error_after_ms": 0.5}
    told = manifest["hosts"]["zk1"]
    told |= {
        "clock_offset_after_ms": told["clock_offset_ms"] + 37.0,
        "clock_error_ms": 2.0,
        "clock_error_after_ms": 4.0,
    }
    (run / "manifest.json").write_text(json.dumps(manifest))
    found = timeline.build(run_folder.load(run))
    labels = pd.Series([0.0, 18.5, 37.0]) + START.timestamp()
    assert found.at(labels, "zk1").tolist() == pytest.approx([0.0, 18.4815, 36.963], abs=0.001)
    assert found.at(labels, "").tolist() == pytest.approx([0.0, 18.5, 37.0], abs=0.001)
    assert found.clock_error_s("zk1") == pytest.approx(0.004 + 0.0005)
    assert found.clock_error_s("load1") == found.clock_error_s("") == 0.0
    assert found.clock_error_s("zk2") is None
