"""Reads `logs/<host>/sessions-<worker>.csv`: what became of a worker's sessions, in runs with faults."""

from pathlib import Path
from typing import Final

import pandas as pd

from locust_extra.columns import SESSION_COLUMNS
from reporting.read.csv_tables import read_table
from reporting.read.problems import ProblemLog
from reporting.read.table_format import TableFormat, kinds
from zk_locust.contract.run_files import sessions_of

_TEXTS: Final = ("event", "session", "member", "before")
_SESSIONS: Final = TableFormat(kinds(SESSION_COLUMNS, text=_TEXTS), filled=("start", "end"))
COLUMNS: Final = ("host", *SESSION_COLUMNS)


def read(folder: Path, problems: ProblemLog) -> pd.DataFrame | None:
    """Return what became of all workers' sessions, with `COLUMNS`; None where no worker has such a file.

    `start` and `end` are seconds since 1970, by the clock of the worker's host.
    """
    files = sorted((folder / "logs").glob(f"*/{sessions_of('moments-*.csv')}"))
    if not files:
        return None
    missing = "how long sessions were silent is not known"
    frames = [read_table(file, _SESSIONS, problems, missing=missing).assign(host=file.parent.name) for file in files]
    return pd.concat([frame.astype(dict.fromkeys(_TEXTS, object)) for frame in frames], ignore_index=True)[
        list(COLUMNS)
    ]
