"""Operations of administrators, each a step that a member's host completes by itself.

A step may be begun again where it was cut off: `note["step"]` says how far it was. It ends with a member that serves,
or with the reason why it does not in `note["error"]`. Times are seconds.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zk_locust.contract.member_answers import Answer, AnswerError, ask, parse_srvr
from zk_locust.contract.process_identity import is_running
from zk_locust.host_faults import releases, snapshots
from zk_locust.host_faults.errors import FaultError
from zk_locust.host_faults.member import Member

Note = dict[str, Any]
Save = Callable[[Note], None]

_ASK_S = 1.0
_ASK_AGAIN_S = 0.1
_DEFAULT_LIMIT_S = 60.0


def require_release(member: Member, note: Note) -> None:
    """Raise FaultError where the release of an upgrade was not prepared, before anything is done."""
    releases.rendered(member.folder, str(note["to"]))
    note["release_before"] = _ask(note).version


def upgrade(member: Member, note: Note, save: Save, kept: Path) -> None:
    """Give the member the release `to`; one that does not serve with it gets back what it had, kept in `kept`."""
    if note["error"]:
        member.start()
        return
    step = note.get("step", "")
    if not step:
        releases.keep(member.folder, kept)
        _reach("kept", note, save)
        step = "kept"
    if step == "kept":
        member.stop()
        releases.put(releases.rendered(member.folder, str(note["to"])), member.folder)
        _reach("placed", note, save)
        step = "placed"
    if step == "placed":
        problem = _started(member, note)
        if not problem:
            shutil.rmtree(kept, ignore_errors=True)
            return
        note["why_back"] = problem
        _reach("back", note, save)
    member.stop()
    releases.put(kept, member.folder)
    problem = _started(member, note)
    note["error"] = f"with {note['to']} {note['why_back']}; it has its release of before again"
    if problem:
        note["error"] += f", with which {problem}"
    shutil.rmtree(kept, ignore_errors=True)


def replace(member: Member, note: Note, save: Save) -> None:
    """Remove the member's data, and start it empty with the same id: it fetches all from the others."""
    if note.get("step", "") != "emptied":
        try:
            member.stop()
            member.empty()
            _reach("emptied", note, save)
        except FaultError as error:
            note["error"] = str(error)
    problem = _started(member, note)
    if problem:
        note["error"] = note["error"] or f"without data {problem}; it goes on fetching it from the others"


def snapshot(note: Note) -> None:
    """Have the member write a snapshot; return when it has."""
    snapshots.write(str(note["admin"]))


def _reach(step: str, note: Note, save: Save) -> None:
    note["step"] = step
    save(note)


def _started(member: Member, note: Note) -> str:
    """Start the member; return why it does not serve, empty once it does. The note gets its release."""
    try:
        member.start()
    except FaultError as error:
        return f"it does not start ({error})"
    limit_s = float(note.get("serves_limit_s") or _DEFAULT_LIMIT_S)
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        answer = _ask(note)
        if answer.serves:
            note["release"] = answer.version
            return ""
        try:
            process = member.process()
        except FaultError:
            return "its process ends"
        if not is_running(process):
            return "its process ends"
        time.sleep(_ASK_AGAIN_S)
    return f"it does not serve within {limit_s:g} s"


def _ask(note: Note) -> Answer:
    try:
        return parse_srvr(ask(str(note["address"]), int(note["client_port"]), _ASK_S))
    except (OSError, UnicodeError, AnswerError):
        return Answer()
