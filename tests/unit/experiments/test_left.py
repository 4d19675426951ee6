"""What is left of an experiment: runs, time, and budget."""

from pathlib import Path

import pytest

from fleet.experiments import manifest
from fleet.experiments.budget import BudgetSpentError
from fleet.experiments.left import left_s, runs_left
from fleet.experiments.runner import run
from tests.unit.experiments.test_runner import ARMS, Scripted, begin


def test_a_search_that_is_longer_than_expected_has_a_run_left_until_it_has_its_answer(tmp_path: Path) -> None:
    folder = begin(tmp_path, kind="capacity", rates=(10, 100, 10_000))  # 20 runs, of two arms
    content = manifest.load(folder)
    done = {"arm": "a", "counts": True, "took_s": 30.0, "rate_per_s": 10, "passed": True}
    assert runs_left(content | {"runs": [done] * 4}) == 6 + 10
    content |= {"runs": [done] * 12}
    assert runs_left(content) == 1 + 10
    assert left_s(content) == 11 * 30.0
    assert runs_left(content | {"capacity": {"a": {}}}) == 10
    assert runs_left(content | {"capacity": {"a": {}, "b": {}}}) == 0


def test_a_budget_that_void_runs_have_spent_ends_the_experiment_before_the_next_run(tmp_path: Path) -> None:
    folder = begin(tmp_path, budget_s=95.0)  # each run takes 10 s, and every second one is void
    benchmarks = Scripted(lambda request: "void" if request.number % 2 == 0 else "valid")
    expected = (
        r"budget \[1 min 35 s\]: the runs so far took 1 min 30 s, and the next takes about 10 s; raise it, and con"
    )
    with pytest.raises(BudgetSpentError, match=expected):
        run(folder, ARMS, benchmarks, print)
    content = manifest.load(folder)
    assert (content["state"], len(benchmarks.asked), len(content["runs"])) == ("interrupted", 9, 9)
    assert content["reason"].startswith("budget [1 min 35 s]")
    content["settings"]["budget_s"] = 300.0
    manifest.save(folder, content)
    run(folder, ARMS, Scripted(), print)
    assert manifest.load(folder)["state"] == "finished"


def test_a_budget_ends_a_search_too(tmp_path: Path) -> None:
    folder = begin(tmp_path, ARMS[:1], kind="capacity", rates=(10, 100, 10_000), budget_s=45.0)
    passes = Scripted(passed=True)  # at every rate: 19 steps of 10 s
    with pytest.raises(BudgetSpentError, match="the runs so far took 40 s, and the next takes about 10 s"):
        run(folder, ARMS[:1], passes, print)
    assert len(manifest.load(folder)["runs"]) == 4
