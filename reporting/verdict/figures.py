"""What each figure is worth: rate, p50, p99 and p99.9 of all operations and of each operation."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from reporting.analyse.headline import Row
from reporting.verdict.evidence import Evidence, Reason

RATE: Final = "rate"
PERCENTILES: Final[dict[str, float]] = {"p50": 50.0, "p99": 99.0, "p99.9": 99.9}


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


def judge(evidence: Evidence, verdict: str) -> tuple[JudgedFigure, ...]:
    """Return all figures, those of all operations first."""
    headline = evidence.headline
    return tuple(
        JudgedFigure(row.operation, figure, row.clock, value, verdict, ())
        for row in (headline.total, *headline.rows)
        for figure, value in _values(row)
    )


def _values(row: Row) -> Iterator[tuple[str, float | None]]:
    yield RATE, row.rate_per_s
    yield from zip(PERCENTILES, (row.p50_us, row.p99_us, row.p999_us), strict=True)
