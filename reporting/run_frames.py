"""A run as pandas data frames, for notebooks and scripts: the result of `reporting.load_run`.

`frame_columns.FRAMES` gives the columns of each frame with their types and units.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from locust_extra.columns import AGGREGATED, ALL_WORKERS
from reporting.analyse import happenings
from reporting.analyse.headline import TOTAL
from reporting.frame_columns import CLOCKS, typed
from reporting.read import manifest as manifests
from reporting.read.distributions import Distribution, highest_us, lowest_us
from reporting.read.load_files import operation_name
from reporting.read.manifest import Manifest
from reporting.read.run_folder import check_folder
from reporting.verdict.judged_run import JudgedRun, judge_run


@dataclass(frozen=True, slots=True)
class Run:
    """A run. `verdict` is valid, inconclusive or void, and `reasons` are the sentences of its rules, the gravest first.

    `start` is the wall-clock time at which the load started, None if it is not known. In all frames, `time_s` is
    seconds since then by the load's own clock, `time` is a label of a wall clock (UTC), names that end with `_us` are
    microseconds, with `_s` seconds, with `_percent` percent (of CPU: of one core). `manifest` is the content of
    `manifest.json` without secrets; `problems` says what could not be read.

    - `operations`: results of the measured stage, one row for each operation, `all operations` first; latencies are of
      `clock`: response time in open loop, service time in closed loop
    - `figures`: each judged figure with its verdict and the names of the rules that found something
    - `distributions`: complete histograms of each stage, operation and clock; `count` operations took from `low_us` to
      `high_us`, both included
    - `intervals`: the load over time, one row for each interval and operation; `time_s` is the interval's end
    - `users`: running users, and due operations that were not sent yet, at the end of each interval
    - `workers`: CPU of the worker processes in each interval
    - `members`: polls of the members' metrics, as ZooKeeper names them
    - `machines`: samples of machines (`process` is empty) and of processes
    - `events`: what happened, in order of time
    - `slow_operations`: the slowest operations of each worker in each interval; their times are seconds since the start
    """

    run_id: str
    label: str
    path: Path
    verdict: str
    reasons: tuple[str, ...]
    start: pd.Timestamp | None
    measured_s: float
    manifest: Manifest
    problems: tuple[str, ...]
    operations: pd.DataFrame
    figures: pd.DataFrame
    distributions: pd.DataFrame
    intervals: pd.DataFrame
    users: pd.DataFrame
    workers: pd.DataFrame
    members: pd.DataFrame
    machines: pd.DataFrame
    events: pd.DataFrame
    slow_operations: pd.DataFrame


def load_run(path: Path | str) -> Run:
    """Read the run folder at `path` as data frames.

    Raises InputError when it is no run folder, or one of another schema. What is missing or unreadable in it is in
    `problems`, and its rows are not there.
    """
    folder = check_folder(Path(path))
    manifests.read(folder)
    judged = judge_run(folder)
    found: dict[str, pd.DataFrame] = {
        "operations": _operations(judged),
        "figures": _figures(judged),
        "distributions": _distributions(judged),
        "intervals": _intervals(judged),
        "users": _users(judged),
        "workers": _workers(judged),
        "members": _members(judged),
        "machines": _machines(judged),
        "events": _events(judged),
        "slow_operations": _slow_operations(judged),
    }
    return Run(
        run_id=judged.run.run_id,
        label=judged.run.manifest.label,
        path=judged.run.path,
        verdict=judged.verdict.verdict,
        reasons=tuple(reason.text for reason in judged.verdict.reasons),
        start=_start(judged),
        measured_s=judged.headline.measured_s,
        manifest=judged.run.manifest,
        problems=tuple(str(problem) for problem in judged.run.problems),
        **{name: typed(name, frame) for name, frame in found.items()},
    )


def _start(judged: JudgedRun) -> pd.Timestamp | None:
    found = judged.timeline.load_start
    return None if math.isnan(found) else pd.Timestamp(datetime.fromtimestamp(found, UTC))


def _operations(judged: JudgedRun) -> pd.DataFrame:
    headline = judged.headline
    return pd.DataFrame(
        {
            "operation": row.operation,
            "operations": row.operations,
            "failures": row.failures,
            "suppressed": row.suppressed,
            "censored": row.censored,
            "rate_per_s": row.rate_per_s,
            "clock": row.clock,
            "mean_us": row.mean_us,
            "p50_us": row.p50_us,
            "p95_us": row.p95_us,
            "p99_us": row.p99_us,
            "p99.9_us": row.p999_us,
            "max_us": row.max_us,
        }
        for row in (headline.total, *headline.rows)
    )


def _figures(judged: JudgedRun) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "operation": each.operation,
            "figure": each.figure,
            "clock": each.clock,
            "value": each.value,
            "verdict": each.verdict,
            "rules": " ".join(dict.fromkeys(reason.rule for reason in each.reasons)),
        }
        for each in judged.figures
    )


def _distributions(judged: JudgedRun) -> pd.DataFrame:
    together: dict[tuple[str, str], list[Distribution]] = {}
    for line in judged.run.distributions:
        together.setdefault((line.stage, line.operation), []).append(line.distribution)

    def frames() -> Iterator[pd.DataFrame]:
        for (stage, operation), found in together.items():
            total = Distribution.merged(found)
            for clock in CLOCKS:
                if (of_clock := total.clock(clock)) is not None:
                    held = of_clock.histogram
                    limits = {"low_us": lowest_us(held.buckets), "high_us": highest_us(held.buckets)}
                    columns = {"stage": stage, "operation": operation, "clock": clock, **limits}
                    yield pd.DataFrame(columns | {"count": held.counts.astype("int64")})

    parts = list(frames())
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _intervals(judged: JudgedRun) -> pd.DataFrame:
    found = judged.run.intervals.sort_values(["elapsed_s", "operation"], kind="stable")
    operation = found["operation"].astype(object)
    return found.rename(columns={"interval_s": "length_s", "requests": "operations"}).assign(
        time_s=found["elapsed_s"],
        time=found["timestamp"],
        operation=operation.where(operation != AGGREGATED, TOTAL),
        rate_per_s=found["requests"] / found["interval_s"],
    )


def _stats(judged: JudgedRun) -> pd.DataFrame:
    found = judged.run.stats
    return found.assign(time_s=found["elapsed_s"], time=found["timestamp"])


def _users(judged: JudgedRun) -> pd.DataFrame:
    found = _stats(judged)
    return found[(found["worker"] == ALL_WORKERS) & (found["name"] == AGGREGATED)]


def _workers(judged: JudgedRun) -> pd.DataFrame:
    found = _stats(judged)
    return found[(found["worker"] != ALL_WORKERS) & (found["name"] == AGGREGATED)]


def _members(judged: JudgedRun) -> pd.DataFrame:
    found = judged.run.metrics
    return found.assign(time_s=found["elapsed_s"] + judged.timeline.metrics_offset_s, time=found["timestamp"])


def _machines(judged: JudgedRun) -> pd.DataFrame:
    found = judged.run.host_metrics
    return found.assign(time_s=judged.timeline.of_host_samples(found), time=found["timestamp"])


def _events(judged: JudgedRun) -> pd.DataFrame:
    found = judged.run.events
    time_s = happenings.placed(found, judged.timeline)
    return found.assign(time_s=time_s, time=found["timestamp"]).sort_values("time_s", kind="stable")


def _slow_operations(judged: JudgedRun) -> pd.DataFrame:
    found = judged.run.slow_operations
    names = [operation_name(str(of), str(name)) for of, name in zip(found["type"], found["name"], strict=True)]
    return found.assign(operation=pd.Series(names, index=found.index, dtype=object))
