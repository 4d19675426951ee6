"""What an overlay shows of one run: small enough to hold many of them at the same time."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from reporting.analyse import series
from reporting.analyse.headline import TOTAL, Latencies, Row
from reporting.analyse.series import LoadSeries
from reporting.read.manifest import Manifest
from reporting.verdict.figures import JudgedFigure
from reporting.verdict.judged_run import JudgedRun
from zk_locust.contract.clock_names import RESPONSE, SERVICE
from zk_locust.contract.stage_names import MEASURED

SHOWN_PERCENTILES: Final = ("p50", "p99")


@dataclass(frozen=True, slots=True)
class OverlaidRun:
    """A run under a label. `name` is unique within the overlay: the label, with a number if several runs have it.

    `curves` has `operation`, `clock`, `inverse`, `percentile` and `latency_ms` of the measured stage. `rates`
    (`time_s`, `operation`, `rate_per_s`) and `latencies` (`time_s`, `operation`, `clock`, `percentile`, `latency_ms`)
    are over time; `time_s` is seconds since the measured stage began. All operations together are `TOTAL`.
    `point_s` is the time that each point stands for.
    """

    name: str
    label: str
    run_id: str
    path: Path
    manifest: Manifest
    verdict: str
    figures: tuple[JudgedFigure, ...]
    rows: tuple[Row, ...]
    measured_s: float
    point_s: float
    curves: pd.DataFrame
    rates: pd.DataFrame
    latencies: pd.DataFrame
    problems: tuple[str, ...]

    @property
    def clocks(self) -> tuple[str, ...]:
        """The clocks that it has latencies of."""
        return tuple(sorted(set(self.curves["clock"])))

    def row(self, operation: str) -> Row | None:
        """The results of an operation, None if the run has none."""
        return next((row for row in self.rows if row.operation == operation), None)


def latencies_of(row: Row, clock: str) -> Latencies:
    """The latencies of a row by one clock; empty if it was not measured."""
    return (row.response if clock == RESPONSE else row.service) or Latencies()


def build(judged: JudgedRun, name: str, label: str, most_points: int) -> OverlaidRun:
    """Take from a run what the overlay shows, with at most about `most_points` points for each line over time."""
    load = series.load_series(judged.run, judged.timeline, most_points)
    clocks = [SERVICE] if judged.headline.total.clock == SERVICE else [SERVICE, RESPONSE]
    headline = judged.headline
    return OverlaidRun(
        name=name,
        label=label,
        run_id=judged.run.run_id,
        path=judged.run.path,
        manifest=judged.run.manifest,
        verdict=judged.verdict.verdict,
        figures=judged.figures,
        rows=(headline.total, *headline.rows),
        measured_s=headline.measured_s,
        point_s=series.typical_bin_s([each for each in load.bins if each.stage == MEASURED]),
        curves=_curves(judged, clocks),
        rates=_measured(judged, _rates(load)),
        latencies=_measured(judged, _latencies(load, clocks)),
        problems=tuple(str(problem) for problem in judged.run.problems),
    )


def _curves(judged: JudgedRun, clocks: list[str]) -> pd.DataFrame:
    rows = [
        (operation, clock, *point)
        for operation, distribution in judged.headline.distributions.items()
        for clock in clocks
        if (found := distribution.clock(clock)) is not None
        for point in series.percentile_points(found)
    ]
    return pd.DataFrame(rows, columns=["operation", "clock", "inverse", "percentile", "latency_ms"])


def _rates(load: LoadSeries) -> pd.DataFrame:
    found = load.rates()[["time_s", "operation", "rate_per_s"]]
    total = found.groupby("time_s", as_index=False)["rate_per_s"].sum().assign(operation=TOTAL)
    together: pd.DataFrame = pd.concat([total, found], ignore_index=True)
    return together


def _latencies(load: LoadSeries, clocks: list[str]) -> pd.DataFrame:
    def frames() -> Iterator[pd.DataFrame]:
        for operation in (None, *load.operations):
            for clock in clocks:
                found = load.latencies(operation, clock).assign(operation=operation or TOTAL, clock=clock)
                yield found[found["percentile"].isin(SHOWN_PERCENTILES)]

    columns = ["time_s", "operation", "clock", "percentile", "latency_ms"]
    if not load.operations:
        return pd.DataFrame(columns=columns)
    together: pd.DataFrame = pd.concat(frames(), ignore_index=True)
    return together[columns]


def _measured(judged: JudgedRun, frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of the measured stage, with the time since it began."""
    span = judged.timeline.span(MEASURED)
    if span is None:
        return frame[:0]
    within = (frame["time_s"] >= span.start_s) & (frame["time_s"] <= span.end_s)
    found: pd.DataFrame = frame[within].assign(time_s=frame["time_s"] - span.start_s)
    return found
