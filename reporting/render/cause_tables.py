"""Why operations were slow: a sentence, the table of causes, the table of the worst moments, and all of it as data."""

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from reporting import text
from reporting.analyse.cause_windows import SPANS
from reporting.analyse.causes import Coverage
from reporting.analyse.happenings import WORDS
from reporting.analyse.why import Why
from reporting.analyse.worst_moments import Moment
from reporting.render.event_lanes import took
from reporting.render.report_tables import Table

MOST_CAUSES: Final = 12
_MOST_HAPPENED: Final = 3
_MOST_NAMES: Final = 3
_LEAST_P: Final = 0.001
_CLOSE_S: Final = 0.005  # clocks that differ less change nothing that the table shows
_NEAR_S: Final = 0.5  # how far from a moment an event without a duration may be


def sentence(why: Why) -> str:
    """How much of the slow operations the causes explain; nothing for a run in which nothing succeeded."""
    slow = why.slow
    if slow.threshold_us is None:
        return ""
    if not slow.recorded:
        return "Why operations were slow is not known: this run has no record of its slowest operations."
    if not len(slow.rows):
        return f"No operation above p99.9 ({text.latency_ms(slow.threshold_us)} ms) was recorded."
    of = f"Of {slow.total:,} operations above p99.9 ({text.latency_ms(slow.threshold_us)} ms)"
    found = why.causes.standing_out
    if not found:
        if not why.causes.coverages:
            return f"{of}, none was under way during a known cause. They are unexplained."
        return f"{of}, no known cause covers clearly more than it would by chance. They are unexplained."
    parts = [
        f"{text.percent(one.share)} were under way during {one.cause.plural}, where chance would give "
        f"{text.percent(one.chance)}"
        for one in found[:_MOST_NAMES]
    ]
    rest = max(0.0, 1 - why.causes.explained)
    return f"{of}, {'; '.join(parts)}. {text.percent(rest)} {'is' if rest == 0 else 'are'} unexplained."


def causes(why: Why) -> Table | None:
    """How much each cause covers, and how much it would by chance; nothing where none covers any operation."""
    found = why.causes.coverages
    if not found:
        return None
    rows = [(one.cause.words, *_figures(one), _judgement(one)) for one in found[:MOST_CAUSES]]
    unexplained = max(0.0, 1 - why.causes.explained)
    rows.append(("unexplained", text.percent(unexplained), *[text.NOTHING] * 5))
    note = (
        "An operation may be under way during several causes. By chance: the mean over many moves of its windows "
        "in time; p: how often they meet the slow operations as well as where they are. Only what stands out explains."
    )
    if len(found) > MOST_CAUSES:
        note += f" {len(found) - MOST_CAUSES} more causes are in report.json."
    head = ("Cause", "Covers", "By chance", "Ratio", "p", "Time with it", "Judgement")
    return Table("Causes of the operations above p99.9", head, tuple(rows), 1, has_total=True, note=note)


def _judgement(found: Coverage) -> str:
    return "stands out" if found.stands_out else "may be chance"


def _figures(found: Coverage) -> tuple[str, ...]:
    ratio = text.NOTHING if found.ratio is None else f"{found.ratio:,.3g}"
    return (
        text.percent(found.share),
        text.percent(found.chance),
        ratio,
        f"{found.p:.3f}" if found.p >= _LEAST_P else f"< {_LEAST_P}",
        text.percent(found.time_share),
    )


