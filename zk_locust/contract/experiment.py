"""What an experiment's file, its manifest and its report say in the same words: kinds, figures, objectives."""

import re
from dataclasses import dataclass
from typing import Final

from zk_locust.contract.durations import parse_duration_ms
from zk_locust.contract.nearest_name import nearest

COMPARE: Final = "compare"
NOISE: Final = "noise"
MATRIX: Final = "matrix"
CAPACITY: Final = "capacity"
RECOVERY: Final = "recovery"
PAIRED: Final = (COMPARE, NOISE, RECOVERY)
"""Kinds whose runs are compared within their block."""
REPEATED: Final = (MATRIX, RECOVERY)
"""Kinds whose file says `repeats`; that of others says `pairs`, or nothing."""

FIGURES: Final[dict[str, str]] = {
    "rate": "rate_per_s",
    "mean": "mean_us",
    "p50": "p50_us",
    "p95": "p95_us",
    "p99": "p99_us",
    "p99.9": "p99.9_us",
}
"""The figures of an operation that experiments compare, and their names in a run's `report.json`."""

RECOVERY_FIGURES: Final[dict[str, str]] = {
    "leader": "after_leader_s",
    "write": "after_write_s",
    "read": "after_read_s",
    "rate": "after_rate_s",
    "p99": "after_p99_s",
    "silence": "session_silence_s",
}
"""What an experiment compares of the recovery from a fault, and the names in `faults` of a run's `report.json`."""
RECOVERY_DEFAULT: Final = ("leader", "write", "read", "rate", "silence")

PERCENTILES: Final[dict[str, float]] = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "p99.9": 99.9}
FAILURES: Final = "failures"
ALL: Final = "all operations"

_OBJECTIVE: Final = re.compile(r"\s*(?P<figure>[a-z0-9.]+)(\s+of\s+(?P<operation>[^<]+?))?\s*<\s*(?P<limit>\S.*?)\s*")
_SHARE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_EXAMPLES: Final = "write e.g. p99 < 20ms, p99.9 of get < 50ms or failures < 0.1%"


@dataclass(frozen=True, slots=True)
class Objective:
    """A service level objective: a figure of an operation stays below a limit.

    `figure` is a percentile, with `limit` in microseconds, or `failures`, with `limit` as a share (0 to 1) of all that
    was tried. `text` is what the user wrote.
    """

    text: str
    figure: str
    operation: str
    limit: float


def parse_objective(text: str) -> Objective:
    """Return the objective that a text says. Raises ValueError with the forms that are understood."""
    found = _OBJECTIVE.fullmatch(text)
    if found is None:
        raise ValueError(f"[{text}] is not an objective; {_EXAMPLES}")
    figure, limit = found["figure"], found["limit"]
    known = (*PERCENTILES, FAILURES)
    if figure not in known:
        raise ValueError(f"[{text}]: there is no figure {figure}{nearest(figure, known)}; known: {', '.join(known)}")
    if figure == FAILURES:
        share = _SHARE.fullmatch(limit)
        if share is None or not 0 < float(share[1]) <= 100:
            raise ValueError(f"[{text}]: {limit} is not a share above 0 %; write e.g. failures < 0.1%")
        value = float(share[1]) / 100
    else:
        try:
            value = parse_duration_ms(limit, "ms") * 1000
        except ValueError as error:
            raise ValueError(f"[{text}]: {error}") from None
        if value <= 0:
            raise ValueError(f"[{text}]: no operation takes less than 0; {_EXAMPLES}")
    return Objective(text.strip(), figure, (found["operation"] or ALL).strip(), value)
