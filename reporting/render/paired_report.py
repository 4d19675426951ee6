"""What a comparison of arms found, in words and tables."""

import math
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from reporting import text
from reporting.analyse import noise_experiments, paired_figures
from reporting.analyse.comparison import CHANGED, EQUIVALENT, UNDECIDED, resolution
from reporting.analyse.noise_experiments import QuotedNoise
from reporting.analyse.paired_figures import FigureAnswer, PairedFigures
from reporting.read.experiment_folder import ExperimentFolder
from reporting.read.parsing import number
from reporting.render.found import FAILED, PASSED, SKIPPED, Check, Found, Tile
from reporting.render.report_tables import Table
from zk_locust.contract.experiment import ALL

_MOST_OTHER = 4
_STATES = {EQUIVALENT: PASSED, UNDECIDED: SKIPPED}


def build(experiment: ExperimentFolder, found: PairedFigures) -> Found:
    """Say what the pairs say."""
    quoted = noise_experiments.quoted_by(experiment)
    pairs = min((each.comparison.pairs for each in found.answers), default=None)
    resolved = _resolved(quoted, pairs)
    return Found(
        answer=_sentence(experiment, found),
        tiles=tuple(_tile(experiment, each) for each in found.answers if each.operation == ALL),
        of_tiles=_of_tiles(experiment, found),
        notes=(*not_compared(found), *added(experiment), _noise_note(quoted, resolved, pairs)),
        tables=(_table(experiment, found),) if found.answers else (),
        checks=(*map(_check, found.answers), *not_checked(found)),
        data={
            "figures": [as_json(each) for each in found.answers],
            "noise": None
            if quoted is None
            else {
                "experiment_id": quoted.experiment.experiment_id,
                "pairs": pairs,
                "resolution": resolved,
                "differs": [asdict(each) for each in quoted.differs],
            },
        },
    )


def _sentence(experiment: ExperimentFolder, found: PairedFigures) -> str:
    if not found.answers:
        return "There are too few runs for an answer."
    parts = []
    for candidate in experiment.arms[1:]:
        own = [each for each in found.answers if each.candidate == candidate]
        overall = [each for each in own if each.operation == ALL]
        changed = [each for each in own if each.decision.word == CHANGED]
        undecided = [each for each in own if each.decision.word == UNDECIDED]
        if changed:
            shown = [each for each in changed if each.operation == ALL] or changed
            words = "; ".join(f"{each.title} {_change(each)}" for each in shown[:4])
            more = len(changed) - len(shown[:4])
            rest = f"; {more} more changed" if more else ""
            parts.append(f"{candidate} beside {experiment.arms[0]}: {words}{rest}")
        elif undecided:
            needed = [each.decision.more_pairs for each in overall if each.decision.word == UNDECIDED]
            parts.append(f"{candidate} beside {experiment.arms[0]}: {_undecided(len(undecided), len(own), needed)}")
            if overall:
                words = "; ".join(f"{each.title} {_change(each)}" for each in overall[:4])
                parts.append(f"All operations, with 95 % intervals: {words}")
        else:
            share = text.percent(float(experiment.settings["equivalence"]))
            parts.append(f"{candidate} and {experiment.arms[0]} are equivalent: no figure differs by more than {share}")
        doubtful = sum(bool(each.doubt) for each in own)
        if doubtful:
            parts[-1] += f"; {doubtful} of {len(own)} figures are inconclusive"
    return ". ".join(parts) + "."


def _undecided(undecided: int, of: int, needed: list[int | None]) -> str:
    known = [number for number in needed if number is not None]
    would = ""
    if known and len(known) == len(needed):
        which = "" if undecided == len(needed) else " those of all operations together"
        would = f"; about {_more(max(known))} would decide{which}"
    return f"{undecided} of {of} figures are undecided, and none has changed{would}"


def _more(more: int, things: str = "pairs") -> str:
    return f"1 more {things.removesuffix('s')}" if more == 1 else f"{more} more {things}"


def _resolved(noise: QuotedNoise | None, pairs: int | None) -> dict[str, float]:
    """Return what difference so many pairs resolve, as a share by figure of all operations.

    The spread is that of an experiment of kind noise; so is the number of pairs if it is None.
    """
    answers = () if noise is None else paired_figures.of_experiment(noise.experiment).answers
    return {each.figure: resolution(each.values, pairs=pairs) for each in answers if each.operation == ALL}


def _noise_note(noise: QuotedNoise | None, resolved: Mapping[str, float], pairs: int | None) -> str:
    if noise is None or not resolved:
        return "How small a difference this fleet can resolve is not known: run an experiment of kind noise with it."
    words = ", ".join(f"{name} {text.percent(share)}" for name, share in resolved.items())
    here = "" if pairs is None else f", with the {pairs} pairs of this experiment"
    found = f"{noise.experiment.experiment_id} found what this fleet resolves with equal arms: {words}{here}."
    return f"{found}{_other_base(noise)}"


def _other_base(noise: QuotedNoise) -> str:
    """Say what the quoted noise was measured with otherwise, if anything."""
    if not noise.differs:
        return ""
    words = text.some([f"{each.name} {each.noise} (here {each.here})" for each in noise.differs], _MOST_OTHER)
    return f" It was measured otherwise, with {words}, so the noise of this experiment may be another."


def _tile(experiment: ExperimentFolder, each: FigureAnswer) -> Tile:
    name = each.title if len(experiment.arms) == 2 else f"{each.title}, {each.candidate}"
    return Tile(name, text.change(each.comparison.ratio), interval(each), qualified(each))


def _of_tiles(experiment: ExperimentFolder, found: PairedFigures) -> str:
    confidence = max((each.comparison.confidence for each in found.answers), default=0.95)
    return f"All operations: the change from {experiment.arms[0]}, and its {confidence * 100:g} % interval."


