"""Reads `logs/<host>/moments-<worker>.csv`: what ended in each 50 ms of a worker, in runs with faults."""

from pathlib import Path
from typing import Final

import pandas as pd

from locust_extra.columns import MOMENT_COLUMNS
from reporting.read.csv_tables import read_table
from reporting.read.problems import ProblemLog
from reporting.read.table_format import TableFormat, kinds
from zk_locust.contract.run_files import moments_of

_MOMENTS: Final = TableFormat(
    kinds(MOMENT_COLUMNS, text=(), word=("type", "name")),
    filled=("start", "end", "requests", "failures"),
    optional=("censored", "above"),  # younger than the others
)
COLUMNS: Final = ("host", "worker", *MOMENT_COLUMNS)


def read(folder: Path, problems: ProblemLog) -> pd.DataFrame:
    """Return the moments of all workers with `COLUMNS`: `host` and `worker` say whose; no rows without such files.

    `start` and `end` are seconds since 1970, by the clock of the worker's host.
    """
    frames = []
    for file in sorted((folder / "logs").glob(f"*/{moments_of('*')}")):
        found = read_table(file, _MOMENTS, problems, missing="how the load recovered from faults is not known")
        frames.append(found.assign(host=file.parent.name, worker=f"{file.parent.name}/{_worker(file)}"))
    if not frames:
        return pd.DataFrame({name: pd.Series(dtype=object if name in _TEXTS else float) for name in COLUMNS})
    joined = pd.concat([frame.astype({"type": object, "name": object}) for frame in frames], ignore_index=True)
    return joined[list(COLUMNS)]


_TEXTS: Final = ("host", "worker", "type", "name")


def _worker(file: Path) -> str:
    return file.stem.partition("-")[2]
