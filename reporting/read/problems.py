"""What could not be read in a run folder, for the report."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

MAX_PROBLEMS_PER_FILE: Final = 8


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is missing from a run folder, or unreadable in it.

    `line` is None for a problem of the file as such. With `lost_figures`, figures of the load are missing, so the
    results may be incomplete.
    """

    file: str
    line: int | None
    text: str
    lost_figures: bool = False

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.text}"


@dataclass(slots=True)
class ProblemLog:
    """Collects problems. Of each file it keeps a few and counts the rest."""

    _problems: list[Problem] = field(default_factory=list)
    _count: Counter[str] = field(default_factory=Counter)

    def add(self, file: str, line: int | None, text: str, *, lost_figures: bool = False) -> None:
        """Record one problem of `file` (its name within the run folder)."""
        self._count[file] += 1
        if self._count[file] <= MAX_PROBLEMS_PER_FILE:
            self._problems.append(Problem(file, line, text, lost_figures))

    def all(self) -> list[Problem]:
        """Every problem kept, and one more for each file that had more than are kept."""
        more = [
            Problem(file, None, f"{count - MAX_PROBLEMS_PER_FILE} more lines have such problems")
            for file, count in self._count.items()
            if count > MAX_PROBLEMS_PER_FILE
        ]
        return [*self._problems, *more]
