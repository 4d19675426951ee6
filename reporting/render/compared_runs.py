"""A comparison of runs as a table for a terminal, and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from reporting import text
from reporting.analyse.comparison import MOST_MORE_PAIRS, UNDECIDED
from reporting.analyse.fail_if import FAIL, PASS, FailIf
from reporting.analyse.paired_figures import FigureAnswer, PairedFigure
from reporting.analyse.run_differences import Difference
from reporting.render.screen_table import aligned

EXIT_CODES: Final = {PASS: 0, FAIL: 1, UNDECIDED: 3}
_HEAD: Final = ("operation", "figure", "baseline", "candidate", "ratio", "95 % interval", "verdict", "answer")
_MOST_DIFFERENCES: Final = 20
_ONE_PAIR: Final = (
    "One run on each side: the difference cannot be told from the noise between runs, so no ratio has an interval.",
    "Make at least five pairs of runs, and name them all: fab compare A1,A2,… B1,B2,…",
)


@dataclass(frozen=True, slots=True)
class ComparedRuns:
    """What is shown of a comparison: the runs of both sides by id, figures, differences, checked conditions, notes.

    `differences` is None where they are not known.
    """

    baseline: tuple[str, ...]
    candidate: tuple[str, ...]
    figures: tuple[PairedFigure, ...]
    differences: tuple[Difference, ...] | None
    checks: tuple[tuple[FailIf, str], ...]
    notes: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """1 if any condition fails, 3 if any is undecided, otherwise 0."""
        results = {result for _, result in self.checks}
        return EXIT_CODES[FAIL if FAIL in results else UNDECIDED if UNDECIDED in results else PASS]

    def as_text(self) -> list[str]:
        """Return the lines for a terminal."""
        lines = [f"baseline   {', '.join(self.baseline)}", f"candidate  {', '.join(self.candidate)}", ""]
        lines += aligned(_HEAD, [_cells(each) for each in self.figures], left={*_HEAD[:2], *_HEAD[6:]})
        lines += ["", "Rates are per second, latencies in milliseconds; ratios are candidate by baseline."]
        lines += [*self.notes, *(_ONE_PAIR if len(self.baseline) == 1 else ()), *self._differences()]
        return lines + [f"Fail if {condition.text}: {result}" for condition, result in self.checks]

    def _differences(self) -> list[str]:
        if self.differences is None:
            return []
        if not self.differences:
            return ["The manifests of both sides have the same settings and versions."]
        shown = [(each.name, *each.values) for each in self.differences[:_MOST_DIFFERENCES]]
        head = ("what differs between the sides", "baseline", "candidate")
        more = len(self.differences) - len(shown)
        return [
            "",
            *aligned(head, shown, left=head),
            *([f"{more} more differ; --json has them all."] if more else []),
            "",
        ]

    def as_json(self) -> Mapping[str, Any]:
        """Return the same for programs; rates are per second, latencies in microseconds."""
        return {
            "schema_version": 1,
            "baseline": list(self.baseline),
            "candidate": list(self.candidate),
            "figures": [_figure(each) for each in self.figures],
            "differences": None if self.differences is None else [asdict(each) for each in self.differences],
            "checks": [{"fail_if": condition.text, "result": result} for condition, result in self.checks],
            "notes": list(self.notes),
            "exit_code": self.exit_code,
        }


def _figure(each: PairedFigure) -> dict[str, Any]:
    return {
        "operation": each.operation,
        "figure": each.figure,
        "pairs": [list(pair) for pair in each.values],
        "ratio": each.ratio,
        "verdict": each.verdict,
        "comparison": asdict(each.comparison) if isinstance(each, FigureAnswer) else None,
        "answer": asdict(each.decision) if isinstance(each, FigureAnswer) else None,
    }


def _cells(each: PairedFigure) -> Sequence[str]:
    shown = text.rate if each.figure == "rate" else text.latency_ms
    found = each.comparison if isinstance(each, FigureAnswer) else None
    return (
        each.operation,
        each.figure,
        *(shown(value) for value in each.means),
        f"{each.ratio:.3f}",
        f"{found.low:.3f} to {found.high:.3f}" if found else text.NOTHING,
        each.verdict,
        _answer(each),
    )


def _answer(each: PairedFigure) -> str:
    if not isinstance(each, FigureAnswer):
        return text.NOTHING
    if each.decision.word != UNDECIDED:
        return each.decision.word
    more = each.decision.more_pairs
    if more is None:
        return f"{UNDECIDED}, more than {MOST_MORE_PAIRS} more pairs"
    return f"{UNDECIDED}, about {more} more pair{'' if more == 1 else 's'}"
