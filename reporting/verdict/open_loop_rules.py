"""The rules about an open loop: whether everything that was due was sent and achieved."""

from collections.abc import Iterator
from typing import Final

from reporting.text import percent
from reporting.verdict.evidence import NOTE, Evidence, Reason, Rule, inconclusive
from reporting.verdict.thresholds import ACHIEVED_SHARE, MAX_UNSENT_SHARE
from zk_locust.contract.verdicts import INCONCLUSIVE


def _achieved(evidence: Evidence) -> Iterator[Reason]:
    """Operations that were under way at the end are no shortfall, where they are as many as at any other moment."""
    load, total, measured_s = evidence.headline.load, evidence.headline.total, evidence.timeline.measured_s
    if load is None or not load.offered:
        return
    usual = load.offered / measured_s * (total.p99_us or 0.0) / 1e6 + 1 if measured_s else 0.0
    reached = load.achieved + min(load.waiting, usual)
    if load.offered - reached > max(1, (1 - ACHIEVED_SHARE) * load.offered):
        share = percent(load.achieved / load.offered)
        yield inconclusive(
            "not-achieved",
            f"{load.achieved:,} of {load.offered:,} due operations succeeded, {share}. At least "
            f"{percent(ACHIEVED_SHARE)} must, or the load was lower than offered. Lower the arrival rate, or see the "
            "failures and what was missed and dropped.",
        )


def _missed(evidence: Evidence) -> Iterator[Reason]:
    load = evidence.headline.load
    if load is not None and load.missed:
        share = load.missed / max(1, load.offered)
        yield Reason(
            INCONCLUSIVE if share > MAX_UNSENT_SHARE else NOTE,
            "missed",
            f"{load.missed:,} of {load.offered:,} operations were due on a worker that was not there, "
            f"{percent(share)}, so the load was lower than planned. See the workers' logs in logs/.",
        )


def _dropped(evidence: Evidence) -> Iterator[Reason]:
    load = evidence.headline.load
    if load is not None and load.dropped:
        share = load.dropped / max(1, load.offered)
        yield Reason(
            INCONCLUSIVE if share > MAX_UNSENT_SHARE else NOTE,
            "dropped-share",
            f"{load.dropped:,} of {load.offered:,} due operations found no free session and were dropped before they "
            f"were sent ({percent(share)}). Add users, or lower the arrival rate.",
        )


OPEN_LOOP_RULES: Final[tuple[Rule, ...]] = (_achieved, _missed, _dropped)
