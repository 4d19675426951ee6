"""The headline is the measured stage, all of it and nothing else."""

import json
import shutil
from collections import Counter, defaultdict
from pathlib import Path

import pandas as pd
import pytest

from reporting import load_run
from reporting.analyse import headline, timeline
from reporting.read import load_files, run_folder
from reporting.verdict.judged_run import JudgedRun
from tests.unit.reporting.synthetic import Synthetic


def test_only_the_measured_stage_is_counted(sound_run: Path, sound: JudgedRun) -> None:
    requests: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for line in (sound_run / "locust-distrib.jsonl").read_text().splitlines():
        value = json.loads(line)
        if value["stage"] == "measured":
            requests[value["name"]] += value["requests"]
            sums[value["name"]] += value["sum_us"]
    rows = {row.operation: row for row in sound.headline.rows}
    assert {name: row.operations for name, row in rows.items()} == requests
    assert sound.headline.total.operations == requests.total()
    assert rows["get"].mean_us == pytest.approx(sums["get"] / requests["get"])
    assert sound.headline.total.rate_per_s == pytest.approx(requests.total() / 30)


def test_the_total_is_computed_from_the_sum_of_the_distributions_not_from_percentiles(tmp_path: Path) -> None:
    # a thousand fast operations and ten slow ones: p99 of all is fast, though p99 of one is slow
    run = Synthetic(operations={"fast": 1000.0, "slow": 1.0}, run_time_s=10, stall_at_s=None).write(tmp_path / "run")
    found = load_run(run)
    rows = defaultdict(int, {row.operation: row.operations for row in found.headline.rows})
    assert found.headline.total.operations == rows["fast"] + rows["slow"]
    fast = next(row for row in found.headline.rows if row.operation == "fast")
    assert found.headline.total.p99_us == pytest.approx(fast.p99_us, rel=0.05)


def test_percentiles_agree_with_the_collectors_cumulative_columns(sound: JudgedRun) -> None:
    stats = sound.run.last_stats
    last = stats[(stats["stage"] == "measured") & (stats["name"] == "get")].iloc[-1]
    row = next(row for row in sound.headline.rows if row.operation == "get")
    assert (row.p50_us, row.p99_us, row.p999_us) == (last["p50_us"], last["p99_us"], last["p99.9_us"])


def test_the_last_row_of_each_operation_is_complete(sound: JudgedRun, sound_run: Path) -> None:
    whole = pd.read_csv(sound_run / "locust-stats.csv")
    of_all = whole[whole["worker"] == "all"].groupby(["stage", "type", "name"], dropna=False)["elapsed_s"].max()
    last = sound.run.last_stats
    assert sorted(last["elapsed_s"]) == sorted(of_all)
    assert tuple(last) == load_files.STATS_READ
    for column in ("requests", "p99.9_us", "max_us", "overflows"):
        assert last[column].tolist() == whole[column].loc[last.index].tolist()


def test_without_distributions_the_cumulative_columns_stand_in(
    sound: JudgedRun, sound_run: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(sound_run, tmp_path / "run"))
    (run / "locust-distrib.jsonl").unlink()
    found = load_run(run)
    assert not found.headline.from_distributions
    assert found.headline.total.operations == sound.headline.total.operations
    assert found.headline.total.p99_us == sound.headline.total.p99_us
    assert found.headline.measured_s == pytest.approx(30, abs=0.01)


def test_without_the_series_the_distributions_suffice(sound: JudgedRun, sound_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(sound_run, tmp_path / "run"))
    (run / "locust-stats.csv").unlink()
    found = load_run(run)
    assert found.headline.rows == sound.headline.rows
    assert found.headline.measured_s == pytest.approx(30, abs=0.01)


def test_late_figures_of_an_interval_add_up_and_do_not_stretch_the_measured_stage(
    sound_run: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(sound_run, tmp_path / "run"))
    lines = (run / "locust-distrib.jsonl").read_text().splitlines()
    late = next(json.loads(line) for line in reversed(lines) if json.loads(line)["stage"] == "measured")
    late["elapsed_s"] += 3.0
    with (run / "locust-distrib.jsonl").open("a") as file:
        file.write(json.dumps(late) + "\n")
    before, after = run_folder.load(sound_run), run_folder.load(run)
    found = headline.build(after, timeline.build(after))
    assert found.measured_s == pytest.approx(30, abs=0.01)
    assert found.total.operations == headline.build(before, timeline.build(before)).total.operations + late["requests"]


def test_an_interval_without_any_operation_is_stage_of_the_measured_time(tmp_path: Path) -> None:
    run = Synthetic(stall_at_s=None).write(tmp_path / "run")
    kept = [
        line
        for line in (run / "locust-distrib.jsonl").read_text().splitlines()
        if json.loads(line)["stage"] != "measured" or json.loads(line)["interval"] not in (10, 11)
    ]
    (run / "locust-distrib.jsonl").write_text("\n".join(kept) + "\n")
    (run / "locust-stats.csv").unlink()
    found = timeline.build(run_folder.load(run))
    assert found.measured_s == pytest.approx(30, abs=0.01)
    gap = [interval for interval in found.intervals if interval.stage == "measured" and interval.number in (10, 11)]
    assert [interval.length_s for interval in gap] == pytest.approx([1, 1])


def test_errors_are_counted_by_name(troubled: JudgedRun) -> None:
    assert troubled.headline.errors == {"OperationTimeout": 160}
