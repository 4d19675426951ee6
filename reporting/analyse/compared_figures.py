"""The figures of pairs of runs, from the contents of their `report.json`, and what the pairs say about each."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reporting.analyse.comparison import Answer, Comparison, compare_pairs, judge
from reporting.analyse.headline import TOTAL
from reporting.read.parsing import number

COMPARED: Final[dict[str, str]] = {
    "rate": "rate_per_s",
    "mean": "mean_us",
    "p50": "p50_us",
    "p95": "p95_us",
    "p99": "p99_us",
    "p99.9": "p99.9_us",
}
"""The figures that are compared, and their names in `report.json`."""

Report = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """A figure of an operation in all pairs: per second, or microseconds. One pair has no comparison and no answer."""

    operation: str
    figure: str
    pairs: tuple[tuple[float, float], ...]
    comparison: Comparison | None
    answer: Answer | None

    @property
    def means(self) -> tuple[float, float]:
        """The geometric means of the baseline and of the candidate; their quotient is the ratio."""
        baselines, candidates = zip(*self.pairs, strict=True)
        return statistics.geometric_mean(baselines), statistics.geometric_mean(candidates)

    @property
    def ratio(self) -> float:
        """Candidate by baseline."""
        baseline, candidate = self.means
        return candidate / baseline


def build(baselines: Sequence[Report], candidates: Sequence[Report]) -> tuple[ComparedFigure, ...]:
    """Compare the runs pair by pair. A figure that is missing or 0 in any run has no ratio, and is left out."""
    operations = [TOTAL, *sorted({name for report in (*baselines, *candidates) for name in _rows(report)} - {TOTAL})]
    pairs: dict[tuple[str, str], tuple[tuple[float, float], ...]] = {}
    for operation in operations if len(operations) > 2 else [TOTAL]:
        for figure in COMPARED:
            sides = ([_value(report, operation, figure) for report in side] for side in (baselines, candidates))
            found = [(a, b) for a, b in zip(*sides, strict=True) if a is not None and b is not None]
            if len(found) == len(baselines):
                pairs[operation, figure] = tuple(found)
    compared = {"\0".join(key): compare_pairs(found) for key, found in pairs.items() if len(found) > 1}
    answers = judge(compared)
    return tuple(
        ComparedFigure(*key, found, compared.get("\0".join(key)), answers.get("\0".join(key)))
        for key, found in pairs.items()
    )


def _rows(report: Report) -> dict[str, Mapping[str, Any]]:
    rows = {str(row.get("operation")): row for row in report.get("operations") or []}
    return {TOTAL: report.get("total") or {}} | rows


def _value(report: Report, operation: str, figure: str) -> float | None:
    value = number(_rows(report).get(operation, {}).get(COMPARED[figure]))
    return value if value is not None and math.isfinite(value) and value > 0 else None
