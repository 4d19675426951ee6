"""An experiment, read and computed: what its arms differ by, and what its runs say."""

from dataclasses import dataclass

from reporting.analyse import arm_differences, capacity_steps, matrix_effects, paired_answers
from reporting.analyse.arm_differences import Difference
from reporting.analyse.capacity_steps import CapacityAnswers
from reporting.analyse.matrix_effects import MatrixAnswers
from reporting.analyse.paired_answers import PairedAnswers
from reporting.read.experiment_folder import ExperimentFolder
from zk_locust.contract.experiment import CAPACITY, MATRIX


@dataclass(frozen=True, slots=True)
class AnsweredExperiment:
    """What every form of the report shows. The type of `answers` follows from the kind."""

    experiment: ExperimentFolder
    differences: list[Difference]
    answers: PairedAnswers | MatrixAnswers | CapacityAnswers


def build(experiment: ExperimentFolder) -> AnsweredExperiment:
    """Compute what an experiment says."""
    return AnsweredExperiment(experiment, arm_differences.build(experiment), _answers(experiment))


def _answers(experiment: ExperimentFolder) -> PairedAnswers | MatrixAnswers | CapacityAnswers:
    if experiment.kind == CAPACITY:
        return capacity_steps.build(experiment)
    return matrix_effects.build(experiment) if experiment.kind == MATRIX else paired_answers.build(experiment)
