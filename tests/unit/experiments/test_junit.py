"""JUnit XML of an experiment: what fails, what passes, and what cannot be said, with and without conditions."""

import json
import math
import random
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

import fabfile
from fleet.experiments.runner import Request
from reporting import InputError, check_conditions, write_experiment
from reporting.analyse import experiment_conditions
from reporting.read import experiment_folder
from tests.unit.experiments.folders import COMPARE, experiment, noisy
from tests.unit.experiments.test_recovery import recovered


def cases(folder: Path, *conditions: str) -> dict[str, tuple[str, str]]:
    """The state and the text of each case, by name; the counts of the suite are checked."""
    write_experiment(folder, conditions)
    suite = ElementTree.parse(folder / "experiment.junit.xml").getroot()
    found = {}
    for case in suite.iter("testcase"):
        inner = next(iter(case))
        state = {"failure": "failed", "skipped": "skipped", "system-out": "passed"}[inner.tag]
        found[str(case.get("name"))] = (state, inner.get("message") or inner.text or "")
    states = [state for state, _ in found.values()]
    assert suite.get("tests") == str(len(states))
    assert [suite.get(name) for name in ("failures", "skipped")] == [
        str(states.count(s)) for s in ("failed", "skipped")
    ]
    return found


def with_rates(**factors: float) -> Callable[[Request], tuple[float, float]]:
    choice = random.Random(1)

    def figures(request: Request) -> tuple[float, float]:
        noise = math.exp(choice.gauss(0, 0.01))
        return 1000 * noise * factors.get(request.arm.name, 1.0), 5000 * noise

    return figures


def test_lower_latencies_are_no_failure(tmp_path: Path) -> None:
    found = cases(experiment(tmp_path, COMPARE, noisy(1, new=0.7)))
    assert {state for state, _ in found.values()} == {"passed"}
    assert found["new: p99"][1].startswith("changed for the better: -")


def test_higher_latencies_are_failures(tmp_path: Path) -> None:
    state, why = cases(experiment(tmp_path, COMPARE, noisy(1, new=1.2)))["new: p99"]
    assert state == "failed"
    assert why.startswith("changed for the worse: +")


@pytest.mark.parametrize(("factor", "expected"), [(0.7, "failed"), (1.4, "passed")])
def test_a_lower_rate_is_a_failure_and_a_higher_is_none(tmp_path: Path, factor: float, expected: str) -> None:
    assert cases(experiment(tmp_path, COMPARE, with_rates(new=factor)))["new: rate"][0] == expected


def shorter(arm: str, block: int, _fault: str) -> float | None:
    return {"old": 2.0, "new": 0.5}[arm] + 0.01 * block


def longer(arm: str, block: int, _fault: str) -> float | None:
    return {"old": 0.5, "new": 2.0}[arm] + 0.01 * block


@pytest.mark.parametrize(("times", "expected"), [(shorter, "passed"), (longer, "failed")])
@pytest.mark.parametrize("figure", ["write", "rate"])
def test_a_recovery_that_takes_longer_is_a_failure(
    tmp_path: Path, times: Callable[[str, int, str], float | None], expected: str, figure: str
) -> None:
    """Figures of a recovery are times, also that of the rate."""
    found = cases(recovered(tmp_path, times))
    assert found[f"new beside old: {figure} of kill leader"][0] == expected


@pytest.mark.parametrize(
    ("condition", "state", "code"),
    [("p99 > +30%", "passed", 0), ("p99 > +10%", "failed", 1), ("p99 > +20%", "skipped", 3)],
)
def test_conditions_are_cases_that_agree_with_the_exit_code(
    tmp_path: Path, condition: str, state: str, code: int
) -> None:
    folder = experiment(tmp_path, COMPARE, noisy(1, new=1.2))
    found = cases(folder, condition)
    assert found[f"new: fail if {condition}"][0] == state
    assert "+1" in found[f"new: fail if {condition}"][1]
    assert check_conditions(folder, [condition])[1] == code
    failed = [name for name, (each, _) in found.items() if each == "failed"]
    assert failed == ([f"new: fail if {condition}"] if code == 1 else [])
    assert found["new: p50"][1].startswith("changed for the worse: +")


def test_a_report_with_conditions_reads_and_checks_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = experiment(tmp_path, COMPARE, noisy(1, new=1.2))
    loads, checks = Mock(wraps=experiment_folder.load), Mock(wraps=experiment_conditions.check)
    monkeypatch.setattr(experiment_folder, "load", loads)
    monkeypatch.setattr(experiment_conditions, "check", checks)
    given: dict[str, Any] = {"inventory": [], "run": [], "results_dir": str(tmp_path), "experiment": folder.name}
    with pytest.raises(Exit) as stop:
        fabfile.report.body(Context(), **given, fail_if=["p99 > +10%"])
    assert stop.value.code == 1
    assert capsys.readouterr().out.splitlines()[-1] == "new: fail if p99 > +10%: fail"
    assert (loads.call_count, checks.call_count) == (1, 1)


def test_a_condition_on_a_void_figure_is_skipped(tmp_path: Path) -> None:
    folder = experiment(tmp_path, COMPARE, noisy(1, new=1.2))
    file = tmp_path / "run-compare-3" / "report.json"
    void = [{"operation": "all operations", "figure": "p99", "verdict": "void"}]
    file.write_text(json.dumps(json.loads(file.read_text()) | {"figures": void}))
    assert cases(folder, "p99 > +10%")["new: fail if p99 > +10%"] == ("skipped", "undecided: it is not compared")


def unfinished(folder: Path, **change: Any) -> Path:
    content = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(content | {"state": "interrupted", "reason": "Ctrl-C"} | change))
    return folder


def test_an_unfinished_experiment_has_a_case_that_says_so(tmp_path: Path) -> None:
    folder = experiment(tmp_path, COMPARE, noisy(2))
    assert "finished" not in cases(folder)
    found = cases(unfinished(folder), "p99 > +30%", "rate < -1%")
    assert found["finished"] == (
        "skipped",
        "The experiment is not finished (interrupted: Ctrl-C), so this is what its runs say so far.",
    )
    state, why = found["new: fail if p99 > +30%"]
    assert state == "skipped"
    assert why.endswith(" so far; no condition passes before all runs are done")


def test_a_condition_that_fails_does_so_before_the_experiment_is_finished(tmp_path: Path) -> None:
    folder = unfinished(experiment(tmp_path, COMPARE, noisy(1, new=1.2)))
    assert cases(folder, "p99 > +10%")["new: fail if p99 > +10%"][0] == "failed"


def test_a_condition_that_cannot_be_checked_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    folder = experiment(tmp_path, COMPARE, noisy(1))
    with pytest.raises(InputError, match="does not compare p98"):
        write_experiment(folder, ["p98 > +10%"])
    assert not (folder / "experiment.json").exists()
