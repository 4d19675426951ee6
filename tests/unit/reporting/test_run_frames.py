"""Runs as data frames: columns, types, and the same figures as the report."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import reporting
from reporting import InputError, judge_run, load_run
from reporting.analyse.headline import TOTAL
from reporting.frame_columns import FRAMES
from reporting.run_frames import Run
from reporting.verdict.judged_run import JudgedRun
from tests.unit.experiments.folders import COMPARE, experiment, noisy
from tests.unit.reporting.synthetic import Synthetic

NOTEBOOK = Path(__file__).resolve().parents[3] / "docs" / "loading-runs.ipynb"
OPEN = Synthetic(
    run_time_s=10,
    stall_at_s=None,
    members=2,
    slip_us=3000,
    client_delay_us=20,
    censored_us=(5_000_000, 7_000_000),
    suppressed=3,
    missed=4,
    users_at=lambda _: 32,
)


@pytest.fixture(scope="module")
def sound_frames(sound_run: Path) -> Run:
    return load_run(sound_run)


@pytest.fixture(scope="module")
def open_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return OPEN.write(tmp_path_factory.mktemp("results") / OPEN.run_id)


def _types(run: Run) -> dict[str, dict[str, str]]:
    return {name: {column: str(dtype) for column, dtype in getattr(run, name).dtypes.items()} for name in FRAMES}


def test_frames_have_their_columns_and_types(sound_frames: Run, open_run: Path, troubled_run: Path) -> None:
    for run in (sound_frames, load_run(open_run), load_run(troubled_run)):
        assert _types(run) == FRAMES
        assert all(isinstance(getattr(run, name).index, pd.RangeIndex) for name in FRAMES)


def test_a_run_without_figures_has_the_same_columns_and_types(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"state": "failed", "reason": "member zk2 did not start"}')
    run = load_run(str(tmp_path))
    assert _types(run) == FRAMES
    assert run.verdict == "void"
    assert run.start is None
    assert [name for name in FRAMES if len(getattr(run, name))] == ["operations", "figures"]
    assert run.operations["operations"].tolist() == [0]
    assert run.problems


def test_what_the_run_is(sound_frames: Run, sound_run: Path) -> None:
    assert sound_frames.run_id == "20261124T031500Z-quick-synthetic"
    assert sound_frames.label == "synthetic"
    assert sound_frames.path == sound_run
    assert sound_frames.start == pd.Timestamp("2026-11-24T03:15:00Z")
    assert sound_frames.measured_s == pytest.approx(30)
    assert sound_frames.manifest.parameters["client"] == "kazoo"
    assert "user=a" not in repr(sound_frames.manifest)


def test_operations_are_those_of_the_report(sound_frames: Run, sound: JudgedRun, open_run: Path) -> None:
    found = sound_frames.operations.set_index("operation")
    assert list(found.index) == [TOTAL, "get", "set"]
    for row in (sound.headline.total, *sound.headline.rows):
        assert found.loc[row.operation, "operations"] == row.operations
        assert found.loc[row.operation, "rate_per_s"] == row.rate_per_s
        assert found.loc[row.operation, "p99.9_us"] == row.p999_us
        assert found.loc[row.operation, "clock"] == "service"
    opened = load_run(open_run).operations.iloc[0]
    total = judge_run(open_run).headline.total
    assert (opened["clock"], opened["p99_us"]) == ("response", total.p99_us)
    assert (opened["censored"], opened["suppressed"]) == (2, 3)


def test_figures_have_verdicts_and_rules(sound_frames: Run, sound: JudgedRun) -> None:
    found = sound_frames.figures
    assert found["value"].tolist() == [figure.value for figure in sound.figures]
    few = found[found["verdict"] != "valid"]
    assert len(few)
    assert all("few-operations" in rules or "stalls" in rules for rules in few["rules"])


def test_distributions_add_up_to_the_report(sound_frames: Run, sound: JudgedRun, open_run: Path) -> None:
    measured = sound_frames.distributions.query("stage == 'measured' and clock == 'service'")
    for row in sound.headline.rows:
        counts = measured[measured["operation"] == row.operation].set_index("high_us")["count"].cumsum()
        assert counts.iloc[-1] == row.operations
        rank = math.ceil(0.99 * row.operations)
        assert counts.index[int(counts.searchsorted(rank))] == row.p99_us
    assert (measured["low_us"] <= measured["high_us"]).all()
    clocks = (
        load_run(open_run).distributions.query("stage == 'measured'").groupby("clock", observed=True)["count"].sum()
    )
    total = judge_run(open_run).headline.total
    assert clocks["response"] == clocks["slip"] == clocks["client_delay"] == total.operations
    assert clocks["censored"] == 2


def test_intervals_add_up_to_the_report(sound_frames: Run, sound: JudgedRun) -> None:
    found = sound_frames.intervals
    assert found["time_s"].is_monotonic_increasing
    measured = found[found["stage"] == "measured"]
    by_operation = measured.groupby("operation", observed=True)
    for row in (sound.headline.total, *sound.headline.rows):
        rows = by_operation.get_group(row.operation)
        assert rows["operations"].sum() == row.operations
        assert rows["rate_per_s"].mean() == pytest.approx(row.rate_per_s, rel=1e-3)
    first = found.iloc[0]
    assert sound_frames.start is not None
    assert first["time"] == sound_frames.start + pd.Timedelta(first["time_s"], "s")
    assert set(found["stage"]) == {"warm-up", "measured", "cool-down"}


def test_users_workers_members_machines_and_events(sound_frames: Run, open_run: Path) -> None:
    run = load_run(open_run)
    assert set(run.users["users"]) == {32}
    assert len(run.users) == OPEN.total_s
    assert set(run.workers["worker"]) == {"load1", "load2"}
    assert run.workers["cpu_percent"].mean() == pytest.approx(45, abs=5)
    assert set(run.members["member"]) == {"zk1", "zk2"}
    assert run.members["reachable"].all()
    assert run.members["time_s"].between(-2, OPEN.total_s + 1).all()  # polls begin before the load
    whole = run.machines[run.machines["process"] == ""]
    assert set(whole["host"]) == {"zk1", "zk2", "load1"}
    assert whole["time_s"].between(-2, OPEN.total_s + 1).all()
    stages = run.events[run.events["event"] == "stage-start"].set_index("subject")["time_s"]
    assert stages["measured"] == pytest.approx(OPEN.warm_up_s)
    assert sound_frames.events["time_s"].is_monotonic_increasing


def test_events_are_in_order_of_time(short_run: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(short_run, tmp_path / "run")
    head, *lines = (folder / "events.csv").read_text().splitlines()
    (folder / "events.csv").write_text("\n".join([head, *reversed(lines)]) + "\n")
    found = load_run(folder).events
    assert len(found) == len(lines) > 1
    assert found["time_s"].is_monotonic_increasing


def test_an_unanswered_poll_has_no_figures(troubled_run: Path) -> None:
    members = load_run(troubled_run).members
    down = members[~members["reachable"]]
    assert len(down)
    assert down["outstanding_requests"].isna().all()


def test_slow_operations_have_the_names_of_the_report(tmp_path: Path) -> None:
    folder = Synthetic(run_time_s=5, stall_at_s=None, members=1, workers=1).write(tmp_path / "run")
    with (folder / "slow-operations.csv").open("a") as file:
        file.write("measured,0,load1,zookeeper,get,,5.1,5.2,5.2,100000,ok,0x1,127.0.0.1:2181,7\n")
        file.write("measured,1,load1,custom,get,6.0,6.1,,6.4,400000,error,,,\n")
    found = load_run(folder).slow_operations
    assert found["operation"].tolist() == ["get", "get (custom)"]
    assert found["latency_us"].tolist() == [100000, 400000]
    assert found["xid"].tolist() == [7, pd.NA]
    assert math.isnan(found["arrived_s"][1])


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "does not exist"), ("", "holds none of"), ('{"schema_version": 2}', r"has schema \[2\], and this version")],
)
def test_what_is_no_run_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "run").mkdir()
    if content:
        (tmp_path / "run" / "manifest.json").write_text(content)
    with pytest.raises(InputError, match=message):
        load_run(tmp_path / "run")


def test_the_notebook_runs(sound_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    shutil.copytree(sound_run, tmp_path / "results" / sound_run.name)
    (tmp_path / "results" / "latest").symlink_to(sound_run)
    experiment(tmp_path / "results", COMPARE, noisy(1, new=1.2))
    monkeypatch.chdir(tmp_path / "docs")
    cells: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text())["cells"]
    names: dict[str, Any] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    total = names["run"].operations.iloc[0]
    assert names["percentile_us"](99) == total["p99_us"]
    assert dict(zip(names["overall"]["figure"], names["overall"]["answer"], strict=True))["p99"] == "changed"
    assert (names["by_arm"]["new"] / names["by_arm"]["old"]).mean() == pytest.approx(1.2, rel=0.05)
    assert not [cell["id"] for cell in cells if cell.get("outputs")]


def test_the_notebook_names_every_frame() -> None:
    text = NOTEBOOK.read_text()
    assert all(
        f"experiment.{name}" in text for name in ("runs", "figures", "comparisons", "steps", "capacity", "cells")
    )
    assert [name for name in FRAMES if f"run.{name}" not in text and f"`{name}`" not in text] == []
    assert reporting.Run is Run
