"""Reads `slow-operations.csv`: the slowest operations of each worker in each interval."""

from pathlib import Path
from typing import Final

import pandas as pd

from locust_extra.columns import SLOW_COLUMNS
from reporting.read.csv_tables import read_table
from reporting.read.problems import ProblemLog
from reporting.read.table_format import TableFormat, kinds

_SLOW: Final = TableFormat(
    kinds(SLOW_COLUMNS, text=(), word=("stage", "worker", "type", "name", "outcome", "session", "member")),
    filled=("stage", "interval", "worker", "sent_s", "handled_s", "latency_us", "outcome"),
)


def read(path: Path, problems: ProblemLog) -> pd.DataFrame:
    """Return the file with `SLOW_COLUMNS`, in its order; no rows where there is no file, as in runs of older versions.

    Times are seconds since the load started, NaN where they are not known.
    """
    missing = "which operations were the slowest is not known"
    return read_table(path, _SLOW, problems, missing=missing, may_be_missing=True)
