"""The rules about one figure: what the load side added to it, what it leaves out, and whether it holds still."""

from collections.abc import Iterator
from typing import Final

from reporting.analyse.headline import TOTAL
from reporting.analyse.steadiness import Drift, least_z
from reporting.read.distributions import Distribution
from reporting.text import latency_ms, percent, rate
from reporting.verdict.evidence import NOTE, Evidence, Reason, inconclusive, void
from reporting.verdict.fault_rules import has_network_fault
from reporting.verdict.figure import Figure, FigureRule
from reporting.verdict.thresholds import (
    AWAY_SHARE,
    AWAY_SPOILS_SHARE,
    DRIFT_CHANCE,
    HIDDEN_LEAST,
    HIDDEN_SHARE,
    LOAD_SIDE_LEAST_US,
    LOAD_SIDE_SHARE,
    LOAD_SIDE_SPOILS_SHARE,
    MIN_OPERATIONS_BEYOND,
    OFFERED_FACTOR,
    P50_FACTOR,
    P99_FACTOR,
    RATE_FACTOR,
    RETRANSMITS_PER_S,
)
from zk_locust.contract.clock_names import RESPONSE
from zk_locust.contract.verdicts import INCONCLUSIVE


def no_success(figure: Figure) -> Reason:
    """Return why there is no such figure."""
    return void("no-success", f"No operation succeeded, so there is no {figure.title}.")


def _load_side(evidence: Evidence, figure: Figure) -> Iterator[Reason]:
    if figure.percentile is None or not figure.value or figure.distribution is None:
        return
    added_us = evidence.load_side.added_us(figure.distribution, figure.percentile)
    if added_us is None or added_us < LOAD_SIDE_LEAST_US or added_us < LOAD_SIDE_SHARE * figure.value:
        return
    share = min(1.0, added_us / figure.value)
    yield Reason(
        INCONCLUSIVE if share >= LOAD_SIDE_SPOILS_SHARE else NOTE,
        "load-side",
        f"The load side itself adds {latency_ms(added_us)} ms to {figure.title}, {percent(share)} of its "
        f"{latency_ms(figure.value)} ms: the latest worker ran so late. Add load hosts or cores, or lower the load.",
    )


def _users_held_back(evidence: Evidence, figure: Figure) -> Iterator[Reason]:
    """In closed loop, a reply that waits for the worker keeps its user from sending, so it lowers the rate."""
    total, users = evidence.headline.distributions.get(TOTAL), evidence.users.frame["users"]
    if figure.percentile is not None or evidence.headline.open_loop or not len(users):
        return
    user_time_us = float(users.mean()) * evidence.headline.measured_s * 1e6
    if total is None or total.client_delay is None or not user_time_us:
        return
    share = total.client_delay.sum_us / user_time_us
    if share >= LOAD_SIDE_SHARE:
        yield Reason(
            INCONCLUSIVE if share >= LOAD_SIDE_SPOILS_SHARE else NOTE,
            "users-held-back",
            f"Users spent {percent(min(1.0, share))} of their time waiting for their worker to handle a reply that had "
            f"arrived, so {figure.title} depends on the load side. Add load hosts or cores, or use an open loop.",
        )


def _worker_away(evidence: Evidence, figure: Figure) -> Iterator[Reason]:
    """In closed loop, no user of a worker that is away sends, whatever it waits for."""
    share = evidence.load_side.away_share
    if figure.percentile is None and not evidence.headline.open_loop and share is not None and share >= AWAY_SHARE:
        yield Reason(
            INCONCLUSIVE if share >= AWAY_SPOILS_SHARE else NOTE,
            "worker-away",
            f"A worker was away {percent(share)} of the time, stopped or busy for more than 5 ms on end, and its users "
            f"sent nothing meanwhile: {figure.title} would be higher by that share. Add load hosts or cores, or use an "
            "open loop.",
        )


def _few_operations(_evidence: Evidence, figure: Figure) -> Iterator[Reason]:
    if figure.percentile is None or figure.beyond >= MIN_OPERATIONS_BEYOND:
        return
    name = "" if figure.operation == TOTAL else f" {figure.operation}"
    beyond = int(figure.beyond + 1e-6) or "none"
    yield inconclusive(
        "few-operations",
        f"Of {figure.operations:,} operations{name} {beyond} lie beyond {figure.name}, so it depends on chance. "
        "Run longer before you compare it.",
    )


