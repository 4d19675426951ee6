"""Why operations were slow: what happened, which operations took longest, and which causes they share."""

from dataclasses import dataclass

import pandas as pd

from reporting.analyse import cause_windows, causes, slow_operations, worst_moments
from reporting.analyse.causes import Causes
from reporting.analyse.happenings import happenings
from reporting.analyse.headline import Headline
from reporting.analyse.slow_operations import SlowOperations
from reporting.analyse.timeline import Span, Timeline
from reporting.analyse.workers import Workers
from reporting.analyse.worst_moments import Moment
from reporting.read.run_folder import RunFolder
from zk_locust.contract.stage_names import MEASURED


@dataclass(frozen=True, slots=True)
class Why:
    """What is known of the reasons. `events` are `happenings`; `moments` has the worst first."""

    slow: SlowOperations
    events: pd.DataFrame
    causes: Causes
    moments: tuple[Moment, ...]


def build(run: RunFolder, timeline: Timeline, headline: Headline, workers: Workers, samples: pd.DataFrame) -> Why:
    """Return what is known of a run. `samples` are from `machine_samples.within_load`."""
    slow = slow_operations.build(run, timeline, headline)
    events = happenings(run, timeline, workers.losses)
    windows = cause_windows.build(run, timeline, samples, events)
    measured = timeline.span(MEASURED) or Span(MEASURED, 0.0, 0.0)
    return Why(slow, events, causes.build(slow, windows, measured), worst_moments.build(slow, windows))
