"""The rules about the members as their metrics show them."""

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

from reporting.analyse import steadiness
from reporting.analyse.happenings import happenings
from reporting.text import natural, some
from reporting.verdict.evidence import NOTE, Evidence, Reason, Rule, inconclusive, note
from reporting.verdict.fault_rules import in_window
from reporting.verdict.thresholds import (
    DRIFT_Z,
    OUTSTANDING_FACTOR,
    OUTSTANDING_LEAST,
    OUTSTANDING_LIMIT,
    UNEVEN_DEVIATIONS,
    UNEVEN_FACTOR,
)
from zk_locust.contract.events import ELECTION
from zk_locust.contract.stage_names import MEASURED
from zk_locust.contract.verdicts import INCONCLUSIVE

_FIGURES: Final = ("looking_count", "num_alive_connections", "outstanding_requests")
_JUDGED: Final = ["elapsed_s", "member", "reachable", "server_state", *_FIGURES]


def _members_unreachable(evidence: Evidence) -> Iterator[Reason]:
    metrics, span = evidence.run.metrics, evidence.timeline.span(MEASURED)
    if not len(metrics) or span is None:
        return
    at_s = metrics["elapsed_s"] + evidence.timeline.metrics_offset_s
    within = (at_s >= span.start_s) & (at_s <= span.end_s)
    missed = {
        str(member): (int((polls["reachable"] == 0).sum()), len(polls))
        for member, polls in metrics.loc[within, ["member", "reachable"]].groupby("member")
    }
    away = [f"{member} ({count} of {all_} polls)" for member, (count, all_) in missed.items() if count]
    if away:
        yield note(
            "member-unreachable",
            f"{len(away)} of {len(missed)} members left polls of their metrics unanswered in the measured stage: "
            f"{some(away, 5)}. Their charts have gaps there. See their logs in logs/.",
        )


def _members_missing(evidence: Evidence) -> Iterator[Reason]:
    """Compare the counts: a member that only the connect string names may have another name in its metrics."""
    planned = evidence.run.manifest.plan.members
    polled = {str(member) for member in evidence.run.metrics["member"].unique()}
    if polled and len(polled) < len(planned):
        away = sorted(set(planned) - polled, key=natural)
        which = f" ({some(away, 5)})" if len(away) == len(planned) - len(polled) else ""
        yield note(
            "members-missing",
            f"The metrics of {len(planned) - len(polled)} of {len(planned)} members were not recorded{which}. Check "
            "the addresses of their AdminServers.",
        )


def _leader_changed(evidence: Evidence) -> Iterator[Reason]:
    """Each election counts in `looking_count`; before 3.6, members do not tell it, but who leads."""
    polls = _measured(evidence)
    leaders = list(dict.fromkeys(polls.loc[polls["server_state"] == "leader", "member"]))
    looked = polls.dropna(subset=["looking_count"]).groupby("member")["looking_count"]
    elected = sorted((str(member) for member, counts in looked if counts.nunique() > 1), key=natural)
    if (len(leaders) > 1 or elected) and not _all_by_faults(evidence):
        change = (
            f"the leader changed ({' to '.join(map(str, leaders))})" if len(leaders) > 1 else "there was an election"
        )
        who = f", in which {some(elected, 5)} took part" if elected else ""
        yield inconclusive(
            "leader-change",
            f"In the measured stage {change}{who}: operations waited for it, and another member led afterwards or the "
            "same one again. See the members' logs in logs/, and run it again.",
        )


def _all_by_faults(evidence: Evidence) -> bool:
    """Whether all elections that the members' logs tell were during planned faults, or after them.

    A member that a fault has met looks for the leader when it comes back, which may be long after the others' recovery.
    """
    span = evidence.timeline.span(MEASURED)
    if not evidence.recoveries or span is None:
        return False
    found = happenings(evidence.run, evidence.timeline)
    found = found[(found["kind"] == ELECTION) & (found["end_s"] >= span.start_s) & (found["start_s"] <= span.end_s)]
    elections = zip(found["subject"], found["start_s"], found["end_s"], strict=True)
    return bool(len(found)) and all(
        in_window(evidence, start_s, end_s) or _comes_back(evidence, str(member), start_s)
        for member, start_s, end_s in elections
    )


def _comes_back(evidence: Evidence, member: str, at_s: float) -> bool:
    return any(member in fault.members and fault.start_s <= at_s <= fault.until_s for fault in evidence.recoveries)


def _sessions_uneven(evidence: Evidence) -> Iterator[Reason]:
    """Clients choose a member at random, so an uneven spread is one that chance does not explain."""
    polls = _measured(evidence).dropna(subset=["num_alive_connections"])
    sessions = polls.groupby("member")["num_alive_connections"].median()
    total, members = float(sessions.sum()), len(sessions)
    if members < 2 or not total:
        return
    even = total / members
    most = even + UNEVEN_DEVIATIONS * math.sqrt(even * (1 - 1 / members))
    fullest = str(sessions.idxmax())
    if sessions.max() >= max(most, UNEVEN_FACTOR * even):
        # Sessions move away from a member that a fault stops.
        yield Reason(
            INCONCLUSIVE if not evidence.recoveries else NOTE,
            "sessions-uneven",
            f"{sessions.max():,.0f} of {total:,.0f} connections were at {fullest}, where {even:,.0f} would be an even "
            f"share of {members} members. The figures show that member more than the ensemble. See the connect string "
            "and whether the members were up when the sessions began.",
        )


def _outstanding(evidence: Evidence) -> Iterator[Reason]:
    polls = _measured(evidence).dropna(subset=["outstanding_requests"]).sort_values("elapsed_s", kind="stable")
    counts = {str(member): found["outstanding_requests"].tolist() for member, found in polls.groupby("member")}
    for member, values in counts.items():
        drift = steadiness.drift_of(values)
        grown = (
            drift is not None
            and not (evidence.users.changed_by and evidence.users.vary)
            and drift.z >= DRIFT_Z
            and drift.last >= max(OUTSTANDING_LEAST, OUTSTANDING_FACTOR * drift.first)
        )
        if drift is not None and grown:
            yield inconclusive(
                "outstanding-requests",
                f"The outstanding requests of {member} grew over the measured stage, from {drift.first:,.0f} to "
                f"{drift.last:,.0f} (medians of its first and last third): it gets more than it can do, and latencies "
                "depend on the length of the run. Lower the load.",
            )
        elif len(values) and float(np.median(values)) >= OUTSTANDING_LIMIT:
            yield inconclusive(
                "outstanding-requests",
                f"{member} had {float(np.median(values)):,.0f} outstanding requests, the median of its polls. From "
                f"{OUTSTANDING_LIMIT:,} on (globalOutstandingLimit) members stop reading requests, and latencies show "
                "that queue. Lower the load.",
            )


def _measured(evidence: Evidence) -> pd.DataFrame:
    """The answered polls in the measured stage, with what the rules need of them; their figures as float64."""
    metrics, span = evidence.run.metrics[_JUDGED], evidence.timeline.span(MEASURED)
    if span is None:
        return metrics[:0]
    at_s = metrics["elapsed_s"] + evidence.timeline.metrics_offset_s
    found = metrics[(at_s >= span.start_s) & (at_s <= span.end_s) & (metrics["reachable"] == 1)]
    return found.astype(dict.fromkeys(_FIGURES, float))


MEMBER_RULES: Final[tuple[Rule, ...]] = (
    _members_unreachable,
    _members_missing,
    _leader_changed,
    _sessions_uneven,
    _outstanding,
)
