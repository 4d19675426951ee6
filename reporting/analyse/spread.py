"""The least and the greatest of the intervals that one point of a chart stands for.

A point of a long run stands for many intervals. Its mean hides a short outage, and a percentile of all its operations
hides a short slow time, so charts show what single intervals had. Columns end in `LEAST` and `GREATEST`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reporting.analyse.timeline import Timeline

LEAST: Final = "_least"
GREATEST: Final = "_greatest"


@dataclass(frozen=True)
class Intervals:
    """All intervals of a load in order, each with the number of its point of a chart and its seconds.

    `figures` is `RunFolder.intervals`. Intervals of less than half the usual length have no rate: it is mostly noise.
    """

    timeline: Timeline
    places: dict[tuple[str, int], int]  # stage and number of an interval to the number of its point
    figures: pd.DataFrame

    @cached_property
    def _index(self) -> pd.MultiIndex:
        return pd.MultiIndex.from_tuples([(each.stage, each.number) for each in self.timeline.intervals])

    @cached_property
    def _points(self) -> NDArray[np.int64]:
        return np.array([self.places[each.stage, each.number] for each in self.timeline.intervals], dtype=np.int64)

    @cached_property
    def _rated_s(self) -> NDArray[np.float64]:
        seconds = np.array([each.length_s for each in self.timeline.intervals])
        return np.where(seconds > np.median(seconds) / 2, seconds, np.nan)

    @cached_property
    def are_combined(self) -> bool:
        """Whether a point stands for several intervals."""
        return len(self.timeline.intervals) > len(set(self.places.values()))

    @property
    def typical_s(self) -> float:
        """The usual length of an interval in seconds."""
        return float(np.median([each.length_s for each in self.timeline.intervals]))

    def _values(self, operation: str, column: str) -> NDArray[np.float64]:
        """Return a figure of each interval, NaN without any."""
        found = self.figures[self.figures["operation"] == operation]
        keys = pd.MultiIndex.from_arrays([found["stage"].astype(object), found["interval"]])
        values: NDArray[np.float64] = pd.Series(found[column].to_numpy(float), keys).reindex(self._index).to_numpy()
        return values

    def rates(self, operation: str, column: str) -> pd.DataFrame:
        """Return `LEAST` and `GREATEST` of a count a second by point; an interval without any figure is a zero."""
        return self.of_points(np.nan_to_num(self._values(operation, column)) / self._rated_s)

    def values(self, operation: str, column: str) -> pd.DataFrame:
        """Return `LEAST` and `GREATEST` of a figure by point; an interval without it does not count."""
        return self.of_points(self._values(operation, column))

    def of_points(self, values: NDArray[np.float64]) -> pd.DataFrame:
        """Return `LEAST` and `GREATEST` by point of a value of each interval; NaN does not count."""
        found = pd.Series(values).groupby(self._points).agg(["min", "max"])
        return found.rename(columns={"min": LEAST, "max": GREATEST})
