"""What repeats of the same faults found, in words and tables."""

import math
import statistics
from collections.abc import Iterator
from typing import Any, Final

from reporting import text
from reporting.analyse import recovery_answers
from reporting.analyse.paired_figures import FigureAnswer
from reporting.analyse.recovery_answers import COSTS, Cost, RecoveryAnswers, Sample
from reporting.read.experiment_folder import ExperimentFolder
from reporting.render.found import FAILED, PASSED, Check, Found, Tile
from reporting.render.paired_report import added, decision, judged, not_checked, of_changes
from reporting.render.report_tables import Table
from zk_locust.contract.faults.actions import ROLLING
from zk_locust.contract.verdicts import VALID

WORDS: Final = {
    "leader": "new leader",
    "write": "first write",
    "read": "first read",
    "rate": "rate as before",
    "p99": "p99 as before",
    "silence": "longest silence",
}
"""Each figure, as people say it."""
_MAIN: Final = ("write", "read", "rate", "silence", "leader", "p99")
"""Figures that stand for a recovery, the best first."""
_MAIN_OF_ROLLING: Final = ("silence", *_MAIN)
"""Those of what goes through all members: the others count from its first member, and tell no waiting."""
_COSTS: Final = {
    "failures": "failed",
    "censored": "censored",
    "above": "above the objective",
    "moved": "sessions moved",
    "lost": "lost",
    "expired": "expired",
}


def build(experiment: ExperimentFolder, found: RecoveryAnswers) -> Found:
    """Say what the repeats say."""
    shown = [each for each in found.samples if each.figure == main_figure(found, each.fault)]
    mains = list(dict.fromkeys(WORDS[each.figure] for each in shown))
    return Found(
        answer=_sentence(experiment, found),
        tiles=tuple(_tile(experiment, found, each, named=len(mains) > 1) for each in shown),
        of_tiles=f"{' or '.join(mains).capitalize()} after each fault: the median of the repeats, and their range."
        if mains
        else "",
        notes=(*of_changes(found.pairs), *_never(found), *_not_compared(found), *added(experiment, "repeats")),
        tables=tuple(table for table in (_times(experiment, found), _costs(experiment, found)) if table is not None),
        checks=(*_recovered(experiment, found), *map(_check, found.pairs.answers), *not_checked(found.pairs)),
        data={
            "faults": list(found.faults),
            "objective": found.objective or None,
            "recoveries": [sample_json(each) for each in found.samples],
            "costs": [
                {"arm": each.arm, "fault": each.fault, **{name: list(each.numbers[name]) for name in COSTS}}
                for each in found.costs
            ],
            "figures": [answer_json(each) for each in found.pairs.answers],
        },
    )


def main_figure(found: RecoveryAnswers, fault: str) -> str:
    """Return the figure that stands for the recovery from a fault; empty without any."""
    known = {each.figure for each in found.samples if each.fault == fault}
    return next((figure for figure in (_MAIN_OF_ROLLING if _is_rolling(fault) else _MAIN) if figure in known), "")


def _is_rolling(fault: str) -> bool:
    """Whether a fault, by its title, goes through all members."""
    return fault.partition(" ")[0] in ROLLING


def of_runs(experiment: ExperimentFolder) -> dict[str, dict[int, str]]:
    """Return the main figure of each fault for the table of runs: by the title of the column and the run's number."""
    found = recovery_answers.build(experiment)
    columns: dict[str, dict[int, str]] = {}
    for each in found.samples:
        if each.figure == main_figure(found, each.fault):
            column = columns.setdefault(f"{WORDS[each.figure]}, {each.fault}", {})
            for run in experiment.of(each.arm):
                if run.block is not None and run.block in each.times:
                    time = each.times[run.block]
                    column[run.number] = f"{'' if time.ended else 'over '}{seconds(time.seconds)}"
    return columns


def seconds(value_s: float) -> str:
    """A time of recovery: at once, 0.64 s, 12.3 s; or never."""
    if not math.isfinite(value_s):
        return "never"
    return "at once" if value_s == 0 else f"{value_s:.2f} s" if value_s < 9.995 else f"{value_s:,.1f} s"


def spread(sample: Sample) -> str:
    """The range of a sample: 0.55 to 0.80 s; over 14.8 s stands for a time that was not over."""
    if not math.isfinite(sample.least_s):
        return f"over {seconds(min(time.seconds for time in sample.times.values()))}"
    least, most = seconds(sample.least_s), seconds(sample.most.seconds)
    if sample.most.ended:
        return least if least == most else f"{least.removesuffix(' s')} to {most}"
    return f"{least.removesuffix(' s')} to over {most}"


