"""The rules about the record: files that are missing, full disks, and what preflight and the load noted."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pandas as pd

from host_metrics.columns import RECORDS_LOST, WRITE_FAILED, WRITE_RESUMED
from reporting.read.parsing import parse_time
from reporting.text import some
from reporting.verdict.evidence import NOTE, Evidence, Reason, Rule, inconclusive, note
from zk_locust.contract.events import (
    FALSE_MASTER_REFUSED,
    LEFT_TREE_REMOVED,
    LIMIT_REACHED,
    STRANGER_REFUSED,
    WARM_UP_ENDED,
)
from zk_locust.contract.verdicts import INCONCLUSIVE


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
        yield inconclusive("disk-full", f"{text}, and figures are missing: {'; '.join(lost)}. Free disk space there.")
    elif still:
        yield inconclusive("disk-full", f"{text}, and {some(still, 6)} not until the end. Free disk space there.")
    else:
        yield note("disk-full", f"{text}. Everything was written later. Free disk space there.")


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
        full_s, ended = _full(known)
        if full_s is None:
            continue
        is_master = "master" in manifest.roles(host)
        if not ended:
            what = "its last records" if is_master else "the end of its logs"
            yield Reason(
                INCONCLUSIVE if is_master else NOTE,
                "disk-full",
                f"The disk of load host {host} was full when its share of the load ended, so {what} may be missing. "
                "Free disk space there.",
            )
        elif not (is_master and said):
            yield note(
                "disk-full",
                f"The disk of load host {host} was full for {full_s:.0f} s, so its logs may have gaps. "
                "Free disk space there.",
            )


def _disk_of_member_full(host: str, known: Mapping[str, Any]) -> Iterator[Reason]:
    """The member writes its own log to the same disk as its samples."""
    full_s, ended = _full(known)
    lost = known.get("samples_lost")
    samples = f"{lost} samples of its machine are missing" if type(lost) is int and lost > 0 else ""
    if full_s is not None:
        how_long = f"for {full_s:.0f} s" if ended else "to the end"
        text = f"The disk of member {host} was full {how_long}, so it may have been unable to write its own log"
        yield inconclusive("disk-full", f"{text}{f', and {samples}' if samples else ''}. Free disk space there.")
    elif samples:
        yield inconclusive("disk-full", f"Of member {host}, {samples}: its disk was full. Free disk space there.")


def _full(known: Mapping[str, Any]) -> tuple[float | None, bool]:
    """For how many seconds a host's disk was full, None for never; and whether that ended each time."""
    times = known.get("disk_full")
    lengths_s = []
    for found in times if isinstance(times, list) else []:
        with contextlib.suppress(KeyError, TypeError, ValueError):
            lengths_s.append(max(0.0, parse_time(found["until"]) - parse_time(found["since"])))
    return (sum(lengths_s), len(lengths_s) == len(times)) if isinstance(times, list) and times else (None, False)


def _trees_left(evidence: Evidence) -> Iterator[Reason]:
    events = evidence.run.events
    left = [f"{row.subject} ({row.detail})" for row in events[events["event"] == LEFT_TREE_REMOVED].itertuples()]
    if left:
        yield note("left-trees", f"Nodes of killed runs were removed before the load: {some(left, 5)}.")


def _strangers(evidence: Evidence) -> Iterator[Reason]:
    events = evidence.run.events
    strangers = sorted({str(subject) for subject in events[events["event"] == STRANGER_REFUSED]["subject"]})
    if strangers:
        yield note(
            "stranger-refused",
            f"A process at {some(strangers, 4)} tried to join the master without this run's token and was refused. It "
            "got no message and no share of the load. Find out what it is, or block the master's port for it with a "
            "firewall.",
        )
    deceived = sorted({str(subject) for subject in events[events["event"] == FALSE_MASTER_REFUSED]["subject"]})
    if deceived:
        yield inconclusive(
            "false-master-refused",
            f"A process without this run's token answered {some(deceived, 4)} in place of the master. The workers did "
            "not obey it, but it may answer at a member's address too. Find out what it is, and run again.",
        )


def _warm_up_at_its_limit(evidence: Evidence) -> Iterator[Reason]:
    events = evidence.run.events
    reached = events[(events["event"] == WARM_UP_ENDED) & (events["subject"] == LIMIT_REACHED)]
    for detail in reached["detail"]:
        yield note(
            "warm-up-limit",
            f"The warm-up ended at its limit ({detail}). Figures of the measured stage may include slow first "
            "operations. Set a higher limit, such as auto:120s, or a lower load.",
        )


def _preflight_warnings(evidence: Evidence) -> Iterator[Reason]:
    for warning in evidence.run.manifest.warnings:
        yield note("preflight-warning", f"Preflight warned: {warning}.")


def _files_missing(evidence: Evidence) -> Iterator[Reason]:
    for line in evidence.run.manifest.missing:
        yield note("files-missing", f"Not everything was collected: {line}.")


RECORDING_RULES: Final[tuple[Rule, ...]] = (
    _files_not_written,
    _disks_full,
    _trees_left,
    _strangers,
    _warm_up_at_its_limit,
    _preflight_warnings,
    _files_missing,
)