def moments(why: Why) -> Table | None:
    """When operations were slowest and what happened then, the worst first; nothing without slow operations."""
    if not why.moments:
        return None
    head = (
        "From (s)",
        "What happened",
        "Operations",
        "Members",
        "Workers",
        "Length",
        "Slow",
        "Worst (ms)",
        "Sessions",
    )
    rows = tuple(
        (
            f"{moment.start_s:,.2f}",
            "; ".join(happened(moment, why.events)) or "nothing known",
            _operations(moment),
            _names(moment.members, "members"),
            _names(moment.workers, "workers"),
            took(moment.end_s - moment.start_s),
            text.count(moment.operations),
            text.latency_ms(moment.worst_us),
            text.count(moment.sessions) if moment.sessions else text.NOTHING,
        )
        for moment in why.moments
    )
    note = (
        f"Seconds are counted from the load's start. A moment has operations above {_limit(why)} that overlap. The "
        "first is the one whose operations took the longest time together; the charts mark it."
    )
    if (within_s := why.placed_within_s) is not None and within_s >= _CLOSE_S:
        off = f"\N{PLUS-MINUS SIGN}{text.latency_ms(within_s * 1e6)} ms"
        note += f" The clocks of the hosts are known to {off}: what happened there may be placed that far off."
    return Table("The worst moments", head, rows, 5, note=note)


def _limit(why: Why) -> str:
    return f"{text.latency_ms(why.moments_above_us)} ms"


def _names(names: Sequence[str], of: str) -> str:
    """A few names, or how many there are."""
    return f"{len(names)} {of}" if len(names) > _MOST_NAMES else ", ".join(names) or text.NOTHING


def happened(moment: Moment, events: pd.DataFrame) -> list[str]:
    """What happened in a moment: causes that cover its operations, and events without a duration."""
    found = []
    for one in moment.happened[:_MOST_HAPPENED]:
        of = "" if one.share > 0.995 else f", {text.percent(one.share)} of the waiting"
        found.append(f"{one.cause.words} ({took(one.end_s - one.start_s)} from {one.start_s:,.2f}{of})")
    if (more := len(moment.happened) - _MOST_HAPPENED) > 0:
        found.append(f"{more} more")
    near = events[
        ~events["kind"].isin(SPANS)
        & (events["start_s"] >= moment.start_s - _NEAR_S)
        & (events["start_s"] <= moment.end_s + _NEAR_S)
    ]
    for kind, rows in near.groupby("kind", sort=False):
        times = f" \N{MULTIPLICATION SIGN} {len(rows):,}" if len(rows) > 1 else ""
        who = text.some(sorted(rows["subject"].unique(), key=text.natural), _MOST_NAMES)
        found.append(f"{WORDS[str(kind)]}{times} ({who})")
    return found


def _operations(moment: Moment) -> str:
    found = text.some(moment.names, _MOST_NAMES)
    found += f", {moment.failed:,} failed" if moment.failed else ""
    return found + (f", {moment.censored:,} censored" if moment.censored else "")


def as_json(why: Why) -> dict[str, Any]:
    """All of it for programs: shares from 0 to 1, times in seconds since the load started."""
    return {
        "sentence": sentence(why),
        "threshold_us": why.slow.threshold_us,
        "operations": why.slow.total,
        "kept": len(why.slow.rows),
        "explained_share": why.causes.explained,
        "causes": [
            {
                "kind": one.cause.kind,
                "who": one.cause.who,
                "share": one.share,
                "chance": one.chance,
                "ratio": one.ratio,
                "p": one.p,
                "time_share": one.time_share,
                "stands_out": one.stands_out,
            }
            for one in why.causes.coverages
        ],
        "worst_moments": [_moment(moment) for moment in why.moments],
        "placed_within_s": why.placed_within_s,
        "unknown": list(why.unknown),
    }


def _moment(moment: Moment) -> dict[str, Any]:
    return {
        "start_s": moment.start_s,
        "end_s": moment.end_s,
        "worst_us": moment.worst_us,
        "operations": moment.operations,
        "names": list(moment.names),
        "sessions": moment.sessions,
        "members": list(moment.members),
        "workers": list(moment.workers),
        "failed": moment.failed,
        "censored": moment.censored,
        "happened": [
            {
                "kind": one.cause.kind,
                "who": one.cause.who,
                "start_s": one.start_s,
                "end_s": one.end_s,
                "share": one.share,
            }
            for one in moment.happened
        ],
    }
