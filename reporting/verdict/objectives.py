"""Whether a run of a search for a capacity meets its objectives, and whether the load side was its limit."""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from locust_extra.columns import AGGREGATED, ALL_WORKERS
from reporting.analyse import student_t
from reporting.errors import InputError
from reporting.read.distributions import Distribution
from reporting.verdict.judged_run import JudgedRun, judge_run
from zk_locust.contract.experiment import ALL, FAILURES, PERCENTILES, Objective, parse_objective
from zk_locust.contract.failure_share import upper_end
from zk_locust.contract.nearest_name import nearest
from zk_locust.contract.stage_names import MEASURED
from zk_locust.contract.verdicts import INCONCLUSIVE

LEAST_SUCCESS: Final = 0.999
"""This share of what was offered must succeed, whatever the objectives."""
BACKLOG_GROWTH: Final = 0.005
"""The backlog may not grow by more than this share of the offered rate, which is 0.1 s of work in 20 s."""
_LEAST_BACKLOG: Final = 10
"""Operations by which a backlog changes by chance."""
_PARTS: Final = 10
_MOST_BESIDE_IDLE: Final = 2.0
"""By which factor an ensemble that is not the limit may answer later than one that has little to do."""
# Rules of the verdict that say that the load side did less than it was to do.
_LOAD_SIDE: Final = (
    *("cpu-short", "cpu-wait", "load-host-busy", "worker-lost", "workers-missing", "worker-late", "users-missing"),
    "missed",
)


@dataclass(frozen=True, slots=True)
class Checked:
    """An objective, the figure of the run, the upper end of its 95 % interval, and whether that meets the objective.

    Microseconds for latencies, shares for failures; None where the run has no such figure.
    """

    objective: str
    value: float | None
    upper: float | None
    limit: float
    met: bool


def check(folder: Path, objectives: Sequence[str], idle_us: float | None = None) -> dict[str, Any]:
    """Return what a run says: `objectives` (see `Checked`), `success`, `backlog_per_s`, `passed`, `load_limited`,
    `rate_per_s`, which was achieved, `load_hosts`, the number of machines with workers, and `service_p50_us`.

    `idle_us` is the median service time of all operations at the lowest rate of a search, for objectives without a
    latency: what is not answered much later than then does not have the ensemble as its limit.

    Raises InputError where the folder is no run's, and for an operation that the run does not have.
    """
    judged = judge_run(folder)
    _refuse_unknown(judged, objectives)
    checked = [_checked(judged, parse_objective(text)) for text in objectives]
    success, growth_per_s = _success(judged), backlog_growth_per_s(judged)
    grows = _grows(judged, growth_per_s)
    passed = all(each.met for each in checked) and success >= LEAST_SUCCESS and not grows
    return {
        "objectives": [asdict(each) for each in checked],
        "success": success,
        "backlog_per_s": growth_per_s,
        "passed": passed,
        # What passes although the load side was busy, passes.
        "load_limited": not passed and _is_load_limited(judged, checked, idle_us),
        "rate_per_s": judged.headline.total.rate_per_s,
        "load_hosts": len({name.partition("/")[0] for name in judged.workers.seen}) or 1,
        "service_p50_us": _median_us(judged, ALL),
    }


def _grows(judged: JudgedRun, growth_per_s: float | None) -> bool:
    """Return whether a backlog that becomes longer by so many operations a second does so by more than chance."""
    load = judged.headline.load
    offered_per_s = (load.offered_per_s if load else None) or judged.headline.total.rate_per_s or 0.0
    return growth_per_s is not None and growth_per_s > BACKLOG_GROWTH * offered_per_s


def _refuse_unknown(judged: JudgedRun, objectives: Sequence[str]) -> None:
    known = [row.operation for row in judged.headline.rows]
    for objective in map(parse_objective, objectives):
        if objective.operation not in (ALL, *known):
            raise InputError(
                f"objectives [{objective.text}]: the load has no operation {objective.operation}"
                f"{nearest(objective.operation, known)}; it has: {', '.join(known) or 'none'}"
            )


def _is_load_limited(judged: JudgedRun, checked: Sequence[Checked], idle_us: float | None) -> bool:
    """Return whether the load side explains that a run did not pass."""
    rules = {reason.rule for reason in judged.verdict.reasons if reason.severity == INCONCLUSIVE}
    if not rules.isdisjoint(_LOAD_SIDE):
        return True
    unmet = [parse_objective(each.objective) for each in checked if not each.met]
    if any(_is_late(judged, each) for each in unmet):
        return True
    waits = "dropped-share" in rules or _grows(judged, _growth_per_s(judged, _queued))
    return waits and _too_few_sessions(judged, checked, idle_us)


def _is_late(judged: JudgedRun, objective: Objective) -> bool:
    """Return whether much of an objective's own figure is what the load side added."""
    return any(
        reason.rule == "load-side" and reason.severity == INCONCLUSIVE
        for figure in judged.figures
        if (figure.operation, figure.figure) == (objective.operation, objective.figure)
        for reason in figure.reasons
    )


