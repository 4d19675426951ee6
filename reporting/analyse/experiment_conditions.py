"""Conditions such as `p99 > +10%` on the comparisons of an experiment."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reporting.analyse import paired_figures, recovery_answers
from reporting.analyse.fail_if import FailIf
from reporting.analyse.paired_figures import FigureAnswer, PairedFigures
from reporting.errors import InputError
from reporting.read.experiment_folder import ExperimentFolder
from zk_locust.contract.experiment import ALL, PAIRED, RECOVERY
from zk_locust.contract.nearest_name import nearest


@dataclass(frozen=True, slots=True)
class CheckedCondition:
    """A condition and the arm that it is checked on: `result` is `fail`, `pass` or `undecided`.

    `answer` is what is said about the figure, None where it has too few pairs or is void.
    """

    candidate: str
    text: str
    result: str
    answer: FigureAnswer | None


def check(experiment: ExperimentFolder, conditions: Sequence[str]) -> tuple[CheckedCondition, ...]:
    """Return what each condition says about each arm. Raises InputError for one that cannot be read or checked."""
    wanted = [FailIf.parse(text) for text in conditions]
    if not wanted:
        return ()
    if experiment.kind not in PAIRED:
        raise InputError(
            f"condition [{wanted[0].text}]: an experiment of kind {experiment.kind} compares no figures; leave it out"
        )
    answers = _answers(experiment, wanted)
    if experiment.kind == RECOVERY:
        wanted = _of_each_fault(wanted, answers)
    found = {(each.candidate, each.operation, each.figure): each for each in answers.answers}
    known = sorted(
        {(operation, figure) for _, operation, figure in found}
        | {(each.operation, each.figure) for each in answers.missing}
    )
    checked = []
    for each in wanted:
        operation = answers.operation(each.operation)
        is_asked = operation == ALL and each.figure in experiment.settings["figures"]
        if not is_asked and (operation, each.figure) not in known:
            names = [figure if which == ALL else f"{figure} of {which}" for which, figure in known]
            name = each.figure if each.operation == ALL else f"{each.figure} of {each.operation}"
            raise InputError(
                f"condition [{each.text}]: the experiment does not compare {name}{nearest(name, names)}; it compares: "
                f"{', '.join(names) or 'nothing yet'}"
            )
        for candidate in experiment.arms[1:]:
            answer = found.get((candidate, operation, each.figure))
            result = each.check(answer.comparison if answer else None)
            checked.append(CheckedCondition(candidate, each.text, result, answer))
    return tuple(checked)


def _answers(experiment: ExperimentFolder, wanted: Sequence[FailIf]) -> PairedFigures:
    """Return what is compared. Raises InputError where nothing is."""
    if experiment.kind != RECOVERY:
        return paired_figures.of_experiment(experiment)
    if len(experiment.arms) == 1:
        raise InputError(
            f"condition [{wanted[0].text}]: the experiment has one arm, so that nothing is compared; leave it out"
        )
    return recovery_answers.build(experiment).pairs


def _of_each_fault(wanted: Sequence[FailIf], answers: PairedFigures) -> list[FailIf]:
    """Return the conditions on faults: one that names none is for each."""
    faults = dict.fromkeys(each.operation for each in answers.figures)
    return [
        replace(each, operation=fault, text=each.text.replace(each.figure, f"{each.figure} of {fault}", 1))
        if each.operation == ALL
        else each
        for each in wanted
        for fault in (faults if each.operation == ALL and faults else (each.operation,))
    ]