def _sentence(experiment: ExperimentFolder, found: RecoveryAnswers) -> str:
    parts = []
    for fault in found.faults:
        said, main = [], main_figure(found, fault)
        for arm in experiment.arms:
            sample = found.sample(arm, fault, main)
            if sample is None:
                continue
            name = "" if len(experiment.arms) == 1 else f" with {arm}"
            answer = found.answer(arm, fault, main)
            beside = f", {change(answer)} by pairs, {answer.decision.word}" if answer is not None else ""
            said.append(f"{seconds(sample.median_s)}{name} ({spread(sample)}){beside}")
        if said:
            parts.append(f"{fault[0].upper()}{fault[1:]}, {WORDS[main]}: {'; '.join(said)}")
    return ". ".join(parts) + "." if parts else "There are too few runs for an answer."


def change(each: FigureAnswer) -> str:
    """A ratio with its interval: +9.4 % (-3 to +25 %); at least 21 times, where nothing above is known."""
    found = each.comparison
    if found.low == 0 and not math.isfinite(found.high):
        return "no ratio is known"
    if not math.isfinite(found.high):
        return f"at least {text.change(found.low)}"
    if found.low == 0:
        return f"at most {text.change(found.high)}"
    return f"{text.change(found.ratio)} ({text.change(found.low)} to {text.change(found.high)})"


def decided(each: FigureAnswer) -> str:
    """The answer's word; how many repeats more would decide, where that can be told."""
    if math.isnan(each.comparison.spread):
        return each.decision.word
    return decision(each, "repeats")


def _tile(experiment: ExperimentFolder, found: RecoveryAnswers, each: Sample, *, named: bool) -> Tile:
    name = each.fault if len(experiment.arms) == 1 else f"{each.fault}, {each.arm}"
    name = f"{WORDS[each.figure]}, {name}" if named else name
    answer = found.answer(each.arm, each.fault, each.figure)
    beside = f"{len(each.times)} repeats" if answer is None else f"{answer.decision.word} beside {answer.baseline}"
    doubt = "" if each.verdict == VALID else f"; {each.verdict}"
    return Tile(name, seconds(each.median_s), spread(each), beside + doubt)


def _never(found: RecoveryAnswers) -> Iterator[str]:
    """Say once for each fault and arm what was not over within the fault's window."""
    titles: dict[tuple[str, str, int, int], list[str]] = {}
    for each in found.samples:
        if each.never:
            titles.setdefault((each.fault, each.arm, each.never, len(each.times)), []).append(WORDS[each.figure])
    for (fault, arm, never, repeats), names in titles.items():
        yield (
            f"After {fault}, {arm}: not before the next fault or the end in {never} of {repeats} repeats: "
            f"{', '.join(names)}. They count as longer than that."
        )


def _not_compared(found: RecoveryAnswers) -> Iterator[str]:
    """Say once for each reason what is not compared."""
    titles: dict[tuple[str, str], list[str]] = {}
    for each in found.pairs.missing:
        if each.values or found.answered(each.operation, each.figure):  # what no run has needs no sentence
            titles.setdefault((each.candidate, each.why), []).append(each.title)
    for (arm, why), found_titles in titles.items():
        yield f"{arm} is not compared in {text.some(found_titles, 3)}: {why}."


def _times(experiment: ExperimentFolder, found: RecoveryAnswers) -> Table | None:
    if not found.samples:
        return None
    several = len(experiment.arms) > 1
    rows = []
    for each in found.samples:
        answer = found.answer(each.arm, each.fault, each.figure)
        row = [each.fault, WORDS[each.figure], *([each.arm] if several else []), each.verdict]
        row += [("" if answer is None else decided(answer)) or text.NOTHING] if several else []
        row += [seconds(each.median_s), spread(each), f"{each.never} of {len(each.times)}"]
        if several:
            row += [text.NOTHING] * 2 if answer is None else [_ratio(answer), _interval(answer)]
        rows.append(tuple(row))
    arm, compared = (["arm"], ["answer"]) if several else ([], [])
    head = ("fault", "figure", *arm, "verdict", *compared, "median", "range", "never")
    note = (
        "Times from the beginning of the fault, to within 50 ms (p99: to within an interval of the series). Never: not "
        "before the next fault or the end of the load; such a repeat counts as longer, and is not left out."
    )
    if any(map(_is_rolling, found.faults)):
        note += " Of rolling operations, they count from the first stop: the longest silence tells the waiting."
    if several:
        share = text.percent(float(experiment.settings["equivalence"]))
        note += (
            f" The ratio is the arm's time by that of {experiment.arms[0]}. Changed: it is not 1, after Holm's "
            f"correction over all rows. Equivalent: the interval is within {share}."
        )
        head = (*head, "ratio", "95 % interval")
    return Table("Recovery", head, tuple(rows), 5 if several else 3, note=note)


