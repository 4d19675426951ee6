"""The budget of an experiment: what is refused because it would take longer."""

from collections.abc import Mapping
from typing import Any

from fleet.errors import FleetError, InputError
from fleet.experiments.left import left_s, run_s, runs_left, spent_s
from fleet.experiments.manifest import resume_words
from fleet.experiments.specification import Specification
from zk_locust.contract.durations import format_duration
from zk_locust.contract.experiment import MATRIX, REPEATED


class BudgetSpentError(FleetError):
    """The next run would take longer than what is left of the budget."""


def refuse_plan(spec: Specification, runs: int, each_s: float) -> None:
    """Refuse a new experiment that would take longer. `each_s` is how long a run takes. Raises InputError."""
    if problem := _beyond(spec.budget_s, 0.0, runs * each_s):
        parts = "values of the grid" if spec.kind == MATRIX else "arms" if spec.arms else ""
        shorter = f"shorten the runs, or leave out {parts}" if parts else "or shorten the runs"
        raise InputError(
            f"{problem}: {runs} runs of about {format_duration(each_s)} take about {format_duration(runs * each_s)}; "
            f"raise it, {shorter}"
        )


def refuse_rest(content: Mapping[str, Any], more: int = 0) -> None:
    """Refuse to continue an experiment whose rest would take longer. `more` are blocks added to it. Raises InputError.

    `content` is the manifest, with the blocks.
    """
    left, rest_s, budget_s = runs_left(content), left_s(content), float(content["settings"]["budget_s"])
    if left and (problem := _beyond(budget_s, spent_s(content), rest_s)):
        blocks = "repeats" if content["kind"] in REPEATED else "pairs"
        raise InputError(
            f"{problem}: the runs so far took {format_duration(spent_s(content))}, and the {left} that are left take "
            f"about {format_duration(rest_s)}; raise it{f', or add fewer {blocks}' if more else ''}"
        )


def refuse_next_run(content: Mapping[str, Any]) -> None:
    """Raise BudgetSpentError if the next run would exceed the budget: void runs and slow ones are not foreseen."""
    next_s, budget_s = run_s(content), float(content["settings"]["budget_s"])
    if problem := _beyond(budget_s, spent_s(content), next_s):
        raise BudgetSpentError(
            f"{problem}: the runs so far took {format_duration(spent_s(content))}, and the next takes about "
            f"{format_duration(next_s)}; raise it, and continue with {resume_words(content)}"
        )


def _beyond(budget_s: float, took_s: float, more_s: float) -> str:
    """Return the setting with its value if it is exceeded, otherwise nothing; 0 is no limit."""
    return f"budget [{format_duration(budget_s)}]" if budget_s and took_s + more_s > budget_s else ""
