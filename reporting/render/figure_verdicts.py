"""The verdict beside each figure, and the reasons for it: badges for tables, and lines for people."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reporting.verdict.evidence import Reason, gravest_first
from reporting.verdict.figures import JudgedFigure
from reporting.verdict.judged_run import JudgedRun
from zk_locust.contract.verdicts import VALID


@dataclass(frozen=True, slots=True)
class Badge:
    """What stands beside a figure: its verdict in words, and the place on the page that gives the first reason."""

    verdict: str
    words: str
    anchor: str  # empty for a valid figure without a note


@dataclass(frozen=True, slots=True)
class Explained:
    """What one rule found about single figures: the figures in words, what it says of each, and its place on the page.

    `texts` are the rule's sentences, each with the figure that it is about.
    """

    severity: str
    figures: str
    texts: tuple[str, ...]
    anchor: str


def badge(judged: JudgedRun, operation: str, figure: str, clock: str) -> Badge | None:
    """Return the badge of a figure; None where it has no value, or no verdict."""
    for found in judged.figures:
        if (found.operation, found.figure, found.clock) == (operation, figure, clock) and found.value is not None:
            noted = found.verdict == VALID and bool(found.reasons)
            anchor = _anchor(judged, found.reasons[0]) if found.reasons else "" if found.verdict == VALID else "verdict"
            return Badge(found.verdict, f"{VALID}, note" if noted else found.verdict, anchor)
    return None


def explained(judged: JudgedRun) -> list[Explained]:
    """Return what was found about figures that the verdict of the run does not say, by rule."""
    found = []
    for number, (severity, rule) in enumerate(_own_rules(judged), 1):
        told = [
            (figure, reason.text)
            for figure in judged.figures
            for reason in _own(judged, figure)
            if (reason.severity, reason.rule) == (severity, rule)
        ]
        shown = [each for each in told if each[0] in _shown(judged)] or told
        texts = tuple(dict.fromkeys(text for _, text in shown))
        found.append(
            Explained(severity, named(judged, [figure for figure, _ in shown]), texts, f"figure-rule-{number}")
        )
    return found


def _shown(judged: JudgedRun) -> list[JudgedFigure]:
    """The figures with a row of their own: those of all operations would repeat those of a single one."""
    single = len(judged.headline.rows) == 1
    return [figure for figure in judged.figures if not (single and figure.operation == judged.headline.total.operation)]


def _anchor(judged: JudgedRun, reason: Reason) -> str:
    of_run = judged.verdict.reasons
    if reason in of_run:
        return f"run-reason-{of_run.index(reason) + 1}"
    return f"figure-rule-{_own_rules(judged).index((reason.severity, reason.rule)) + 1}"


def _own_rules(judged: JudgedRun) -> list[tuple[str, str]]:
    """Severity and rule of what was found about single figures, the gravest first."""
    reasons = gravest_first(reason for figure in judged.figures for reason in _own(judged, figure))
    return list(dict.fromkeys((reason.severity, reason.rule) for reason in reasons))


def _own(judged: JudgedRun, figure: JudgedFigure) -> list[Reason]:
    return [reason for reason in figure.reasons if reason not in judged.verdict.reasons]


def not_valid(judged: JudgedRun) -> list[str]:
    """Return a line for each verdict of figures other than `valid`; none where all have the verdict of the run."""
    by_verdict: dict[str, list[JudgedFigure]] = {}
    for figure in _shown(judged):
        if figure.verdict != VALID:
            by_verdict.setdefault(figure.verdict, []).append(figure)
    if len(by_verdict.get(judged.verdict.verdict, ())) == len(_shown(judged)):
        return []
    return [f"{verdict} figures: {named(judged, figures)}" for verdict, figures in by_verdict.items()]


def named(judged: JudgedRun, figures: Sequence[JudgedFigure]) -> str:
    """Return the names of figures, as short as possible: `every figure`, or `p99 of get and set; rate of set`."""
    if len(figures) >= len(_shown(judged)):
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


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
