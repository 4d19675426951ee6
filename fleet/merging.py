"""Merges the hosts' files when a record is closed: one file of events, one of samples.

All steps can be repeated, because a controller may be killed at any moment.
"""

import contextlib
import csv
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from fleet.member_logs.log_folder import Found
from zk_locust.contract.durable_files import sync_folder
from zk_locust.contract.events import CONTROLLER, EVENT_COLUMNS, EVENTS_LEFT_OUT, FAULT, MEMBER_EVENTS
from zk_locust.contract.run_files import EVENTS, HOST_METRICS

_OLDER_COLUMNS: Final = 5
TEXT_LIMIT: Final = 100_000
"""Longest text that is kept: Python's and other readers of CSV refuse fields above 128 KiB."""
_LINE_LIMIT: Final = 2**20


def merge_events(folder: Path, phases: Iterable[Mapping[str, Any]]) -> None:
    """Put the phases among the events that the hosts have recorded, by time."""
    moments = [
        [str(phase[moment]), CONTROLLER, f"phase-{moment}", str(phase["name"]), "", "", ""]
        for phase in phases
        for moment in ("start", "end")
    ]
    _write_events(folder, [row for row in _read_events(folder) if not _is_phase(row)] + moments)


def merge_member_events(folder: Path, members: Mapping[str, Found]) -> None:
    """Put what the members' logs say among the events, by the name of each member's host."""
    rows = [row for row in _read_events(folder) if not (row[1] in members and row[2] in MEMBER_EVENTS)]
    for member, found in members.items():
        for began, name, detail, duration_s in found.events:
            length = "" if duration_s is None else f"{duration_s:.6f}"
            rows.append([began.isoformat(timespec="microseconds"), member, name, member, detail, length, member])
        if found.left_out:
            last = found.events[-1].began.isoformat(timespec="microseconds")
            detail = f"{found.left_out:,} shorter events of this member's logs are not here"
            rows.append([last, member, EVENTS_LEFT_OUT, member, detail, "", member])
    _write_events(folder, rows)


def merge_fault_events(folder: Path, rows: Iterable[list[str]]) -> None:
    """Put what was done to the members on purpose among the events."""
    _write_events(folder, [row for row in _read_events(folder) if row[2] != FAULT] + list(rows))


def _read_events(folder: Path) -> list[list[str]]:
    """Return the rows of the events so far, without those that a crash has cut short."""
    file = folder / EVENTS
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8", errors="replace") as source:
        rows = [row + [""] * 2 if len(row) == _OLDER_COLUMNS else row for row in _rows(_lines(source))]
    return [row for row in rows if len(row) == len(EVENT_COLUMNS) and row[0] != EVENT_COLUMNS[0]]


def _write_events(folder: Path, rows: list[list[str]]) -> None:
    with _new_file(folder) as new:
        with new.open("w", newline="", encoding="utf-8") as target:
            writer = csv.writer(target)
            writer.writerow(EVENT_COLUMNS)
            writer.writerows(sorted([_cut(field) for field in row] for row in rows))
            target.flush()
            os.fsync(target.fileno())
        new.replace(folder / EVENTS)
    sync_folder(folder)


@contextlib.contextmanager
def _new_file(folder: Path) -> Iterator[Path]:
    """A name for a new file, which is removed if it was not renamed."""
    new = folder / f".{secrets.token_hex(4)}.new"
    try:
        yield new
    finally:
        new.unlink(missing_ok=True)


def _is_phase(row: list[str]) -> bool:
    return row[1] == CONTROLLER and row[2].startswith("phase-")


def _lines(source: Any) -> Iterator[str]:
    """The lines of a file, each cut at the limit."""
    while line := source.readline(_LINE_LIMIT):
        rest = line
        while not rest.endswith(("\n", "\r")) and (rest := source.readline(_LINE_LIMIT)):
            pass
        yield line if rest is line else _shortened(line)


def _shortened(line: str) -> str:
    """Return the beginning of a line that was cut, and close an open quote."""
    kept = line[: TEXT_LIMIT * 2]
    return kept + ('"' if kept.count('"') % 2 else "") + "\n"


def _rows(lines: Iterable[str]) -> Iterator[list[str]]:
    """The rows that can be read."""
    before = csv.field_size_limit(2 * _LINE_LIMIT)
    try:
        reader = csv.reader(lines)
        while True:
            try:
                yield next(reader)
            except StopIteration:
                return
            except csv.Error:
                continue
    finally:
        csv.field_size_limit(before)


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]} ... ({len(text) - TEXT_LIMIT:,} more characters)"


def merge_samples(folder: Path) -> list[Path]:
    """Join the samples of all hosts into one file, host by host; return the files that are in it.

    The files stay until the record is closed. A file with other columns is left out.
    """
    columns = b""
    merged = []
    with _new_file(folder) as new:
        with new.open("wb") as target:
            for file in sorted((folder / "logs").glob(f"*/*{HOST_METRICS}")):
                with file.open("rb") as source:
                    header = source.readline(_LINE_LIMIT)
                    if header != (columns or header) or not header.endswith(b"\n"):
                        continue
                    if not columns:
                        columns = header
                        target.write(columns)
                    last = b"\n"
                    while piece := source.read(_LINE_LIMIT):
                        target.write(piece)
                        last = piece[-1:]
                    # A line that a crash has cut short must not join the next host's first line.
                    target.write(b"" if last == b"\n" else b"\n")
                merged.append(file)
            target.flush()
            os.fsync(target.fileno())
        if merged:
            new.replace(folder / HOST_METRICS)
            sync_folder(folder)
    return merged
