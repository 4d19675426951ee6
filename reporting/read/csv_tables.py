"""Reads a CSV file of a run, whatever state it is in."""

import csv
from functools import partial
from pathlib import Path

import pandas as pd

from reporting.read import csv_complete, csv_damaged
from reporting.read.problems import ProblemLog
from reporting.read.table_format import TableFormat


def read_table(
    path: Path,
    table: TableFormat,
    problems: ProblemLog,
    *,
    missing: str,
    lost_figures: bool = False,
    may_be_missing: bool = False,
) -> pd.DataFrame:
    """Return the file as a frame with exactly the columns of `table`: texts are str, all others float64.

    Words are categories of str. In a long file, a number may be float32 (`csv_complete.MOST_ROWS_EXACT`).

    `missing` says what the report lacks when the file is not there, which is no problem where it `may_be_missing`.
    """
    found = csv_complete.read(path, table)
    if found is not None:
        return found
    tell = partial(problems.add, path.name, lost_figures=lost_figures)
    return csv_damaged.read(path, table, tell, missing=missing, may_be_missing=may_be_missing)


def header_of(path: Path) -> set[str]:
    """Return the names in the file's first line; none if it cannot be read, which `read_table` reports."""
    try:
        with path.open(newline="", encoding="utf-8", errors="replace") as stream:
            return set(next(csv.reader(stream), []))
    except (OSError, csv.Error):
        return set()
