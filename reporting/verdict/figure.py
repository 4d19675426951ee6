"""One figure of a run, as the rules for figures see it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from reporting.analyse.headline import Row
from reporting.read.distributions import Distribution
from reporting.verdict.evidence import Evidence, Reason

RATE: Final = "rate"
PERCENTILES: Final[dict[str, float]] = {"p50": 50.0, "p99": 99.0, "p99.9": 99.9}


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a row: its name, its percentile (None for a rate), and its value (per second or microseconds).

    `distribution` is the measured stage's of the operation, None where only `locust-stats.csv` has its figures.
    """

    row: Row
    name: str
    percentile: float | None
    value: float | None
    distribution: Distribution | None

    @property
    def operation(self) -> str:
        """Name of the operation, or of all."""
        return self.row.operation

    @property
    def clock(self) -> str:
        """`service` or `response`."""
        return self.row.clock

    @property
    def title(self) -> str:
        """For people: p99 of get."""
        return f"{self.name} of {self.operation}"

    @property
    def operations(self) -> int:
        """How many operations the figure is of: those that its clock has measured."""
        clock = self.distribution.clock(self.clock) if self.distribution and self.percentile is not None else None
        return self.row.operations if clock is None else clock.requests

    @property
    def beyond(self) -> float:
        """How many operations lie beyond the percentile; none for a rate."""
        return 0.0 if self.percentile is None else self.operations * (100 - self.percentile) / 100


FigureRule = Callable[[Evidence, Figure], Iterator[Reason]]