def _ratio(each: FigureAnswer) -> str:
    found = each.comparison
    if found.low == 0 and not math.isfinite(found.high):
        return text.NOTHING
    sign = "≥ " if not math.isfinite(found.high) else "≤ " if found.low == 0 else ""
    value = found.ratio if not sign else found.low if sign == "≥ " else found.high
    return f"{sign}{value:.3g}"


def _interval(each: FigureAnswer) -> str:
    low, high = each.comparison.low, each.comparison.high
    if low == 0 and not math.isfinite(high):
        return text.NOTHING
    return f"{low:.3g} to {high:.3g}" if math.isfinite(high) else f"from {low:.3g}"


def _costs(experiment: ExperimentFolder, found: RecoveryAnswers) -> Table | None:
    shown = [name for name in COSTS if any(each.numbers[name] for each in found.costs)]
    if not shown:
        return None
    several = len(experiment.arms) > 1
    words = _COSTS | ({"above": f"above {found.objective}"} if found.objective else {})
    rows = tuple(
        (each.fault, *([each.arm] if several else []), *(_counts(each, name) for name in shown)) for each in found.costs
    )
    head = ("fault", *(["arm"] if several else []), *(words[name] for name in shown))
    note = (
        "Medians and ranges of the repeats: operations that failed, were cut off, or took longer than the objective; "
        "sessions that went on at another member, that another session replaced, and that members gave up."
    )
    return Table("What the faults cost", head, rows, 2 if several else 1, note=note)


def _counts(cost: Cost, name: str) -> str:
    numbers = cost.numbers[name]
    if not numbers:
        return text.NOTHING
    middle = f"{statistics.median(numbers):,g}"
    return middle if min(numbers) == max(numbers) else f"{middle} ({min(numbers):,} to {max(numbers):,})"


def _recovered(experiment: ExperimentFolder, found: RecoveryAnswers) -> Iterator[Check]:
    """Yield for CI systems whether each arm recovered from each fault, figure by figure."""
    for each in found.samples:
        name = each.title if len(experiment.arms) == 1 else f"{each.arm}: {each.title}"
        why = f"{seconds(each.median_s)} ({spread(each)})"
        if each.never:
            why = f"not recovered in {each.never} of {len(each.times)} repeats; {why}"
        yield Check(f"{name} recovers", FAILED if each.never else PASSED, why)


def _check(each: FigureAnswer) -> Check:
    # All figures are times, also that of the rate.
    name = f"{each.candidate} beside {each.baseline}: {each.title}"
    return judged(name, each, change(each), higher_is_worse=True)


def sample_json(each: Sample) -> dict[str, Any]:
    """The object of a sample in `experiment.json`."""
    median_s = each.median_s
    return {
        "arm": each.arm,
        "fault": each.fault,
        "figure": each.figure,
        "verdict": each.verdict,
        "median_s": median_s if math.isfinite(median_s) else None,
        "never": each.never,
        "times": [
            {"block": block, "seconds": time.seconds, "ended": time.ended} for block, time in sorted(each.times.items())
        ],
    }


def answer_json(each: FigureAnswer) -> dict[str, Any]:
    """The object of a compared figure in `experiment.json`; what has no bound is null."""
    found = each.comparison
    numbers = {"ratio": found.ratio, "low": found.low or None, "high": found.high, "spread": found.spread}
    return {
        "baseline": each.baseline,
        "candidate": each.candidate,
        "fault": each.operation,
        "figure": each.figure,
        "verdict": each.verdict,
        "answer": each.decision.word,
        "more_repeats": each.decision.more_pairs,
        **{name: value if value is not None and math.isfinite(value) else None for name, value in numbers.items()},
        "p_value": found.p_value,
        "pairs": found.pairs,
        "values": [list(pair) for pair in each.values],
    }
