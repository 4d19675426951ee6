"""The columns of a run's data frames, with their types and units.

A frame always has all of its columns with these types, also without rows: what a run did not record is NaN, <NA>, NaT
or an empty text.
"""

from collections.abc import Mapping
from typing import Final

import pandas as pd
from pandas.api.types import pandas_dtype

from host_metrics.columns import HOST_COLUMNS
from reporting.read.member_metrics import NUMBERS_WANTED
from reporting.read.run_folder import HOST_METRICS_READ
from zk_locust.contract.clock_names import CENSORED, CLIENT_DELAY, RESPONSE, SERVICE, SLIP

CLOCKS: Final = (SERVICE, RESPONSE, SLIP, CLIENT_DELAY, CENSORED)
"""The values of the column `clock` of `distributions`."""

_TIME: Final = "datetime64[us, UTC]"
_TEXT: Final = "string"
_WORD: Final = "category"
_COUNT: Final = "Int64"
_NUMBER: Final = "float64"
_YES: Final = "boolean"

_NUMBERS_OF_HOSTS: Final = tuple(
    name
    for name in HOST_COLUMNS
    if name in HOST_METRICS_READ and name not in ("timestamp", "elapsed_s", "host", "machine", "kernel", "process")
)

FRAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "operations": {
        "operation": _WORD,
        "operations": _COUNT,
        "failures": _COUNT,
        "suppressed": _COUNT,
        "censored": _COUNT,
        "rate_per_s": _NUMBER,
        "clock": _WORD,
        **dict.fromkeys(("mean_us", "p50_us", "p95_us", "p99_us", "p99.9_us", "max_us"), _NUMBER),
    },
    "figures": {
        "operation": _WORD,
        "figure": _WORD,
        "clock": _WORD,
        "value": _NUMBER,
        "verdict": _WORD,
        "rules": _TEXT,
    },
    "distributions": {
        "stage": _WORD,
        "operation": _WORD,
        "clock": _WORD,
        "low_us": "int64",
        "high_us": "int64",
        "count": "int64",
    },
    "intervals": {
        "time_s": _NUMBER,
        "time": _TIME,
        "stage": _WORD,
        "interval": "int64",
        "length_s": _NUMBER,
        "operation": _WORD,
        "operations": "int64",
        "failures": "int64",
        "rate_per_s": _NUMBER,
        "service_p50_us": _NUMBER,
        "service_p99_us": _NUMBER,
        "response_p50_us": _NUMBER,
        "response_p99_us": _NUMBER,
    },
    "users": {"time_s": _NUMBER, "time": _TIME, "stage": _WORD, "users": _COUNT, "queued": _COUNT},
    "workers": {
        "time_s": _NUMBER,
        "time": _TIME,
        "stage": _WORD,
        "worker": _WORD,
        "users": _COUNT,
        "cpu_percent": _NUMBER,
        "cpu_wait_percent": _NUMBER,
        "away_percent": _NUMBER,
        "gc_ms": _NUMBER,
    },
    "members": {
        "time_s": _NUMBER,
        "time": _TIME,
        "member": _WORD,
        "reachable": _YES,
        "server_state": _WORD,
        "version": _WORD,
        **dict.fromkeys(NUMBERS_WANTED, _NUMBER),
    },
    "machines": {
        "time_s": _NUMBER,
        "time": _TIME,
        **dict.fromkeys(("host", "machine", "kernel", "process"), _WORD),
        **dict.fromkeys(_NUMBERS_OF_HOSTS, _NUMBER),
    },
    "events": {
        "time_s": _NUMBER,
        "time": _TIME,
        "source": _WORD,
        "event": _WORD,
        "subject": _TEXT,
        "detail": _TEXT,
        "duration_s": _NUMBER,
    },
    "slow_operations": {
        "stage": _WORD,
        "interval": "int64",
        "worker": _WORD,
        "operation": _WORD,
        **dict.fromkeys(("due_s", "sent_s", "arrived_s", "handled_s", "latency_us"), _NUMBER),
        "outcome": _WORD,
        "session": _WORD,
        "member": _WORD,
        "xid": _COUNT,
    },
}
"""Each frame's columns in their order, with their types. docs/loading-runs.ipynb says what they mean."""


def typed(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return exactly the columns of `FRAMES`, with their types and a plain index."""
    columns = {column: _as(frame.get(column), dtype, len(frame)) for column, dtype in FRAMES[name].items()}
    return pd.DataFrame(columns)


def _as(column: pd.Series | None, dtype: str, rows: int) -> pd.Series:
    if column is None:
        column = pd.Series([None] * rows, dtype=object)
    column = column.reset_index(drop=True)
    if dtype == _TIME:
        return pd.to_datetime(column.astype(float), unit="s", utc=True).dt.as_unit("us")
    if dtype in (_WORD, _TEXT):
        texts = column.astype(object).where(column.notna(), "")
        return texts.astype(pd.CategoricalDtype()) if dtype == _WORD else texts.astype("string")
    if dtype in (_COUNT, _YES):
        column = column.astype(float)
    found: pd.Series = column.astype(pandas_dtype(dtype))
    return found
