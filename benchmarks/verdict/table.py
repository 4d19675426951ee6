"""The table of rules: how often each was provoked, and what it made not valid."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from reporting import aligned

HEADS: Final = ("rule", "provoked by", "spoke", "made not valid")


@dataclass
class Row:
    """One rule and one provocation: in how many runs of how many the rule spoke, and what it made not valid."""

    rule: str
    how: str
    stand_in: bool
    runs: int = 0
    spoke: int = 0
    figures: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)  # rules that spoke where this one was silent

    def take(self, found: dict[str, list[str]]) -> None:
        """Count one run, of which these rules spoke."""
        self.runs += 1
        if self.rule in found:
            self.spoke += 1
            self.figures |= set(found[self.rule])
        else:
            self.others |= set(found)

    @property
    def holds(self) -> bool:
        """Whether the rule spoke in all runs."""
        return self.runs > 0 and self.spoke == self.runs

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """The row's texts, by `HEADS`."""
        figures = ", ".join(name for name in ("rate", "p50", "p99", "p99.9") if name in self.figures)
        how = f"{self.how} (stand-in)" if self.stand_in else self.how
        return self.rule, how, f"{self.spoke} of {self.runs}", figures or "- (note)"


def printed(rows: Iterable[Row]) -> str:
    """Return the table as text."""
    return "\n".join(aligned(HEADS, [row.cells for row in rows], left={"rule", "provoked by", "made not valid"}))


def markdown(rows: Iterable[Row]) -> str:
    """Return the table as it stands in `docs/measured.md`."""
    lines = [f"| {' | '.join(HEADS)} |", "|---|---|---|---|"]
    for row in rows:
        rule, *cells = row.cells
        lines.append(f"| `{rule}` | {' | '.join(cells)} |")
    return "\n".join(lines)
