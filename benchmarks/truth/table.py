"""The rows of the table: what is expected, what was found, whether it holds, and what the report says of the figure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from reporting import aligned
from zk_locust.contract.verdicts import VALID

# A latency may differ by this share of the truth or by this many microseconds, whichever is more.
SHARE: Final = 0.01
MICROSECONDS: Final = 100.0


class Outcome(Enum):
    """What a row says. A figure that is wrong is accepted where a report warns of it, and the row allows that."""

    HOLDS = "holds"
    FLAGGED = "off, not valid"
    WRONG = "does not hold"
    MEASURED = "measured"


@dataclass(frozen=True)
class Row:
    """One figure of one trial, ready to be shown. `verdict` is what the report says of it; empty without a report."""

    trial: str
    figure: str
    expected: str
    found: str
    difference: str
    outcome: Outcome
    verdict: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the row is as it should be."""
        return self.outcome is not Outcome.WRONG


def within(
    trial: str,
    figure: str,
    expected: float,
    found: float | None,
    unit: str,
    bound: float,
    verdict: str = "",
    *,
    or_flagged: bool = False,
) -> Row:
    """Return a row that holds if both differ by at most `bound`; `found` is None without a figure.

    With `or_flagged` a figure beyond the bound is accepted if its verdict is not valid.
    """
    difference = None if found is None else found - expected
    outcome = Outcome.WRONG
    if difference is not None and abs(difference) <= bound:
        outcome = Outcome.HOLDS
    elif or_flagged and found is not None and _is_flagged(verdict):
        outcome = Outcome.FLAGGED
    return Row(
        trial, figure, _number(expected, unit), _number(found, unit), _number(difference, unit, "+"), outcome, verdict
    )


def exact(trial: str, figure: str, expected: float, found: float | None, verdict: str = "") -> Row:
    """Return a row of a count, which has to be the same."""
    return within(trial, figure, expected, found, "", 0, verdict)


def latency(
    trial: str,
    figure: str,
    truth_us: float,
    found_us: float | None,
    verdict: str = "",
    *,
    share: float = SHARE,
    or_flagged: bool = False,
) -> Row:
    """Return the row of a latency, which may be off by a share or by `MICROSECONDS`."""
    bound = max(share * truth_us, MICROSECONDS)
    return within(trial, figure, truth_us, found_us, "µs", bound, verdict, or_flagged=or_flagged)


def at_most(trial: str, figure: str, limit: float, found: float | None, unit: str, verdict: str = "") -> Row:
    """Return a row that holds up to a limit."""
    holds = found is not None and found <= limit
    return _limited(trial, figure, "at most", limit, found, unit, holds, verdict)


def at_least(trial: str, figure: str, limit: float, found: float | None, unit: str, verdict: str = "") -> Row:
    """Return a row that holds from a limit on."""
    holds = found is not None and found >= limit
    return _limited(trial, figure, "at least", limit, found, unit, holds, verdict)


def not_valid(trial: str, figure: str, verdict: str) -> Row:
    """Return a row that holds if the report warns of the figure: its verdict is not valid."""
    outcome = Outcome.HOLDS if _is_flagged(verdict) else Outcome.WRONG
    return Row(trial, figure, "not valid", verdict.partition(":")[0] or "-", "-", outcome, verdict)


def named(trial: str, figure: str, rule: str, rules: Collection[str], verdict: str) -> Row:
    """Return a row that holds if this rule speaks about the figure, if only in a note."""
    outcome = Outcome.HOLDS if rule in rules else Outcome.WRONG
    return Row(trial, figure, rule, ", ".join(sorted(rules)) or "-", "-", outcome, verdict)


def measured(trial: str, figure: str, found: float | None, unit: str) -> Row:
    """Return a row without a claim."""
    return Row(trial, figure, "-", _number(found, unit), "-", Outcome.MEASURED)


def _limited(
    trial: str, figure: str, word: str, limit: float, found: float | None, unit: str, holds: bool, verdict: str
) -> Row:
    difference = None if found is None else found - limit
    outcome = Outcome.HOLDS if holds else Outcome.WRONG
    return Row(
        trial, figure, f"{word} {_number(limit, unit)}", _number(found, unit), _number(difference, unit, "+"), outcome,
        verdict,
    )  # fmt: skip


def _is_flagged(verdict: str) -> bool:
    return verdict not in ("", VALID)


def _number(value: float | None, unit: str, sign: str = "") -> str:
    if value is None:
        return "-"
    digits = 0 if unit in ("", "µs") or abs(value) >= 1000 else 2
    return f"{value:{sign},.{digits}f} {unit}".rstrip()


def printed(rows: Iterable[Row]) -> str:
    """Return the table as text."""
    heads = ("trial", "figure", "expected", "found", "difference", "", "the report's verdict")
    table = [
        (row.trial, row.figure, row.expected, row.found, row.difference, row.outcome.value, row.verdict or "-")
        for row in rows
    ]
    return "\n".join(aligned(heads, table, left={"trial", "figure", "", "the report's verdict"}))


def markdown(rows: Iterable[Row]) -> str:
    """Return the table as it stands in `docs/measured.md`."""
    lines = ["| trial | figure | expected | found | | verdict |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {row.trial} | {row.figure} | {row.expected} | {row.found} | {row.outcome.value} | {row.verdict or '-'} |"
        for row in rows
    ]
    return "\n".join(lines)


def summary(rows: list[Row]) -> str:
    """Return one line: how many rows hold, how many are off and said so, and how many nobody notices."""
    counts = {outcome: sum(row.outcome is outcome for row in rows) for outcome in Outcome}
    claims = len(rows) - counts[Outcome.MEASURED]
    unnoticed = sum(row.outcome is Outcome.WRONG and row.verdict == VALID for row in rows)
    return (
        f"{counts[Outcome.HOLDS]} of {claims} hold, {counts[Outcome.FLAGGED]} are off and not valid; "
        f"of the {counts[Outcome.WRONG]} others, {unnoticed} are called valid"
    )
