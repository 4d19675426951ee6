"""The figures of pairs of runs, from the contents of their `report.json`, and what the pairs say about each."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
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
VOID: Final = "void"
_BESIDE: Final = {"mean": ("p50", "p99"), "p95": ("p50", "p99")}
VALID: Final = "valid"
_VERDICTS: Final = (VALID, "inconclusive", VOID)

Report = Mapping[str, Any]
Pairs = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """A figure of an operation in all pairs: per second, or microseconds.

    `verdict` is the gravest that the figure has in any of the runs. One pair has no comparison and no answer, and
    neither has a void figure.
    """

    operation: str
    figure: str
    pairs: Pairs
    verdict: str
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


@dataclass(frozen=True, slots=True)
class ComparedFigures:
    """`figures` by operation, all operations together first; `left_out` are those that a run lacks, or that are 0.

    `single` is the operation's name if there is only one: then its figures are those of all operations.
    """

    figures: tuple[ComparedFigure, ...]
    left_out: tuple[tuple[str, str], ...]
    single: str

    def find(self, operation: str, figure: str) -> ComparedFigure | None:
        """Return a figure, None if it is not compared."""
        wanted = (TOTAL if operation == self.single else operation, figure)
        return next((each for each in self.figures if (each.operation, each.figure) == wanted), None)

    @property
    def operations(self) -> list[str]:
        """The names of the operations that have compared figures."""
        named = [*dict.fromkeys(each.operation for each in self.figures)]
        return [*named, self.single] if self.single else named


def build(baselines: Sequence[Report], candidates: Sequence[Report]) -> ComparedFigures:
    """Compare the runs pair by pair. A figure that is missing or 0 in any run has no ratio, and is left out."""
    reports = [*baselines, *candidates]
    operations = sorted({name for report in reports for name in _rows(report)} - {TOTAL})
    single = operations[0] if len(operations) == 1 else ""
    pairs: dict[tuple[str, str], Pairs] = {}
    left_out = []
    for key in [(operation, name) for operation in [TOTAL, *([] if single else operations)] for name in COMPARED]:
        values = [value for report in reports if (value := _value(report, *key)) is not None]
        if len(values) == len(reports):
            pairs[key] = tuple(zip(values[: len(baselines)], values[len(baselines) :], strict=True))
        else:
            left_out.append(key)
    verdicts = {key: gravest_verdict(reports, *key) for key in pairs}
    compared = {key: compare_pairs(found) for key, found in pairs.items() if len(found) > 1 and verdicts[key] != VOID}
    answers = judge(compared)
    figures = tuple(
        ComparedFigure(*key, found, verdicts[key], compared.get(key), answers.get(key)) for key, found in pairs.items()
    )
    return ComparedFigures(figures, tuple(left_out), single)


def _rows(report: Report) -> dict[str, Mapping[str, Any]]:
    rows = {str(row.get("operation")): row for row in report.get("operations") or []}
    return {TOTAL: report.get("total") or {}} | rows


def _value(report: Report, operation: str, figure: str) -> float | None:
    value = number(_rows(report).get(operation, {}).get(COMPARED[figure]))
    return value if value is not None and math.isfinite(value) and value > 0 else None


def gravest_verdict(reports: Iterable[Report], operation: str, figure: str) -> str:
    """Return the gravest verdict that a figure has in any of the runs."""
    return max((_verdict(report, operation, figure) for report in reports), key=_VERDICTS.index)


def _verdict(report: Report, operation: str, figure: str) -> str:
    """Return the verdict of a figure in a run.

    Runs judge neither means nor p95: theirs is the gravest of p50 and p99. A report of an older version has only the
    run's verdict.
    """
    named = {(each.get("operation"), each.get("figure")): each for each in report.get("figures") or []}
    judged = [named.get((operation, name), {}).get("verdict") for name in (figure, *_BESIDE.get(figure, ()))]
    found = [each for each in judged if each in _VERDICTS] or [(report.get("verdict") or {}).get("verdict")]
    return max((each if each in _VERDICTS else VOID for each in found), key=_VERDICTS.index)