def _too_few_sessions(judged: JudgedRun, checked: Sequence[Checked], idle_us: float | None) -> bool:
    """Return whether the ensemble answers in time, so that more sessions would carry what waits for one.

    It does if service times, which have no wait for a session, meet all limits of latencies; without any such limit, if
    they are not much longer than in an ensemble that has little to do. What fails more often than an objective allows
    would do so with more sessions too. A backlog of operations that were sent is the ensemble's.
    """
    objectives = [(parse_objective(each.objective), each.value) for each in checked]
    if any(each.figure == FAILURES and (value is None or value >= each.limit) for each, value in objectives):
        return False
    latencies = [each for each, _ in objectives if each.figure in PERCENTILES]
    if latencies:
        return all(_is_served_in_time(judged, each) for each in latencies)
    median_us = _median_us(judged, ALL)
    return idle_us is not None and median_us is not None and median_us <= _MOST_BESIDE_IDLE * idle_us


def _is_served_in_time(judged: JudgedRun, objective: Objective) -> bool:
    value = _service_us(judged, objective.operation, PERCENTILES[objective.figure])
    return value is not None and value < objective.limit


def _median_us(judged: JudgedRun, operation: str) -> float | None:
    return _service_us(judged, operation, PERCENTILES["p50"])


def _service_us(judged: JudgedRun, operation: str, percentile: float) -> float | None:
    distribution = judged.headline.distributions.get(operation)
    return None if distribution is None else distribution.percentiles_us([percentile])[0]


def _checked(judged: JudgedRun, objective: Objective) -> Checked:
    value, upper = _figure(judged, objective)
    return Checked(objective.text, value, upper, objective.limit, upper is not None and upper < objective.limit)


def _figure(judged: JudgedRun, objective: Objective) -> tuple[float | None, float | None]:
    found = judged.headline
    row = next((row for row in (found.total, *found.rows) if row.operation == objective.operation), None)
    if row is None or not row.tried:
        return None, None
    if objective.figure == FAILURES:
        share = row.failure_share
        return share, upper_end(share, row.tried)
    percentile = PERCENTILES[objective.figure]
    distribution = found.distributions.get(objective.operation)
    value = None if distribution is None else _percentile(distribution, percentile)
    return value, None if value is None else _upper(judged, objective.operation, percentile, value)


def _percentile(distribution: Distribution, percentile: float) -> float | None:
    return (distribution.response or distribution).percentiles_us([percentile])[0]


def _upper(judged: JudgedRun, operation: str, percentile: float, value: float) -> float | None:
    """Return the upper end of the percentile's interval: by the spread of it over ten consecutive parts of the run.

    Operations that follow one another are not independent, so that parts, and not operations, are the sample.
    """
    lines = [line for line in judged.run.distributions if line.stage == MEASURED and operation in (ALL, line.operation)]
    intervals = sorted({line.interval for line in lines})
    parts = min(_PARTS, len(intervals))
    place = {interval: at * parts // len(intervals) for at, interval in enumerate(intervals)}
    merged = [
        Distribution.merged([line.distribution for line in lines if place[line.interval] == part])
        for part in range(parts)
    ]
    values = [found for each in merged if (found := _percentile(each, percentile)) is not None]
    if len(values) < 2:
        return None
    error = statistics.stdev(values) / math.sqrt(len(values))
    return value + student_t.quantile(0.975, len(values) - 1) * error


def _success(judged: JudgedRun) -> float:
    """Return which share of the offered operations succeeded; what was under way at the end may still do so."""
    total, load = judged.headline.total, judged.headline.load
    lost = total.failures + total.suppressed + ((load.missed or 0) + (load.dropped or 0) if load else 0)
    tried = total.operations + lost
    return total.operations / tried if tried else 0.0


def backlog_growth_per_s(judged: JudgedRun) -> float | None:
    """Return by how many operations a second those without an answer became more; None where it was not recorded."""
    return _growth_per_s(judged, _unanswered)


def _unanswered(rows: pd.DataFrame) -> pd.Series:
    # What was dropped counts as waiting: it is what was given up of a backlog.
    return rows["offered"] - rows[["requests", "failures", "suppressed", "missed"]].fillna(0).sum(axis=1)


def _queued(rows: pd.DataFrame) -> pd.Series:
    """Return what waits, or has waited in vain, for a session."""
    return rows[["queued", "dropped"]].fillna(0).sum(axis=1)


def _growth_per_s(judged: JudgedRun, backlog_of: Callable[[pd.DataFrame], pd.Series]) -> float | None:
    """Return how fast a backlog grows: between its means over the first and the last third of the measured stage."""
    stats = judged.run.stats
    rows = stats[(stats["stage"] == MEASURED) & (stats["worker"] == ALL_WORKERS) & (stats["name"] == AGGREGATED)]
    rows = rows.dropna(subset=["offered"]).sort_values("elapsed_s")
    if len(rows) < 3:
        return None
    backlog, at_s = backlog_of(rows).to_numpy(float), rows["elapsed_s"].to_numpy(float)
    third = len(rows) // 3
    growth = float(backlog[-third:].mean() - backlog[:third].mean())
    apart_s = float(at_s[-third:].mean() - at_s[:third].mean())
    return 0.0 if abs(growth) < _LEAST_BACKLOG or apart_s <= 0 else growth / apart_s