def _change(each: FigureAnswer) -> str:
    doubt = f", {each.doubt}" if each.doubt else ""
    return f"{text.change(each.comparison.ratio)} ({interval(each)}{doubt})"


def interval(each: FigureAnswer) -> str:
    """The ends of the interval, as changes."""
    if each.comparison.low == 0 or not math.isfinite(each.comparison.high):
        low = text.change(each.comparison.low) if each.comparison.low else "no bound"
        return f"{low} to {text.change(each.comparison.high) if math.isfinite(each.comparison.high) else 'no bound'}"
    return f"{text.change(each.comparison.low)} to {text.change(each.comparison.high)}"


def decision(each: FigureAnswer, things: str = "pairs") -> str:
    """The answer's word; if it is undecided, how many pairs (or repeats) more would decide."""
    if each.decision.word != UNDECIDED:
        return each.decision.word
    more = each.decision.more_pairs
    return f"{UNDECIDED}, " + (
        f"more than 200 {things} needed" if more is None else f"about {_more(more, things)} needed"
    )


def qualified(each: FigureAnswer) -> str:
    """The decision, and the verdict of a figure that is not valid."""
    return f"{decision(each)}; the figure is {each.doubt}" if each.doubt else decision(each)


def not_compared(found: PairedFigures) -> list[str]:
    """Say of each figure that is not compared why."""
    return [f"There is no comparison of {each.title}, {each.candidate}: {each.why}." for each in found.missing]


def added(experiment: ExperimentFolder, things: str = "pairs") -> list[str]:
    """Say that pairs, or repeats, were added to those of the experiment's file."""
    planned = number(experiment.settings.get(things))
    blocks = [number(slot.get("block")) for slot in experiment.content.get("plan") or [] if isinstance(slot, dict)]
    pairs = max((block for block in blocks if block is not None), default=0.0)
    if planned is None or pairs <= planned:
        return []
    return [
        f"{pairs - planned:g} of {pairs:g} {things} were added later. Whoever adds {things} until a figure has changed "
        f"finds more than 5 % of false changes: confirm a change with a new experiment of as many {things}."
    ]


def not_checked(found: PairedFigures) -> list[Check]:
    """The figures that are not compared, for CI systems."""
    return [Check(f"{each.candidate}: {each.title}", SKIPPED, each.why) for each in found.missing]


def _table(experiment: ExperimentFolder, found: PairedFigures) -> Table:
    rows = []
    for each in found.answers:
        ratio = each.comparison
        baseline, candidate = (typical([pair[place] for pair in each.values], each.figure) for place in (0, 1))
        rows.append(
            (
                *(each.candidate, each.operation, each.figure, each.verdict, decision(each), baseline, candidate),
                f"{ratio.ratio:.3f}",
                f"{ratio.low:.3f} to {ratio.high:.3f}",
                str(ratio.pairs),
            )
        )
    head = (
        "arm",
        "operation",
        "figure",
        "verdict",
        "answer",
        experiment.arms[0],
        "arm's",
        "ratio",
        "95 % interval",
        "pairs",
    )
    share = text.percent(float(experiment.settings["equivalence"]))
    note = (
        f"Geometric means of the runs; latencies in ms. The ratio is the arm's figure by that of {experiment.arms[0]}."
        " Changed: the ratio is not 1, after Holm's correction over all figures. Equivalent: the interval is within "
        f"{share}. Verdict: the gravest of the figure in any of the runs."
    )
    return Table("Ratios", head, tuple(rows), 5, note=note)


def typical(values: list[float], figure: str) -> str:
    """The geometric mean of rates (per second) or latencies (µs, shown in ms)."""
    mean = statistics.geometric_mean(values)
    return text.rate(mean) if figure == "rate" else text.latency_ms(mean)


def _check(each: FigureAnswer) -> Check:
    return judged(f"{each.candidate}: {each.title}", each, _change(each), higher_is_worse=each.figure != "rate")


def judged(name: str, each: FigureAnswer, change: str, *, higher_is_worse: bool) -> Check:
    """The case of a compared figure for CI systems: it fails if the figure has changed for the worse."""
    word = each.decision.word
    if word != CHANGED:
        return Check(name, _STATES[word], f"{word}: {change}", compares=True)
    is_worse = each.comparison.rose == higher_is_worse
    state, how = (FAILED, "worse") if is_worse else (PASSED, "better")
    return Check(name, state, f"{word} for the {how}: {change}", compares=True)


def as_json(each: FigureAnswer) -> dict[str, object]:
    """The object of a figure in `experiment.json`."""
    found = each.comparison
    return {
        "baseline": each.baseline,
        "candidate": each.candidate,
        "operation": each.operation,
        "figure": each.figure,
        "verdict": each.verdict,
        "answer": each.decision.word,
        "more_pairs": each.decision.more_pairs,
        "ratio": found.ratio,
        "low": found.low,
        "high": found.high,
        "p_value": found.p_value,
        "pairs": found.pairs,
        "spread": found.spread,
        "resolution": resolution(each.values),
        "values": [list(pair) for pair in each.values],
    }


def of_changes(found: PairedFigures) -> Iterator[str]:
    """Say what changes are where medians stand beside them, and why an interval without 0 % may be undecided."""
    if found.answers:
        yield (
            "Times are medians of the repeats, with the shortest and the longest. A change by pairs compares the runs"
            " of each repeat, with a 95 % interval; it is not the ratio of the medians."
        )
    if any(each.corrected for each in found.answers):
        yield (
            f"An interval without 0 % may be undecided: {len(found.answers)} figures are compared, and the more there"
            " are, the clearer each has to be (Holm's correction)."
        )
