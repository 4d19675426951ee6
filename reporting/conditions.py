"""Checks conditions such as `p99 > +10%` on the comparisons of an experiment, for pipelines."""

from collections.abc import Sequence
from pathlib import Path

from reporting.analyse import experiment_conditions
from reporting.analyse.comparison import UNDECIDED
from reporting.analyse.experiment_conditions import CheckedCondition
from reporting.analyse.fail_if import FAIL, PASS
from reporting.read import experiment_folder
from reporting.read.experiment_folder import ExperimentFolder
from reporting.render import experiment_files
from reporting.render.compared_runs import EXIT_CODES


def check(folder: Path, conditions: Sequence[str]) -> tuple[list[str], int]:
    """Return a line for each condition and arm, and the exit code: 1 if any fails, 3 if any is undecided, otherwise 0.

    No condition is decided for good while runs are missing: an unfinished experiment has the code 3 instead of 0.
    A figure that has too few pairs or is void is undecided. Raises InputError for a condition that cannot be read or
    checked.
    """
    experiment = experiment_folder.load(folder)
    return _told(experiment, experiment_conditions.check(experiment, conditions))


def report(folder: Path, conditions: Sequence[str], *, pdf: bool = False) -> tuple[list[str], int]:
    """Write an experiment's report with these conditions; return the lines for a terminal, and the exit code.

    Without conditions, the code is 0. Raises what `write_experiment` raises.
    """
    experiment = experiment_folder.load(folder)
    checked = experiment_conditions.check(experiment, conditions)
    lines = experiment_files.write_checked(experiment, checked, pdf=pdf)
    told, code = _told(experiment, checked) if conditions else ([], 0)
    return [*lines, *told], code


def _told(experiment: ExperimentFolder, checked: Sequence[CheckedCondition]) -> tuple[list[str], int]:
    lines = [f"{each.candidate}: fail if {each.text}: {each.result}" for each in checked]
    results = {each.result for each in checked}
    state = str(experiment.content["state"])
    if state != "finished":
        results.add(UNDECIDED)
        lines.append(f"the experiment is not finished ({state}): no condition passes before all runs are done")
    return lines, EXIT_CODES[FAIL if FAIL in results else UNDECIDED if UNDECIDED in results else PASS]
