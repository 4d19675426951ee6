"""What each figure is worth: rate, p50, p99 and p99.9 of all operations and of each operation."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from reporting.analyse.headline import TOTAL, Row
from reporting.verdict.evidence import NOTE, Evidence, Reason, gravest_first, worst
from reporting.verdict.figure import PERCENTILES, RATE, Figure
from reporting.verdict.figure_rules import FIGURE_RULES, no_success
from zk_locust.contract.verdicts import VALID, VOID

# What is found about these rules says nothing about the run's other figures, so the run stays valid.
_OF_THE_FIGURE_ONLY: Final = ("few-operations",)


@dataclass(frozen=True, slots=True)
class JudgedFigure:
    """One figure of one operation, or of all operations, and its verdict with reasons, the gravest first.

    `figure` is a name in `PERCENTILES`, or `rate`. `clock` is `service` or `response`; for a rate it is the clock of
    the operation's percentiles. `value` is operations a second, or microseconds; None where nothing succeeded.
    """

    operation: str
    figure: str
    clock: str
    value: float | None
    verdict: str
    reasons: tuple[Reason, ...]

    def as_dict(self) -> dict[str, Any]:
        """The object in `manifest.json` and `report.json`."""
        return asdict(self)


def judge(evidence: Evidence, of_run: Sequence[Reason]) -> tuple[JudgedFigure, ...]:
    """Return all figures, those of all operations first. What makes the run void or inconclusive holds for each."""
    graver = [reason for reason in of_run if reason.severity != NOTE]
    return tuple(_judged(evidence, figure, graver) for figure in _figures(evidence))


def _judged(evidence: Evidence, figure: Figure, of_run: Sequence[Reason]) -> JudgedFigure:
    reasons = list(of_run)
    if worst(of_run) != VOID:
        if figure.value is None:
            reasons = [no_success(figure)]
        else:
            own = [reason for rule in FIGURE_RULES for reason in rule(evidence, figure)]
            reasons = gravest_first([*of_run, *own])
    return JudgedFigure(figure.operation, figure.name, figure.clock, figure.value, worst(reasons), tuple(reasons))


def reasons_for_run(figures: Sequence[JudgedFigure], of_run: Sequence[Reason]) -> Iterator[Reason]:
    """Return what the figures of all operations add to the run's reasons: one reason for each rule, the gravest."""
    by_rule: dict[str, list[Reason]] = {}
    for figure in figures:
        for reason in figure.reasons if figure.operation == TOTAL else ():
            if reason not in of_run:
                by_rule.setdefault(reason.rule, []).append(reason)
    for rule, found in by_rule.items():
        severity = NOTE if worst(found) == VALID else worst(found)
        told = [reason for reason in found if reason.severity == severity]
        # the last is of the highest percentile, which is affected most
        yield Reason(NOTE if rule in _OF_THE_FIGURE_ONLY else severity, rule, told[-1].text)


def _figures(evidence: Evidence) -> Iterator[Figure]:
    headline = evidence.headline
    for row in (headline.total, *headline.rows):
        distribution = headline.distributions.get(row.operation)
        for name, percentile, value in _values(row):
            yield Figure(row, name, percentile, value, distribution)


def _values(row: Row) -> Iterator[tuple[str, float | None, float | None]]:
    yield RATE, None, row.rate_per_s
    for (name, percentile), value in zip(PERCENTILES.items(), (row.p50_us, row.p99_us, row.p999_us), strict=True):
        yield name, percentile, value