def _censored(_evidence: Evidence, figure: Figure) -> Iterator[Reason]:
    """Operations without a reply have at least waited so far: those that waited longer than the figure raise it."""
    distribution = figure.distribution
    if figure.percentile is None or figure.value is None or distribution is None or distribution.censored is None:
        return
    waits = distribution.censored
    longer = int(waits.histogram.counts[waits.histogram.values_us > figure.value].sum()) + waits.overflows
    if longer >= HIDDEN_LEAST and longer >= HIDDEN_SHARE * figure.beyond:
        known = distribution.response or distribution
        least_us = Distribution.merged([known, waits]).percentiles_us([figure.percentile])[0]
        yield inconclusive(
            "censored",
            f"{longer:,} operations that never got a reply had waited longer than {figure.title}, the longest "
            f"{latency_ms(waits.max_us)} ms. With them it is at least {latency_ms(least_us)} ms instead of "
            f"{latency_ms(figure.value)} ms. See what the members did at the end of the measured stage.",
        )


def _dropped(evidence: Evidence, figure: Figure) -> Iterator[Reason]:
    """How long dropped operations would have taken is not known, so each of them may lie beyond the figure."""
    load = evidence.headline.load
    if figure.percentile is None or load is None or not load.dropped or figure.clock != RESPONSE:
        return
    dropped = load.dropped * figure.operations / max(1, load.achieved)
    if dropped >= HIDDEN_LEAST and dropped >= HIDDEN_SHARE * figure.beyond:
        yield inconclusive(
            "dropped",
            f"{load.dropped:,} of {load.offered:,} due operations were dropped before they were sent, and "
            f"{figure.beyond:,.0f} lie beyond {figure.title}: response times would be longer with them. Add users, or "
            "lower the arrival rate.",
        )


def _not_stationary(evidence: Evidence, figure: Figure) -> Iterator[Reason]:
    """p99.9 is judged by the drift of p99, because an interval has too few operations beyond p99.9."""
    steadiness = evidence.steadiness
    if steadiness.offered is not None and _drifts(steadiness.offered, OFFERED_FACTOR, 1):
        return  # the load changes as planned
    if evidence.users.changed_by and evidence.users.vary:
        return  # so do its users
    if evidence.recoveries:
        return  # so does the ensemble
    if figure.percentile is None:
        if any(not loss.after_measured for loss in evidence.workers.losses):
            return  # the rate falls with the workers, which have a reason of their own
        drift, name, factor = steadiness.rate.get(figure.operation), "The rate", RATE_FACTOR
    else:
        percentile = min(figure.percentile, 99.0)
        drift = steadiness.latency.get((figure.operation, percentile))
        name, factor = f"p{percentile:g}", P50_FACTOR if percentile <= 50 else P99_FACTOR
    if drift is not None and _drifts(drift, factor, steadiness.series):
        shown = rate if figure.percentile is None else latency_ms
        unit = "operations a second" if figure.percentile is None else "ms"
        yield inconclusive(
            "not-stationary",
            f"{name} of {figure.operation} {'grows' if drift.z > 0 else 'falls'} over the measured stage, from "
            f"{shown(drift.first)} to {shown(drift.last)} {unit} (medians of its first and last third), so "
            f"{figure.title} depends on its length. Use a longer warm-up, or find out what changes.",
        )


def _drifts(drift: Drift, factor: float, series: int) -> bool:
    """Say whether it is clear, as one of so many series that are judged, and large, and both in one direction."""
    clear = abs(drift.z) >= least_z(DRIFT_CHANCE, series)
    return clear and drift.factor >= factor and (drift.z > 0) == (drift.last > drift.first)


def _retransmissions(evidence: Evidence, figure: Figure) -> Iterator[Reason]:
    """A lost segment delays an operation by at least 200 ms, the kernel's shortest timeout, unless others follow it."""
    rate_per_s = evidence.headline.total.rate_per_s
    if figure.percentile is None or not rate_per_s or has_network_fault(evidence):
        return
    again_per_s = sum(row.tcp_retransmits_mean_per_s or 0.0 for row in evidence.machines.rows)
    share = again_per_s / rate_per_s
    if again_per_s >= RETRANSMITS_PER_S and share >= (100 - figure.percentile) / 100 - 1e-9:
        yield inconclusive(
            "retransmissions",
            f"The machines sent {again_per_s:,.1f} TCP segments a second again, {percent(share)} of the operations: as "
            f"many as lie beyond {figure.title}. See the network, and the machines' table.",
        )


FIGURE_RULES: Final[tuple[FigureRule, ...]] = (
    _load_side,
    _users_held_back,
    _worker_away,
    _censored,
    _dropped,
    _not_stationary,
    _retransmissions,
    _few_operations,
)
