"""The notes of faults that members' hosts have told, checked: what comes from hosts may be anything."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from fleet.fault_hosts import read_told
from zk_locust.contract.events import FAULT
from zk_locust.contract.faults.actions import ACTIONS, DISPATCHER
from zk_locust.contract.faults.planned import PlannedFault, asked_title, left_out
from zk_locust.contract.plain_text import plain_line

_MOST: Final = 1000
_STATES: Final = ("begun", "healed", "refused")
_RELEASES: Final = ("release_before", "release")
_MOST_OF_RELEASE: Final = 40
_LATEST_S: Final = 253_402_300_799.0  # the year 9999: what a calendar holds
_LONGEST_S: Final = 366 * 86_400.0
_MOST_MET: Final = 10**15


def told_faults(text: str, member: str, run_id: str) -> tuple[list[dict[str, Any]], str]:
    """Return the faults of a run that a member's host has told, by number, and what is wrong with the answer.

    A fault has `number`, `member`, `do`, `state`, `began` and `ended` (UTC, ISO 8601, by the host's clock), `lasted_s`,
    `late_s` (how long after its planned moment it began), `met` (how many packets, connections or sessions it has met),
    `by_process` (whether a process delayed the packets, without netem) and `error`; None is what is not known.
    `asked_by` is there for one that a dispatcher asked for.
    After an operation that has started the member anew there are `release`, with which it serves now, and of an
    upgrade `release_before`.
    """
    told = read_told(text)
    notes = told.get("faults") if told is not None else None
    if not isinstance(notes, list) or len(notes) > _MOST:
        return [], f"{member}: what its host says of faults cannot be read"
    found = [fault for note in notes if (fault := _fault(note, member, run_id)) is not None]
    left_out = len(notes) - len(found)
    problem = f"{member}: {left_out} notes of faults on its host are not what they should be" if left_out else ""
    return sorted(found, key=lambda fault: (fault["number"], str(fault["began"]))), problem


def _fault(note: Any, member: str, run_id: str) -> dict[str, Any] | None:
    if not isinstance(note, dict) or note.get("run_id") != run_id:
        return None
    number, do, state = note.get("number"), note.get("do"), note.get("state")
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= _MOST:
        return None
    if do not in ACTIONS or state not in _STATES:
        return None
    return {
        "number": number,
        "member": member,
        "do": do,
        "state": state,
        "began": _moment(note.get("began")),
        "ended": _moment(note.get("ended")),
        "lasted_s": _seconds(note.get("lasted_s"), _LONGEST_S),
        "late_s": _seconds(note.get("late_s"), _LONGEST_S),
        "met": _count(note.get("met")),
        "by_process": note.get("by_process") is True,
        "error": plain_line(str(note.get("error") or "")),
        **({"asked_by": DISPATCHER} if note.get("asked_by") == DISPATCHER else {}),
        **{key: plain_line(str(note[key]), _MOST_OF_RELEASE) for key in _RELEASES if note.get(key)},
    }


def _moment(value: Any) -> str | None:
    seconds = _seconds(value, _LATEST_S)
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


def _seconds(value: Any, most: float) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return round(float(value), 6) if is_number and 0 <= value <= most else None


def _count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_MET
    return value if is_count else None


def titles_of(
    planned: Iterable[PlannedFault], faults: Mapping[str, list[Mapping[str, Any]]], members: Iterable[str]
) -> dict[int, str]:
    """Return what was planned, by number; of what goes through all `members`, with those that it was not done to."""
    names, titles = list(members), {}
    for fault in planned:
        met = {
            name for name, notes in faults.items() for note in notes if note["number"] == fault.number and note["began"]
        }
        left = left_out(fault.do, met, names)
        titles[fault.number] = fault.title + (f", not done to {', '.join(left)}" if left else "")
    return titles


def event_rows(faults: Mapping[str, list[Mapping[str, Any]]], titles: Mapping[int, str]) -> list[list[str]]:
    """Return the rows of `events.csv` for faults by member, as `EVENT_COLUMNS`: each begins when its host has noted it.

    `titles` says by number what was planned.
    """
    rows = []
    for member, found in faults.items():
        for fault in found:
            if not fault.get("began"):
                continue
            planned = titles.get(fault["number"], fault["do"])
            title = asked_title(fault["do"], [member]) if fault.get("asked_by") else planned
            detail = f"fault {fault['number']}: {title}"
            if fault.get("met") is not None and (unit := ACTIONS[fault["do"]].meets):
                detail += f" (met {fault['met']} {unit}{', delayed by a process' if fault.get('by_process') else ''})"
            error = f" (failed: {fault['error']})" if fault.get("error") else ""
            if fault.get("release_before") and fault.get("release"):
                detail += f", from {fault['release_before']} to {fault['release']}"
            lasted = "" if fault.get("lasted_s") is None else f"{fault['lasted_s']:.6f}"
            rows.append([str(fault["began"]), member, FAULT, member, detail + error, lasted, member])
    return rows
