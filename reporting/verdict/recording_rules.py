"""The rules of the verdict about the record itself: disks that were full, and what earlier runs had left behind."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pandas as pd

from host_metrics.lasting_file import RECORDS_LOST, WRITE_FAILED, WRITE_RESUMED
from reporting.read.parsing import parse_time
from reporting.text import some
from reporting.verdict.rules import INCONCLUSIVE, NOTE, Evidence, Reason, Rule

LEFT_TREE_REMOVED: Final = "left-tree-removed"


def _files_not_written(evidence: Evidence) -> Iterator[Reason]:
    events = evidence.run.events
    failed = events[events["event"] == WRITE_FAILED]
    if not len(failed):
        return
    names = [str(name) for name in dict.fromkeys(failed["subject"])]
    why = str(failed["detail"].iloc[0]).partition(";")[0]
    at_s = evidence.timeline.in_load_time(float(failed["timestamp"].min()))
    since = f" from {at_s:.0f} s on" if at_s == at_s else ""
    text = f"{some(names, 6)} could not be written{since} ({why})"
    lost = [f"{row.subject}: {row.detail}" for row in events[events["event"] == RECORDS_LOST].itertuples()]
    still = [name for name in names if not _resumed(events, name)]
    if lost:
        yield Reason("disk-full", INCONCLUSIVE, f"{text}, and figures are missing: {'; '.join(lost)}. Make room there.")
    elif still:
        yield Reason(
            "disk-full", INCONCLUSIVE, f"{text}, and {some(still, 6)} not before the end either. Make room there."
        )
    else:
        yield Reason("disk-full", NOTE, f"{text}. All of it was written when there was room again. Make room there.")


def _resumed(events: pd.DataFrame, name: str) -> bool:
    of_file = events[(events["subject"] == name) & events["event"].isin([WRITE_FAILED, WRITE_RESUMED])]
    return bool((of_file["event"] == WRITE_RESUMED).sum() >= (of_file["event"] == WRITE_FAILED).sum())


def _disks_full(evidence: Evidence) -> Iterator[Reason]:
    manifest = evidence.run.manifest
    said = WRITE_FAILED in set(evidence.run.events["event"])
    for host, known in sorted(manifest.hosts.items()):
        if manifest.roles(host) == ["member"]:
            yield from _disk_of_member_full(host, known)
            continue
        times = known.get("disk_full")
        if not isinstance(times, list) or not times:
            continue
        lengths_s = [_length_s(found) for found in times]
        known_s = [length_s for length_s in lengths_s if length_s is not None]
        is_master = "master" in manifest.roles(host)
        if len(known_s) < len(lengths_s):
            what = "what it recorded last" if is_master else "the end of its logs"
            yield Reason(
                "disk-full",
                INCONCLUSIVE if is_master else NOTE,
                f"The disk of load host {host} was full when its share of the load ended, so {what} may be missing. "
                "Make room there.",
            )
        elif not (is_master and said):
            yield Reason(
                "disk-full",
                NOTE,
                f"The disk of load host {host} was full for {sum(known_s):.0f} s, so its logs may have gaps. "
                "Make room there.",
            )


def _disk_of_member_full(host: str, known: Mapping[str, Any]) -> Iterator[Reason]:
    """Say what became of a member's samples, and that the member itself may have been held up by the same disk."""
    times = known.get("disk_full")
    lengths_s = [_length_s(found) for found in times] if isinstance(times, list) else []
    lost = known.get("samples_lost")
    samples = f"{lost} samples of its machine are missing" if type(lost) is int and lost > 0 else ""
    if lengths_s:
        known_s = [length_s for length_s in lengths_s if length_s is not None]
        how_long = f"for {sum(known_s):.0f} s" if len(known_s) == len(lengths_s) else "to the end"
        text = f"The disk of member {host} was full {how_long}, so it may have been unable to write its own log"
        yield Reason("disk-full", INCONCLUSIVE, f"{text}{f', and {samples}' if samples else ''}. Make room there.")
    elif samples:
        yield Reason("disk-full", INCONCLUSIVE, f"Of member {host}, {samples}: its disk was full. Make room there.")


def _length_s(found: Any) -> float | None:
    """How long one time of a full disk was; None where it has no end."""
    try:
        return max(0.0, parse_time(found["until"]) - parse_time(found["since"]))
    except (KeyError, TypeError, ValueError):
        return None


def _trees_left(evidence: Evidence) -> Iterator[Reason]:
    events = evidence.run.events
    left = [f"{row.subject} ({row.detail})" for row in events[events["event"] == LEFT_TREE_REMOVED].itertuples()]
    if left:
        yield Reason(
            "left-trees",
            NOTE,
            f"Earlier runs that were killed had left nodes on the ensemble, removed before this load: {some(left, 5)}.",
        )


RECORDING_RULES: Final[tuple[Rule, ...]] = (_files_not_written, _disks_full, _trees_left)
