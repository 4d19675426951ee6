"""The rules about the members as their metrics show them."""

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from reporting.analyse import steadiness
from reporting.analyse.happenings import happenings
from reporting.text import natural, some
from reporting.verdict.evidence import NOTE, Evidence, Reason, Rule, inconclusive, note
from reporting.verdict.fault_rules import in_window
from reporting.verdict.thresholds import (
    DRIFT_CHANCE,
    OUTSTANDING_FACTOR,
    OUTSTANDING_LEAST,
    OUTSTANDING_LIMIT,
    UNEVEN_CHANCE,
    UNEVEN_FACTOR,
    UNEVEN_NOTED_CHANCE,
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
    """Each election counts in `looking_count`; before 3.6, members do not tell it, but who leads, and in their logs.

    What has changed since the last poll before the measured stage counts, too.
    """
    logged, polls = _elections(evidence), _measured(evidence)
    unplanned = {
        str(row.subject) for row in _in_measured(evidence, logged).itertuples() if not _by_fault(evidence, row)
    }
    when, (leaders, counted) = "In the measured stage", _changes(polls)
    if not unplanned and len(leaders) < 2 and not counted:
        when = "Between the last poll before the measured stage and the first one in it"
        leaders, counted = _changes(pd.concat([_last_before(evidence, logged), polls]))
    if unplanned or ((len(leaders) > 1 or counted) and not _all_by_faults(evidence, logged)):
        elected = sorted(unplanned or counted, key=natural)
        change = (
            f"the leader changed ({' to '.join(map(str, leaders))})" if len(leaders) > 1 else "there was an election"
        )
        who = f", in which {some(elected, 5)} took part" if elected else ""
        yield inconclusive(
            "leader-change",
            f"{when} {change}{who}: operations may have waited for it, and another member led afterwards or the same "
            "one again. See the members' logs in logs/, and run it again.",
        )


def _changes(polls: pd.DataFrame) -> tuple[list[str], set[str]]:
    """Who led, in order of time, and whose count of elections has grown."""
    leaders = dict.fromkeys(map(str, polls.loc[polls["server_state"] == "leader", "member"]))
    looked = polls.dropna(subset=["looking_count"]).groupby("member")["looking_count"]
    return [*leaders], {str(member) for member, counts in looked if counts.nunique() > 1}


def _elections(evidence: Evidence) -> pd.DataFrame:
    """What the members' logs tell of elections, as `happenings`."""
    found = happenings(evidence.run, evidence.timeline)
    return found[found["kind"] == ELECTION]


def _in_measured(evidence: Evidence, logged: pd.DataFrame) -> pd.DataFrame:
    """The elections in the measured stage; of earlier ones, those whose end is known to be in it."""
    span, load_end_s = evidence.timeline.span(MEASURED), evidence.timeline.end_s
    if span is None:
        return logged[:0]
    known = logged["end_s"] < load_end_s  # else it ends with the load
    began = (logged["start_s"] >= span.start_s) & (logged["start_s"] <= span.end_s)
    return logged[began | (known & (logged["start_s"] < span.start_s) & (logged["end_s"] >= span.start_s))]


def _last_before(evidence: Evidence, logged: pd.DataFrame) -> pd.DataFrame:
    """The last answered polls before the measured stage; none if an election between them and the stage is known."""
    span = evidence.timeline.span(MEASURED)
    if span is None:
        return _answered(evidence, 0.0, -1.0)
    polls = _answered(evidence, -math.inf, math.nextafter(span.start_s, -math.inf))
    last = polls.groupby("member", sort=False, observed=True).tail(1)
    at_s = last["elapsed_s"] + evidence.timeline.metrics_offset_s
    between = logged[(logged["end_s"] < span.start_s) & (logged["end_s"] >= at_s.min())]
    return last if not len(between) else last[:0]


def _all_by_faults(evidence: Evidence, logged: pd.DataFrame) -> bool:
    """Whether all elections that the members' logs tell, and there are some, were during planned faults or after them.

    A member that a fault has met looks for the leader when it comes back, which may be long after the others' recovery.
    """
    span = evidence.timeline.span(MEASURED)
    if not evidence.recoveries or span is None:
        return False
    found = logged[(logged["end_s"] >= span.start_s) & (logged["start_s"] <= span.end_s)]
    return bool(len(found)) and all(_by_fault(evidence, row) for row in found.itertuples())


def _by_fault(evidence: Evidence, election: Any) -> bool:
    """Whether an election was during a planned fault, or is that of a member which comes back from one."""
    if in_window(evidence, election.start_s, election.end_s):
        return True
    return _comes_back(evidence, str(election.subject), election.start_s)


def _comes_back(evidence: Evidence, member: str, at_s: float) -> bool:
    return any(member in fault.members and fault.start_s <= at_s <= fault.until_s for fault in evidence.recoveries)


def _sessions_uneven(evidence: Evidence) -> Iterator[Reason]:
    """Clients choose a member at random, so an uneven spread is one that chance does not explain."""
    polls = _measured(evidence).dropna(subset=["num_alive_connections"])
    sessions = polls.groupby("member")["num_alive_connections"].median()
    total, members = float(sessions.sum()), len(sessions)
    if members < 2 or not total or sessions.max() * members < UNEVEN_FACTOR * total:
        return
    chance = _chance_of_fullest(int(sessions.max()), math.ceil(total), members)
    if chance <= UNEVEN_NOTED_CHANCE:
        spoils = chance <= UNEVEN_CHANCE and not evidence.recoveries  # sessions move away from a member that stops
        even, fullest = total / members, str(sessions.idxmax())
        rarely = f"Chance does that in 1 of {1 / chance:,.0f} runs. " if chance > 1e-6 else ""
        yield Reason(
            INCONCLUSIVE if spoils else NOTE,
            "sessions-uneven",
            f"{sessions.max():,.0f} of {total:,.0f} connections were at {fullest}, where {even:,.0f} would be an even "
            f"share of {members} members. {rarely}The figures show that member more than the ensemble. See the "
            "connect string and whether the members were up when the sessions began.",
        )


def _chance_of_fullest(most: int, sessions: int, members: int) -> float:
    """Return how often some member has `most` or more of the sessions that choose at random.

    It is the binomial tail of one member times the members, which is exact if only one of them can have so many.
    """
    from scipy.special import bdtrc  # 0.1 s, and only an uneven spread needs it

    return min(1.0, members * float(bdtrc(most - 1, sessions, 1 / members)))


def _outstanding(evidence: Evidence) -> Iterator[Reason]:
    polls = _measured(evidence).dropna(subset=["outstanding_requests"]).sort_values("elapsed_s", kind="stable")
    counts = {str(member): found["outstanding_requests"].tolist() for member, found in polls.groupby("member")}
    for member, values in counts.items():
        drift = steadiness.drift_of(values)
        grown = (
            drift is not None
            and not (evidence.users.changed_by and evidence.users.vary)
            and drift.z >= steadiness.least_z(DRIFT_CHANCE, len(counts))
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
    """The answered polls in the measured stage."""
    span = evidence.timeline.span(MEASURED)
    return _answered(evidence, 0.0, -1.0) if span is None else _answered(evidence, span.start_s, span.end_s)


def _answered(evidence: Evidence, from_s: float, until_s: float) -> pd.DataFrame:
    """The answered polls of a time of the load, with what the rules need of them; their figures as float64."""
    metrics = evidence.run.metrics[_JUDGED]
    at_s = metrics["elapsed_s"] + evidence.timeline.metrics_offset_s
    found = metrics[(at_s >= from_s) & (at_s <= until_s) & (metrics["reachable"] == 1)]
    return found.astype(dict.fromkeys(_FIGURES, float))


MEMBER_RULES: Final[tuple[Rule, ...]] = (
    _members_unreachable,
    _members_missing,
    _leader_changed,
    _sessions_uneven,
    _outstanding,
)
