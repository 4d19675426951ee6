"""The rules about the operations: failures, and figures that are missing or few."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from reporting.analyse import headline as headlines
from reporting.analyse.headline import Row
from reporting.read.distributions import Histogram
from reporting.text import percent
from reporting.verdict.evidence import NOTE, Evidence, Reason, Rule, inconclusive, note
from reporting.verdict.fault_rules import failures_of_faults, in_window, overlaps, windows
from reporting.verdict.thresholds import (
    MAX_FAILURE_SHARE,
    MAX_OPERATION_FAILURE_SHARE,
    STALL_OPERATIONS,
    STALLED_CALLS,
    STALLED_FACTOR,
    STALLED_LEAST_S,
    STALLED_SHARE,
)
from zk_locust.contract.stage_names import MEASURED
from zk_locust.contract.verdicts import INCONCLUSIVE


def _failures(evidence: Evidence) -> Iterator[Reason]:
    total = evidence.headline.total
    if not total.failures:
        return
    errors = evidence.headline.errors
    named = sorted(errors, key=lambda name: -errors[name])[:3]
    most = f" ({', '.join(f'{name}: {errors[name]:,}' for name in named)})" if named else ""
    text = f"{total.failures:,} of {total.tried:,} operations failed{most}, {percent(total.failure_share)}"
    planned = min(total.failures, failures_of_faults(evidence))
    if planned:
        text += f"; {planned:,} of them in the windows of planned faults"
    if (total.failures - planned) / total.tried > MAX_FAILURE_SHARE:
        yield inconclusive(
            "failures",
            f"{text}. The limit is {percent(MAX_FAILURE_SHARE)}: failed operations have no latency, so the percentiles "
            "look better than what a user saw. See the errors and the members' logs.",
        )
        return
    yield note("failures", f"{text}. The limit is {percent(MAX_FAILURE_SHARE)}{' for the others' if planned else ''}.")
    for row in evidence.headline.rows:  # which operation failed in a window is not told apart
        if max(0, row.failures - planned) / max(1, row.tried) > MAX_OPERATION_FAILURE_SHARE:
            yield inconclusive(
                "operation-failures",
                f"{row.failures:,} of {row.tried:,} operations {row.operation} failed, "
                f"{percent(row.failure_share)}. The limit for one operation is {percent(MAX_OPERATION_FAILURE_SHARE)}. "
                "See the errors and the members' logs.",
            )


def _figures_incomplete(evidence: Evidence) -> Iterator[Reason]:
    lost = [problem for problem in evidence.run.problems if problem.lost_figures]
    if lost:
        more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
        yield inconclusive(
            "figures-incomplete",
            f"Figures of the load are missing or unreadable: {lost[0]}{more}. The report shows what could be read.",
        )
        return
    counted, total = headlines.stats_totals(evidence.run), evidence.headline.total
    if counted is not None and counted != (total.operations, total.failures):
        yield inconclusive(
            "figures-disagree",
            f"locust-stats.csv counts {counted[0]:,} operations and {counted[1]:,} failures, the distributions hold "
            f"{total.operations:,} and {total.failures:,}: figures of a worker were lost. Run it again.",
        )


def _overflows(evidence: Evidence) -> Iterator[Reason]:
    overflows = evidence.headline.total.overflows
    if overflows:
        yield inconclusive(
            "overflows",
            f"{overflows:,} operations took longer than one hour. They are counted, but in no percentile. Set a time "
            "limit for operations.",
        )


def _suppressed(evidence: Evidence) -> Iterator[Reason]:
    """Failures that a parameter hides are failures for the user of ZooKeeper."""
    total = evidence.headline.total
    if not total.suppressed:
        return
    failed = total.failures + total.suppressed
    share = failed / total.tried
    much = [
        row for row in evidence.headline.rows if row.suppressed and _failed_share(row) > MAX_OPERATION_FAILURE_SHARE
    ]
    worst = f", {percent(_failed_share(much[0]))} of {much[0].operation}" if much else ""
    yield Reason(
        INCONCLUSIVE if share > MAX_FAILURE_SHARE or much else NOTE,
        "suppressed",
        f"{total.suppressed:,} failures were suppressed by --exception-behavior or --ignore-connection-down. With them "
        f"{failed:,} of {total.tried:,} operations failed, {percent(share)}{worst}. The limits are those of failures.",
    )


def _failed_share(row: Row) -> float:
    return (row.failures + row.suppressed) / row.tried if row.tried else 0.0


def _stalls(evidence: Evidence) -> Iterator[Reason]:
    """In closed loop each user waits through a stall with one operation, so the percentiles hide it."""
    measured = [interval for interval in evidence.timeline.intervals if interval.stage == MEASURED]
    figures = evidence.run.intervals
    busy = set(figures["interval"][(figures["stage"] == MEASURED) & (figures["requests"] > 0)])
    rate_per_s = evidence.headline.total.rate_per_s or 0.0
    still = [
        interval
        for interval in measured
        if interval.number not in busy
        and rate_per_s * interval.length_s >= STALL_OPERATIONS
        and not in_window(evidence, interval.start_s, interval.end_s)
    ]
    if still and evidence.headline.from_distributions:
        hidden = "" if evidence.headline.open_loop else "A closed loop hides what it did not send in that time. "
        yield Reason(
            INCONCLUSIVE if not evidence.headline.open_loop else NOTE,
            "stalls",
            f"No operation succeeded in {len(still)} of {len(measured)} measured intervals, the first at "
            f"{still[0].start_s:.0f} s. {hidden}See the charts of the members at that time, and their logs in logs/.",
        )
    elif not evidence.headline.open_loop:
        yield from _short_stalls(evidence)


def _short_stalls(evidence: Evidence) -> Iterator[Reason]:
    """A stall within an interval leaves few operations, in which the users spent much of their time."""
    total, users = evidence.headline.total, evidence.users.frame["users"].mean()  # NaN where they are not known
    user_time_s = float(users) * evidence.headline.measured_s
    if not user_time_s > 0 or not total.tried:
        return
    least_s = max(STALLED_LEAST_S, STALLED_FACTOR * user_time_s / total.tried)
    stalled, stalled_s = 0, 0.0
    for calls, histogram in _outside_of_windows(evidence):
        values_s, counts = histogram.values_us / 1e6, histogram.counts.astype(float)
        # Of a slow operation beside fast ones, ten times its own mean: less is its usual tail.
        slow = values_s >= max(least_s, STALLED_FACTOR * float(values_s @ counts) / max(1.0, counts.sum()))
        if counts[slow].sum() <= STALLED_CALLS * calls:
            stalled += int(counts[slow].sum())
            stalled_s += float(values_s[slow] @ counts[slow])
    share = stalled_s / user_time_s
    if share >= STALLED_SHARE:
        yield inconclusive(
            "stalls",
            f"Users spent {percent(min(1.0, share))} of their time in {stalled:,} operations of at least "
            f"{1000 * least_s:,.0f} ms, {percent(stalled / total.tried)} of all operations. A closed loop hides what "
            "it did not send in that time: in an open loop more operations would have taken so long. See the charts of "
            "the members, and their logs in logs/.",
        )


def _outside_of_windows(evidence: Evidence) -> Iterator[tuple[int, Histogram]]:
    """Of each operation, how many succeeded, and the histogram of those outside of the windows of planned faults."""
    headline = evidence.headline
    parts: dict[str, list[Histogram]] = defaultdict(list)
    planned = windows(evidence)
    for line in evidence.run.distributions if planned else ():
        begins_s = line.elapsed_s - line.interval_s
        if line.stage == MEASURED and not overlaps(planned, begins_s, line.elapsed_s):
            parts[line.operation].append(line.distribution.histogram)
    for row in headline.rows if headline.from_distributions else ():
        everything = headline.distributions[row.operation].histogram
        yield row.operations, Histogram.merged(parts[row.operation]) if planned else everything


OPERATION_RULES: Final[tuple[Rule, ...]] = (_failures, _suppressed, _figures_incomplete, _overflows, _stalls)
