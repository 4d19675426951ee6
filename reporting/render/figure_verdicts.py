"""The verdict beside each figure, and the reasons for it: badges for tables, and lines for people."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reporting.verdict.evidence import NOTE, Reason
from reporting.verdict.figures import JudgedFigure
from reporting.verdict.judged_run import JudgedRun
from reporting.verdict.judgement import VALID


@dataclass(frozen=True, slots=True)
class Badge:
    """What stands beside a figure. `reason` is the number of its first reason in `explained`, from 1; 0 without one."""

    verdict: str
    noted: bool  # valid, with a note
    reason: int

    @property
    def words(self) -> str:
        """The verdict in words."""
        return f"{self.verdict}, note" if self.noted else self.verdict


@dataclass(frozen=True, slots=True)
class Explained:
    """One reason, and the figures that it concerns, in words."""

    reason: Reason
    figures: str


def badge(judged: JudgedRun, operation: str, figure: str, clock: str) -> Badge | None:
    """Return the badge of a figure; None where it has no value, or no verdict."""
    for found in judged.figures:
        if (found.operation, found.figure, found.clock) == (operation, figure, clock) and found.value is not None:
            reasons = _reasons(judged)
            number = reasons.index(found.reasons[0]) + 1 if found.reasons else 0
            return Badge(found.verdict, found.verdict == VALID and bool(found.reasons), number)
    return None


def explained(judged: JudgedRun) -> list[Explained]:
    """Return each reason once, with the figures that it concerns."""
    return [
        Explained(reason, named(judged, [figure for figure in judged.figures if reason in figure.reasons]))
        for reason in _reasons(judged)
    ]


def not_valid(judged: JudgedRun) -> list[str]:
    """Return a line for each verdict of figures other than `valid`."""
    by_verdict: dict[str, list[JudgedFigure]] = {}
    for figure in judged.figures:
        if figure.verdict != VALID:
            by_verdict.setdefault(figure.verdict, []).append(figure)
    return [f"{verdict}: {named(judged, figures)}" for verdict, figures in by_verdict.items()]


def named(judged: JudgedRun, figures: Sequence[JudgedFigure]) -> str:
    """Return the names of figures, as short as possible: `every figure`, or `p99 of get and set; rate of set`."""
    if len(figures) == len(judged.figures):
        return "every figure"
    wanted, everything = _by_operation(figures), _by_operation(judged.figures)
    together: dict[str, list[str]] = {}
    for operation, names in wanted.items():
        complete = len(names) == len(everything[operation])
        together.setdefault("every figure" if complete else _list(names), []).append(operation)
    return "; ".join(f"{names} of {_list(operations)}" for names, operations in together.items())


def _by_operation(figures: Iterable[JudgedFigure]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    clocks = {figure.clock for figure in figures}
    for figure in figures:
        name = (
            f"{figure.figure} ({figure.clock} time)" if len(clocks) > 1 and figure.figure != "rate" else figure.figure
        )
        found.setdefault(figure.operation, []).append(name)
    return found


def _reasons(judged: JudgedRun) -> list[Reason]:
    found = list(dict.fromkeys(reason for figure in judged.figures for reason in figure.reasons))
    return sorted(found, key=lambda reason: reason.severity == NOTE)


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
