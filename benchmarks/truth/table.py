"""The rows of the table: what the truth is, what a run said, and whether it holds."""

from dataclasses import dataclass
from typing import Final

from reporting import aligned

# A latency may differ by this share of the truth or by this many microseconds, whichever is more.
SHARE: Final = 0.01
MICROSECONDS: Final = 100.0


@dataclass(frozen=True)
class Row:
    """One claim. It holds if `said` differs from `truth` by at most `within`; `said` is None without a figure."""

    trial: str
    claim: str
    truth: float
    said: float | None
    unit: str
    within: float
    verdict: str = ""

    @property
    def difference(self) -> float | None:
        """What the run said minus the truth; None where it said nothing."""
        return None if self.said is None else self.said - self.truth

    @property
    def holds(self) -> bool:
        """Whether the figure is within its bound."""
        return self.difference is not None and abs(self.difference) <= self.within


def latency(trial: str, claim: str, truth_us: float, said_us: float | None, verdict: str, share: float = SHARE) -> Row:
    """Return the row of a latency, which may be off by a share or by `MICROSECONDS`."""
    return Row(trial, claim, truth_us, said_us, "µs", max(share * truth_us, MICROSECONDS), verdict)


def _number(value: float | None, unit: str, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign},.0f} {unit}".rstrip()


def printed(rows: list[Row]) -> str:
    """Return the table as text."""
    heads = ("trial", "claim", "truth", "the run said", "difference", "", "the run's verdict")
    table = [
        (
            row.trial,
            row.claim,
            _number(row.truth, row.unit),
            _number(row.said, row.unit),
            _number(row.difference, row.unit, "+"),
            "holds" if row.holds else "does not hold",
            row.verdict or "-",
        )
        for row in rows
    ]
    return "\n".join(aligned(heads, table, left={"trial", "claim", "", "the run's verdict"}))


def summary(rows: list[Row]) -> str:
    """Return one line: how many rows hold, and how many of the others are in a run that was called valid."""
    wrong = [row for row in rows if not row.holds]
    unnoticed = sum(row.verdict == "valid" for row in wrong)
    held = f"{len(rows) - len(wrong)} of {len(rows)} hold"
    return f"{held}; of the {len(wrong)} others, {unnoticed} stand in a run that is called valid"
