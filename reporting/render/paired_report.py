"""What an experiment of pairs found, in words and tables: a comparison of arms, or the noise of one."""

import statistics

from reporting import text
from reporting.analyse import noise_experiments, paired_answers
from reporting.analyse.comparison import CHANGED, EQUIVALENT, UNDECIDED, resolution
from reporting.analyse.paired_answers import FigureAnswer, PairedAnswers
from reporting.read.experiment_folder import ExperimentFolder
from reporting.render.found import FAILED, PASSED, SKIPPED, Check, Found, Tile
from reporting.render.report_tables import Table
from zk_locust.contract.experiment import ALL, NOISE

_STATES = {EQUIVALENT: PASSED, CHANGED: FAILED, UNDECIDED: SKIPPED}


def build(experiment: ExperimentFolder, found: PairedAnswers) -> Found:
    """Say what the pairs say."""
    is_noise = experiment.kind == NOISE
    notes = [f"There is no comparison of {missing}." for missing in found.missing]
    if not is_noise:
        notes += _noise_notes(experiment)
    notes += _verdict_notes(experiment)
    return Found(
        answer=_noise_sentence(found) if is_noise else _sentence(experiment, found),
        tiles=tuple(_tile(experiment, each) for each in found.answers if each.operation == ALL),
        of_tiles=_of_tiles(experiment, found),
        notes=tuple(notes),
        tables=(_table(experiment, found),) if found.answers else (),
        checks=tuple(_check(each) for each in found.answers),
        data={"figures": [_as_json(each) for each in found.answers]},
    )


def _sentence(experiment: ExperimentFolder, found: PairedAnswers) -> str:
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
    return ". ".join(parts) + "."


def _undecided(undecided: int, of: int, needed: list[int | None]) -> str:
    known = [number for number in needed if number is not None]
    would = ""
    if known and len(known) == len(needed):
        which = "" if undecided == len(needed) else " those of all operations together"
        would = f"; about {_pairs(max(known))} would decide{which}"
    return f"{undecided} of {of} figures are undecided, and none has changed{would}"


def _pairs(more: int) -> str:
    return "1 more pair" if more == 1 else f"{more} more pairs"


def _noise_sentence(found: PairedAnswers) -> str:
    if not found.answers:
        return "There are too few runs for an answer."
    overall = [each for each in found.answers if each.operation == ALL]
    words = ", ".join(f"{each.title} {text.percent(resolution(each.values))}" for each in overall)
    pairs = min(each.comparison.pairs for each in overall)
    return f"{pairs} pairs of runs of this fleet resolve a difference of: {words}."


def _noise_notes(experiment: ExperimentFolder) -> list[str]:
    quoted = noise_experiments.newest_before(experiment)
    if quoted is None:
        return ["How small a difference this fleet can resolve is not known: run an experiment of kind noise with it."]
    resolved = {
        each.title: resolution(each.values) for each in paired_answers.build(quoted).answers if each.operation == ALL
    }
    words = ", ".join(f"{name} {text.percent(share)}" for name, share in resolved.items())
    return [f"{quoted.experiment_id} found what this fleet resolves with equal arms: {words}."] if words else []


def _verdict_notes(experiment: ExperimentFolder) -> list[str]:
    """Runs that count and are not valid: something other than the ensemble may have shaped their figures."""
    doubtful = [run for run in experiment.counted if run.verdict != "valid"]
    if not doubtful:
        return []
    named = text.some([run.run_id for run in doubtful], 3)
    return [f"{len(doubtful)} of {len(experiment.counted)} runs are inconclusive; see their reports: {named}."]


def _tile(experiment: ExperimentFolder, each: FigureAnswer) -> Tile:
    name = each.title if len(experiment.arms) == 2 else f"{each.title}, {each.candidate}"
    if experiment.kind == NOISE:
        return Tile(name, text.percent(resolution(each.values)), "", f"{each.comparison.pairs} pairs")
    return Tile(name, text.change(each.comparison.ratio), interval(each), decision(each))


def _of_tiles(experiment: ExperimentFolder, found: PairedAnswers) -> str:
    if experiment.kind == NOISE:
        return "All operations: a true difference of this size is found with a probability of 80 %."
    confidence = max((each.comparison.confidence for each in found.answers), default=0.95)
    return f"All operations: the change from {experiment.arms[0]}, and its {confidence * 100:g} % interval."


def _change(each: FigureAnswer) -> str:
    return f"{text.change(each.comparison.ratio)} ({interval(each)})"


def interval(each: FigureAnswer) -> str:
    """The ends of the interval, as changes."""
    return f"{text.change(each.comparison.low)} to {text.change(each.comparison.high)}"


def decision(each: FigureAnswer) -> str:
    """The answer's word; if it is undecided, how many pairs more would decide."""
    if each.decision.word != UNDECIDED:
        return each.decision.word
    more = each.decision.more_pairs
    return f"{UNDECIDED}, " + ("more than 200 pairs needed" if more is None else f"about {_pairs(more)} needed")


def _table(experiment: ExperimentFolder, found: PairedAnswers) -> Table:
    rows = []
    for each in found.answers:
        number = each.comparison
        baseline, candidate = (_typical([pair[place] for pair in each.values], each.figure) for place in (0, 1))
        rows.append(
            (
                *(each.candidate, each.operation, each.figure, decision(each), baseline, candidate),
                f"{number.ratio:.3f}",
                f"{number.low:.3f} to {number.high:.3f}",
                str(number.pairs),
            )
        )
    head = ("arm", "operation", "figure", "answer", experiment.arms[0], "arm's", "ratio", "95 % interval", "pairs")
    share = text.percent(float(experiment.settings["equivalence"]))
    note = (
        f"Geometric means of the runs; latencies in ms. The ratio is the arm's figure by that of {experiment.arms[0]}."
        " Changed: the ratio is not 1, after Holm's correction over all figures. Equivalent: the interval is within "
        f"{share}."
    )
    return Table("Ratios", head, tuple(rows), 4, note=note)


def _typical(values: list[float], figure: str) -> str:
    mean = statistics.geometric_mean(values)
    return text.rate(mean) if figure == "rate" else text.latency_ms(mean)


def _check(each: FigureAnswer) -> Check:
    word = each.decision.word
    return Check(f"{each.candidate}: {each.title}", _STATES[word], f"{word}: {_change(each)}")


def _as_json(each: FigureAnswer) -> dict[str, object]:
    found = each.comparison
    return {
        "baseline": each.baseline,
        "candidate": each.candidate,
        "operation": each.operation,
        "figure": each.figure,
        "answer": each.decision.word,
        "more_pairs": each.decision.more_pairs,
        "ratio": found.ratio,
        "low": found.low,
        "high": found.high,
        "p_value": found.p_value,
        "pairs": found.pairs,
        "spread": found.spread,
        "values": [list(pair) for pair in each.values],
    }
