"""The charts of an experiment, by its kind."""

from reporting.analyse.experiment_answers import AnsweredExperiment
from reporting.analyse.matrix_effects import MatrixAnswers
from reporting.analyse.paired_figures import PairedFigures
from reporting.analyse.recovery_answers import RecoveryAnswers
from reporting.render import capacity_charts, matrix_charts, paired_charts, recovery_strips
from reporting.render.chart import Figure


def build(answered: AnsweredExperiment) -> list[Figure]:
    """Return the charts, in order; none for an experiment without runs."""
    if isinstance(answered.answers, PairedFigures):
        return paired_charts.build(answered.experiment, answered.answers)
    if isinstance(answered.answers, MatrixAnswers):
        return matrix_charts.build(answered.answers)
    if isinstance(answered.answers, RecoveryAnswers):
        return recovery_strips.build(answered.experiment, answered.answers)
    return capacity_charts.build(answered.answers)
