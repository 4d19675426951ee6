"""Why operations were slow: what happened, which operations took longest, and which causes they share."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import pandas as pd

from reporting.analyse import cause_windows, causes, slow_operations, worst_moments
from reporting.analyse.cause_windows import FAILED_POLLS, WORKER
from reporting.analyse.causes import Causes
from reporting.analyse.happenings import happenings
from reporting.analyse.headline import Headline
from reporting.analyse.slow_operations import SlowOperations
from reporting.analyse.timeline import Span, Timeline
from reporting.analyse.workers import Workers
from reporting.analyse.worst_moments import Moment
from reporting.read.run_folder import RunFolder
from zk_locust.contract.events import MEMBER_EVENTS
from zk_locust.contract.stage_names import MEASURED

_TIMES_MEDIAN: Final = 10.0


@dataclass(frozen=True, slots=True)
class Why:
    """What is known of the reasons. `slow` are the operations above p99.9, `events` are `happenings`.

    `moments` has the worst first; they are of operations that took longer than `moments_above_us`. What happened in
    them may be placed up to `placed_within_s` off, by what is known of its hosts' clocks; None where nothing is.

    `unknown` says in sentences what the run's files do not tell.
    """

    slow: SlowOperations
    events: pd.DataFrame
    causes: Causes
    moments: tuple[Moment, ...]
    moments_above_us: float | None
    placed_within_s: float | None
    unknown: tuple[str, ...]


def build(run: RunFolder, timeline: Timeline, headline: Headline, workers: Workers, samples: pd.DataFrame) -> Why:
    """Return what is known of a run. `samples` are from `machine_samples.within_load`."""
    events = happenings(run, timeline, workers.losses)
    windows = cause_windows.build(run, timeline, samples, events)  # before the operations are held a second time
    slow = slow_operations.build(run, timeline, headline, headline.total.p999_us)
    of_moments = slow_operations.build(run, timeline, headline, _slow_us(headline))
    moments = worst_moments.build(of_moments, windows)
    measured = timeline.span(MEASURED) or Span(MEASURED, 0.0, 0.0)
    return Why(
        slow,
        events,
        causes.build(slow, windows, measured),
        moments,
        of_moments.threshold_us,
        _placed_within_s(moments, events, timeline),
        tuple(_unknown(run, events, samples)),
    )


def _placed_within_s(moments: Iterable[Moment], events: pd.DataFrame, timeline: Timeline) -> float | None:
    of_members = events[events["kind"].isin(MEMBER_EVENTS)]  # the master labels workers' delays and polls
    hosts: set[str] = set()
    for moment in moments:
        during = (of_members["end_s"] >= moment.start_s) & (of_members["start_s"] <= moment.end_s)
        of_hosts = (one.cause for one in moment.happened)
        of_causes = [cause for cause in of_hosts if cause.concerns != WORKER and cause.kind != FAILED_POLLS]
        hosts.update(of_members["subject"][during], *((cause.who, *cause.hosts) for cause in of_causes))
    errors_s = [error_s for host in hosts if host and (error_s := timeline.clock_error_s(host)) is not None]
    return max(errors_s, default=None)


def _slow_us(headline: Headline) -> float | None:
    """How long an operation takes at least to belong to a moment; None where nothing succeeded.

    A long stall may have all operations above p99, and hide a shorter one: ten times the median is slow too.
    """
    p50_us, p99_us = headline.total.p50_us, headline.total.p99_us
    return None if p50_us is None or p99_us is None else min(p99_us, _TIMES_MEDIAN * p50_us)


def _unknown(run: RunFolder, events: pd.DataFrame, samples: pd.DataFrame) -> Iterator[str]:
    members = run.manifest.groups.get("zookeeper", [])
    logs = any(any((run.path / "logs" / member).glob("*")) for member in members)
    if not logs and not events["kind"].isin(MEMBER_EVENTS).any():
        yield "Without logs of the members, their GC pauses, slow fsyncs and elections are not known."
    if not len(samples):
        yield "Without samples of the machines, their CPU, disks and network are not known."
    if not run.stats["lateness_p50_us"].notna().any():
        yield "The workers' own delay was not measured."
