"""An experiment, read and computed: what its arms differ by, and what its runs say."""

from dataclasses import dataclass

from reporting.analyse import capacity_steps, matrix_effects, paired_figures, recovery_answers, run_differences
from reporting.analyse.capacity_steps import CapacityAnswers
from reporting.analyse.matrix_effects import MatrixAnswers
from reporting.analyse.paired_figures import PairedFigures
from reporting.analyse.recovery_answers import RecoveryAnswers
from reporting.analyse.run_differences import Difference
from reporting.read.experiment_folder import ExperimentFolder
from zk_locust.contract.experiment import CAPACITY, MATRIX, RECOVERY


@dataclass(frozen=True, slots=True)
class AnsweredExperiment:
    """What every form of the report shows. The type of `answers` follows from the kind."""

    experiment: ExperimentFolder
    differences: tuple[Difference, ...]
    answers: PairedFigures | MatrixAnswers | CapacityAnswers | RecoveryAnswers


def build(experiment: ExperimentFolder) -> AnsweredExperiment:
    """Compute what an experiment says."""
    arms = [[run.manifest for run in experiment.of(arm) if run.manifest.present] for arm in experiment.arms]
    return AnsweredExperiment(experiment, run_differences.between(arms, constant=True), _answers(experiment))


def _answers(experiment: ExperimentFolder) -> PairedFigures | MatrixAnswers | CapacityAnswers | RecoveryAnswers:
    if experiment.kind == RECOVERY:
        return recovery_answers.build(experiment)
    if experiment.kind == CAPACITY:
        return capacity_steps.build(experiment)
    return matrix_effects.build(experiment) if experiment.kind == MATRIX else paired_figures.of_experiment(experiment)
