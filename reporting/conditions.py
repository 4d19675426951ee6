"""Checks conditions such as `p99 > +10%` on the comparisons of an experiment, for pipelines."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reporting.analyse import paired_figures, recovery_answers
from reporting.analyse.comparison import UNDECIDED
from reporting.analyse.fail_if import FAIL, PASS, FailIf
from reporting.analyse.paired_figures import PairedFigures
from reporting.errors import InputError
from reporting.read import experiment_folder
from reporting.read.experiment_folder import ExperimentFolder
from reporting.render.compared_runs import EXIT_CODES
from zk_locust.contract.experiment import ALL, PAIRED, RECOVERY
from zk_locust.contract.nearest_name import nearest


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


def check(folder: Path, conditions: Sequence[str]) -> tuple[list[str], int]:
    """Return a line for each condition and arm, and the exit code: 1 if any fails, 3 if any is undecided, otherwise 0.

    No condition is decided for good while runs are missing: an unfinished experiment has the code 3 instead of 0.
    A figure that has too few pairs or is void is undecided. Raises InputError for a condition that cannot be read or
    checked.
    """
    experiment = experiment_folder.load(folder)
    wanted = [FailIf.parse(text) for text in conditions]
    if experiment.kind not in PAIRED:
        raise InputError(
            f"condition [{wanted[0].text}]: an experiment of kind {experiment.kind} compares no figures; leave it out"
        )
    answers = _answers(experiment, wanted)
    if experiment.kind == RECOVERY:
        wanted = _of_each_fault(wanted, answers)
    found = {(each.candidate, each.operation, each.figure): each for each in answers.answers}
    compared = {(operation, figure) for _, operation, figure in found}
    known = sorted(compared | {(each.operation, each.figure) for each in answers.missing})
    lines, results = [], set()
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
            results.add(result)
            lines.append(f"{candidate}: fail if {each.text}: {result}")
    state = str(experiment.content["state"])
    if state != "finished":
        results.add(UNDECIDED)
        lines.append(f"the experiment is not finished ({state}): no condition passes before all runs are done")
    return lines, EXIT_CODES[FAIL if FAIL in results else UNDECIDED if UNDECIDED in results else PASS]
