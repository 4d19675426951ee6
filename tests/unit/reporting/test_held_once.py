"""A report of a long run copies no table: of a step's tables, it needs a share more while it computes."""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from reporting.analyse import cause_windows, machine_samples, machine_usage, member_rates
from reporting.analyse.happenings import happenings
from reporting.analyse.host_clocks import host_clocks
from reporting.read import load_files, run_folder
from reporting.verdict.judged_run import JudgedRun

TIMES = 200


def repeated(table: pd.DataFrame) -> pd.DataFrame:
    return table.loc[np.tile(table.index, TIMES)].sort_values("elapsed_s", ignore_index=True)


@pytest.fixture(scope="module")
def long(sound: JudgedRun) -> JudgedRun:
    """The sound run with so many polls and samples that nothing else takes memory."""
    run = replace(sound.run, metrics=repeated(sound.run.metrics), host_metrics=repeated(sound.run.host_metrics))
    return replace(sound, run=run, samples=machine_samples.within_load(run, sound.timeline))


def rates(judged: JudgedRun) -> object:
    return member_rates.build(judged.run, judged.timeline)


def clocks(judged: JudgedRun) -> object:
    return host_clocks(judged.run.manifest, judged.run.host_metrics, 0.0, judged.timeline.end_s)


def samples(judged: JudgedRun) -> object:
    return machine_samples.within_load(judged.run, judged.timeline)


def usage(judged: JudgedRun) -> object:
    return machine_usage.build(judged.run, judged.timeline, judged.samples)


def windows(judged: JudgedRun) -> object:
    events = happenings(judged.run, judged.timeline)
    return cause_windows.build(judged.run, judged.timeline, judged.samples, events)


@pytest.mark.parametrize(
    ("step", "table", "share"),
    [
        (rates, "metrics", 0.75),
        (clocks, "host_metrics", 0.5),
        (samples, "host_metrics", 0.7),
        (usage, "host_metrics", 0.5),
        (windows, "host_metrics", 0.37),
    ],
)
def test_a_step_takes_less_memory_than_its_table(
    long: JudgedRun, step: Callable[[JudgedRun], object], table: str, share: float
) -> None:
    held = getattr(long.run, table).memory_usage().sum()
    tracemalloc.start()
    try:
        step(long)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < share * held


def test_samples_within_the_load_hold_no_figure_a_second_time(sound: JudgedRun) -> None:
    assert list(sound.samples) == ["host", "machine", "process", "time_s"]
    names = ["cpu_share", "memory_bytes"]
    found = machine_samples.with_figures(sound.run, sound.samples, names)
    assert list(found) == [*sound.samples, *names]
    of_file = sound.run.host_metrics.loc[found.index]
    assert found["memory_bytes"].equals(of_file["memory_bytes"])
    assert found["cpu_share"].equals((of_file["cpu_percent"] / of_file["cores"]).rename("cpu_share"))


def test_only_the_columns_that_the_report_needs_are_held(sound: JudgedRun) -> None:
    assert tuple(sound.run.stats) == load_files.SERIES_READ
    assert tuple(sound.run.host_metrics) == run_folder.HOST_METRICS_READ
    assert not {"min_us", "p99_us", "response_p99_us", "slip_p99_us", "errors"} & set(sound.run.stats)
    assert "disk_read_bytes_per_s" not in sound.run.host_metrics
