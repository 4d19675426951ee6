"""The report of a record that is still open: judged first, and written when the record has been closed."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from reporting.errors import InputError, ReportingError
from reporting.verdict.judged_run import JudgedRun
from zk_locust.contract.run_files import UNFINISHED

LIMIT_S: Final = 60.0
_POLL_S: Final = 0.02


def _closed_name(record: Path) -> Path:
    """Return the folder that an open record becomes. Raises InputError where it is none."""
    final = record.parent.parent / record.name
    # A busy machine may have closed it before this process gets on.
    if record.parent.name != UNFINISHED or not (record.is_dir() or final.is_dir()):
        raise InputError(f"run folder [{record}] is no open record: give a folder results/{UNFINISHED}/<run_id>")
    return final


def when_closed(judged: JudgedRun, record: Path, limit_s: float = LIMIT_S) -> JudgedRun:
    """Wait until the record has its final name; return the run as it is there, without reading it again.

    Closing writes the verdict into the manifest, and changes nothing else. Raises ReportingError where the record is
    not closed within `limit_s` seconds.
    """
    final = _closed_name(record)
    deadline = time.monotonic() + limit_s
    while not final.is_dir():
        if time.monotonic() > deadline:
            raise ReportingError(f"the record [{record}] was not closed within {limit_s:g} s: no report is written")
        time.sleep(_POLL_S)
    return replace(judged, run=replace(judged.run, path=final))
