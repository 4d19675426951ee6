"""The rules about the members as their metrics show them."""

from collections.abc import Iterator
from typing import Final

from locust_extra.columns import MEASURED
from reporting.text import natural, some
from reporting.verdict.evidence import Evidence, Reason, Rule, note


def _members_unreachable(evidence: Evidence) -> Iterator[Reason]:
    metrics, span = evidence.run.metrics, evidence.timeline.span(MEASURED)
    if not len(metrics) or span is None:
        return
    at_s = metrics["elapsed_s"] + evidence.timeline.metrics_offset_s
    within = (at_s >= span.start_s) & (at_s <= span.end_s)
    missed = {
        str(member): (int((polls["reachable"] == 0).sum()), len(polls))
        for member, polls in metrics[within].groupby("member")
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


MEMBER_RULES: Final[tuple[Rule, ...]] = (_members_unreachable, _members_missing)
