"""Whether the ensemble was consistent during a run: checked once, then kept in `consistency.json` of the run folder."""

import contextlib
import json
import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from reporting.consistency import check as checking
from reporting.consistency import followers
from reporting.consistency.check import Clocks, History
from reporting.consistency.excerpt import excerpt
from reporting.consistency.found import CHECKS, CHILDREN, NOT_PROMISED
from reporting.consistency.history_file import HistoryError, HistoryFile
from reporting.consistency.states import CONSISTENT, NOT_CHECKED, PARTLY, VIOLATED
from reporting.read.manifest import Manifest
from reporting.read.parsing import number
from zk_locust.contract.durable_files import write_text
from zk_locust.contract.history_format import file_name, is_history
from zk_locust.contract.plain_text import first_of
from zk_locust.contract.run_files import CONSISTENCY, HISTORY, HISTORY_LOCAL

_VERSION: Final = 5
_UNKNOWN_ERROR_S: Final = 86_400.0
"""Of a clock that nobody has measured: its host's times are compared with no other host's."""
_MOST_CUT_S: Final = 10.0
"""How long before the load's end a history may end early: a process that was killed has lost a second at most."""
_FINAL: Final = file_name("final")
_TOLD_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Consistency:
    """The answer, and what it is worth.

    `reason` says why nothing or not all was checked.
    `violations` are texts by check, `counts` how many each check has found, `excerpt` the records that show the first
    one. `notes` say what could not be known.
    """

    state: str
    reason: str = ""
    operations: int = 0
    writes: int = 0
    events: int = 0
    undecided: int = 0
    sessions: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    violations: Mapping[str, list[str]] = field(default_factory=dict)
    excerpt: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The object in `report.json`."""
        return asdict(self)

    @property
    def sentence(self) -> str:
        """The answer in one sentence, without the state."""
        if self.state == NOT_CHECKED:
            return self.reason
        checked = (
            f"{self.operations:,} operations of {self.sessions:,} sessions were checked, {self.writes:,} of them "
            f"acknowledged writes; {self.undecided:,} without a reply count as carried out or not"
        )
        if self.state in (CONSISTENT, PARTLY):
            return f"{checked}. {self.reason}".rstrip()
        first = next(check for check in CHECKS if self.counts.get(check))
        return f"{first}: {self.violations[first][0]} ({sum(self.counts.values()):,} violations). {checked}."


def of_run(folder: Path, manifest: Manifest) -> Consistency:
    """Return the answer for a run folder; check the history unless that was done before."""
    files = sorted(file for file in (folder / HISTORY).glob("*/*") if is_history(file.name) and file.is_file())
    if not files:
        asked = manifest.parameters.get("history") in (True, "true", 1)
        return Consistency(NOT_CHECKED, "The history is missing." if asked else "No history was recorded (--history).")
    try:
        clocks = _clocks({file.parent.name for file in files}, manifest)
        checked_of = {
            "files": {str(file.relative_to(folder)): _content_of(file) for file in files},
            "clocks": {host: list(clock) for host, clock in sorted(clocks.items())},
        }
        kept = _kept(folder, checked_of)
        if kept is not None:
            return kept
        found = _check(folder, files, clocks, manifest)
    except OSError as error:  # as of a full disk: the report does without
        return Consistency(NOT_CHECKED, f"The history cannot be checked: {error.strerror or error}.")
    content = {"version": _VERSION, **checked_of, "found": found.as_dict()}
    with contextlib.suppress(OSError):  # the next report checks again
        write_text(folder / CONSISTENCY, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return found


def _content_of(file: Path) -> list[int]:
    """Return quickly what tells a file from another one: its size, and sums of its beginning and its end."""
    size = file.stat().st_size
    with file.open("rb") as content:
        begin = zlib.crc32(content.read(_TOLD_BYTES))
        content.seek(max(size - _TOLD_BYTES, 0))
        return [size, begin, zlib.crc32(content.read(_TOLD_BYTES))]


def _kept(folder: Path, checked_of: Mapping[str, object]) -> Consistency | None:
    try:
        content = json.loads((folder / CONSISTENCY).read_text(encoding="utf-8"))
        if content["version"] != _VERSION or any(content[name] != told for name, told in checked_of.items()):
            return None
        found = content["found"]
        return Consistency(**found | {"excerpt": tuple(found["excerpt"]), "notes": tuple(found["notes"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _check(folder: Path, paths: list[Path], clocks: Clocks, manifest: Manifest) -> Consistency:
    files = [HistoryFile(path, path.parent.name) for path in paths]
    missing = _missing(files, manifest)
    followed = partial(followers.of_run, folder, manifest)
    checked = checking.check(files, clocks, folder, complete=not missing, followed=followed)
    of_files = checking.clocks_of(files, clocks)
    notes = _notes(checked, missing)
    counts = {check: checked.found.counts[check] for check in CHECKS if checked.found.counts.get(check)}
    violations = {check: [each.text for each in checked.found.violations[check]] for check in counts}
    state, reason, lines = CONSISTENT, "", []
    if counts:
        state = VIOLATED
        first = checked.found.violations[next(iter(counts))][0]
        lines = excerpt(first, files, of_files)
    elif unusable := [*checked.refused, *missing, *_ended_long_before(files, checked.cut, clocks)]:
        state, reason = NOT_CHECKED, f"Parts of the history cannot be used: {'; '.join(unusable)}."
    elif not checked.writes:
        state, reason = (
            NOT_CHECKED,
            f"The history has {checked.operations:,} operations and no acknowledged write.",
        )
    elif lacking := _lacking(checked):
        state, reason = PARTLY, f"Not recorded: {'; '.join(lacking)}."
    return Consistency(
        state, reason, checked.operations, checked.writes, checked.events, checked.undecided, checked.sessions,
        counts, violations, tuple(lines), tuple(first_of(notes)),
    )  # fmt: skip


def _notes(checked: History, missing: list[str]) -> list[str]:
    notes = [f"Missing: {name}" for name in missing]
    notes += [f"Refused from there on: {line}" for line in checked.refused]
    notes += [
        f"The history {name} ends early: values of unknown origin may be of operations that are not in it"
        for name in checked.cut
    ]
    notes += [
        f"{checked.found.counts[check]:,} times: {checked.found.violations[check][0].text}. {why}"
        for check, why in NOT_PROMISED.items()
        if checked.found.counts.get(check)
    ]
    if not checked.final.zxid:
        notes.append("The nodes were not all read at the end: a write that nobody read later may be lost")
    elif checked.final.unread:
        unread = ", ".join(first_of(checked.final.unread))
        notes.append(f"The nodes of {unread} were not all read at the end: a write may be lost there")
    notes += [
        f"A client of {name} was not recorded: values of unknown origin may be of its operations"
        for name in checked.unrecorded
    ]
    if checked.holdings_left_out == checked.holdings > 0:
        notes.append("Locks were not checked: each session that held one may have ended before the release")
    elif checked.holdings_left_out:
        left_out = f"{checked.holdings_left_out:,} of {checked.holdings:,} holdings of locks"
        notes.append(f"{left_out} were not checked: their sessions may have ended before the release")
    if checked.unwatched:
        why = "as their client ended them with a lost connection"
        notes.append(f"Sessions whose watches were not checked, {why}: {checked.unwatched:,}")
    unjudged = dict(checked.found.left_out)
    lists = unjudged.pop(CHILDREN, 0)
    if lists and not checked.unplaced:  # of those no lists are checked, as is told
        notes.append(f"Lists of children that were not checked, as changes without a reply may be in them: {lists:,}")
    if unjudged:
        each = "; ".join(f"{check}, {count:,} time{'s' * (count > 1)}" for check, count in sorted(unjudged.items()))
        notes.append(f"Not judged, as an operation without a reply may be why: {each}")
    return notes


def _lacking(checked: History) -> list[str]:
    """Say what was not recorded that some check needs."""
    lacking = [] if checked.final.zxid else ["the state at the end, so acknowledged writes may be lost"]
    if checked.final.zxid and checked.final.unread:
        unread = ", ".join(first_of(checked.final.unread))
        lacking.append(f"the state of {unread} at the end, so acknowledged writes may be lost there")
    if checked.final.zxid and not checked.final.members:
        lacking.append("which members the state at the end is of, so acknowledged writes may be lost at others")
    lacking += [f"the end of {name}" for name in first_of(checked.cut)]
    lacking += [
        f"the transactions of {name}, so for its operations no lost create, ephemeral node, sequence number or order of"
        " replies is checked"
        for name in first_of(checked.unplaced)
    ]
    lacking += [f"some operations of {name}" for name in first_of(checked.unrecorded)]
    if checked.apart:
        files = ", ".join(first_of(checked.apart))
        lacking.append(f"how far the clocks of hosts differ, so real time is not compared between {files}")
    return lacking


def _missing(files: list[HistoryFile], manifest: Manifest) -> list[str]:
    """Name the histories that are not there: of a fleet by its plan, of another load by what its final reads tell."""
    there = {(file.host, file.path.name) for file in files}
    if manifest.plan.workers and HISTORY_LOCAL not in {host for host, _ in there}:
        expected = [
            (host, file_name(f"worker-{place}"))
            for host, count in manifest.plan.workers.items()
            for place in range(1, count + 1)
        ]
        return first_of(f"{host}/{name}" for host, name in expected if (host, name) not in there)
    told = []
    for file in files:
        if file.path.name == _FINAL:
            with contextlib.suppress(HistoryError):  # it is refused later, and named
                file.read_about()
            told.append(file.workers)
    own = sum(file.path.name != _FINAL for file in files)
    if len(told) != 1 or told[0] < 0:
        return [f"{_FINAL}, which tells how many processes with users took part"]
    return [] if own == told[0] else [f"{told[0]} processes took part, and histories of {own} are here"]


def _ended_long_before(files: list[HistoryFile], cut: list[str], clocks: Clocks) -> list[str]:
    """Name the histories that end early, and long before the load or nobody knows when."""
    ends = {file.name: file.last_wall_ns / 1e9 - clocks[file.host][0] for file in files}
    last = max((ends[file.name] for file in files if file.ended), default=math.inf)
    early = [(file.name, last - ends[file.name]) for file in files if file.name in cut]
    return [
        f"{name} ends {f'{lost:,.0f} s' if math.isfinite(lost) else 'at an unknown time'} before the load"
        for name, lost in early
        if lost > _MOST_CUT_S
    ]


def _clocks(hosts: Iterable[str], manifest: Manifest) -> Clocks:
    """Return of each host how far its clock is ahead of the controller's, and how wrong that may be, seconds."""
    clocks = {}
    for host in hosts:
        told = manifest.hosts.get(host, {})
        before, after = number(told.get("clock_offset_ms")), number(told.get("clock_offset_after_ms"))
        errors = [number(told.get(name)) for name in ("clock_error_ms", "clock_error_after_ms")]
        known = [each for each in (before, after) if each is not None and math.isfinite(each)]
        if not known:
            clocks[host] = 0.0, _UNKNOWN_ERROR_S
            continue
        drift = max(known) - min(known)
        error = max((each for each in errors if each is not None), default=_UNKNOWN_ERROR_S * 1000)
        clocks[host] = sum(known) / len(known) / 1000, (error + drift) / 1000
    return clocks
