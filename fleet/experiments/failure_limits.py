"""Whether the lowest rate of a search can show that as few operations fail as an objective demands."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fleet.experiments.arms import Arm
from fleet.experiments.specification import Specification
from zk_locust.contract.durations import format_duration
from zk_locust.contract.experiment import FAILURES, parse_objective
from zk_locust.contract.failure_share import least_tried

_MARGIN: Final = 1.2
"""How much more than the least a run is to have: what is under way at its end, and chance, do not decide then."""


def too_few_operations(spec: Specification, arms: Sequence[Arm], plans: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a problem for each objective of failures that a run without failures at the lowest rate might miss.

    The search would then say that the ensemble does not meet it. Operations are counted by the weights of a workload;
    of other loads, each operation counts as if it were the only one.
    """
    lowest = spec.rates[0]
    problems = []
    for arm, plan in zip(arms, plans, strict=True):
        for objective in map(parse_objective, spec.objectives):
            if objective.figure != FAILURES:
                continue
            share, run_time_s = _share(plan, objective.operation), float(plan["run_time_s"])
            tried, least = lowest * run_time_s * share, least_tried(objective.limit)
            if tried < _MARGIN * least:
                tried_in = f"about {tried:,.0f} in {format_duration(run_time_s)}"
                rate = math.ceil(_MARGIN * least / run_time_s / share)
                time = format_duration(math.ceil(_MARGIN * least / lowest / share))
                problems.append(
                    f"objectives [{objective.text}]: to show this, a run without failures takes {least:,} such "
                    f"operations, and {100 * (_MARGIN - 1):.0f} % more because their number varies; at the lowest "
                    f"rate, {lowest:,g}/s, a run of arm {arm.name} has {tried_in}; "
                    f"set rates.lowest to {rate:,} or benchmark_run_time to {time}, or more, or raise the limit"
                )
    return problems


def _share(plan: Mapping[str, Any], operation: str) -> float:
    """Return which share of the load's operations are those of an objective, as far as a workload says it; else 1."""
    try:
        weights = json.loads(plan["parameters"]["workload"])["operations"]
        # A user without nodes creates one instead of deleting it.
        weight = float(weights[operation]) + (float(weights.get("delete", 0)) if operation == "create" else 0.0)
        return weight / sum(map(float, weights.values())) or 1.0
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return 1.0
