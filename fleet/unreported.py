"""Completes the events of lost workers with what the supervisors of their hosts know: how much they had sent."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from fleet.host_result import HostResult
from zk_locust.contract import unreported
from zk_locust.contract.durable_files import write_text
from zk_locust.contract.events import OPERATIONS_UNREPORTED
from zk_locust.contract.run_files import EVENTS

_MOST_SENT: Final = 10**15
_SUBJECT: Final = 3
_DETAIL: Final = 4


def sent_by_workers(results: Iterable[HostResult]) -> dict[str, int]:
    """Return how many operations each worker had sent whose count its supervisor has read, by the worker's name."""
    processes: list[tuple[str, Any]] = [
        (f"{result.host}/{name}", process)
        for result in results
        for name, process in (result.status.get("processes") or {}).items()
    ]
    return {
        worker: process["sent"]
        for worker, process in processes
        if isinstance(process, Mapping) and type(process.get("sent")) is int and 0 <= process["sent"] < _MOST_SENT
    }


def complete_events(record: Path, sent: Mapping[str, int]) -> None:
    """Put the numbers into the events `operations-unreported` of a record whose number the master did not know.

    An event with a number stays as it is, so the step can be repeated, and nothing is counted twice.
    """
    file = record / EVENTS
    if not sent or not file.exists():
        return
    with file.open(newline="", encoding="utf-8", errors="replace") as source:
        before = source.readlines()
    after = [_completed(line, sent) if f",{OPERATIONS_UNREPORTED}," in line else line for line in before]
    if after != before:
        write_text(file, "".join(after))


def _completed(line: str, sent: Mapping[str, int]) -> str:
    try:
        row = next(csv.reader([line]))
    except (csv.Error, StopIteration):
        return line
    if len(row) <= _DETAIL or row[_SUBJECT] not in sent:
        return line
    detail = unreported.completed(row[_DETAIL], sent[row[_SUBJECT]])
    if detail == row[_DETAIL]:
        return line
    text = io.StringIO(newline="")
    csv.writer(text).writerow([*row[:_DETAIL], detail, *row[_DETAIL + 1 :]])
    return text.getvalue()
