"""What an experiment's runs say: sentences, tables, JSON and JUnit, from manifests and reports of runs."""

import json
import math
import random
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from fleet.experiments.runner import Request
from reporting import InputError, check_conditions, load_experiment, write_experiment
from tests.unit.experiments.folders import COMPARE, experiment, noisy, step


def test_a_changed_figure_is_the_answer_with_its_interval(tmp_path: Path) -> None:
    lines = write_experiment(experiment(tmp_path, COMPARE, noisy(1, new=1.2)))
    assert lines[0].startswith("Experiment compare-1: new beside old: p50 +")
    found = json.loads((tmp_path / "experiments/compare-1/experiment.json").read_text())
    p99 = next(each for each in found["figures"] if each["figure"] == "p99")
    assert p99["answer"] == "changed"
    assert p99["low"] < 1.2 < p99["high"]
    assert len(p99["values"]) == 5
    assert found["differences"] == [
        {"name": "zookeeper_version", "values": {"old": "3.8.4", "new": "3.9.3"}},
    ]


def test_equal_arms_are_equivalent(tmp_path: Path) -> None:
    lines = write_experiment(experiment(tmp_path, COMPARE, noisy(2)))
    assert lines[0] == "Experiment compare-1: new and old are equivalent: no figure differs by more than 5.0 %."


def test_a_run_that_has_no_report_is_named(tmp_path: Path) -> None:
    folder = experiment(tmp_path, COMPARE, noisy(2))
    (tmp_path / "run-compare-3" / "report.json").unlink()
    assert any("run run-compare-3 has no report.json" in line for line in write_experiment(folder))


def test_runs_of_different_schema_are_refused(tmp_path: Path) -> None:
    folder = experiment(tmp_path, COMPARE, noisy(2))
    file = tmp_path / "run-compare-3" / "report.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"schema_version": 2}))
    with pytest.raises(InputError, match=r"experiment \[compare-1\]: its runs have reports of schemas 1, 2"):
        write_experiment(folder)


@pytest.mark.parametrize(
    ("condition", "code"),
    [("p99 > +10%", 1), ("p99 > +30%", 0), ("p99 > +20%", 3), ("rate < -5%", 0)],
)
def test_a_condition_fails_only_if_the_complete_interval_is_beyond(tmp_path: Path, condition: str, code: int) -> None:
    lines, found = check_conditions(experiment(tmp_path, COMPARE, noisy(1, new=1.2)), [condition])
    assert found == code
    assert lines == [f"new: fail if {condition}: {({0: 'pass', 1: 'fail', 3: 'undecided'})[code]}"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("p98 > +10%", r"condition \[p98 > \+10%\]: the experiment does not compare p98, did you mean p99"),
        ("p99 of gte > +10%", r"does not compare p99 of gte"),
        ("p99", r"condition \[p99\] cannot be read"),
    ],
)
def test_a_condition_that_cannot_be_checked_is_refused(tmp_path: Path, condition: str, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        check_conditions(experiment(tmp_path, COMPARE, noisy(1)), [condition])


def test_noise_is_quoted_by_a_later_comparison(tmp_path: Path) -> None:
    lines = write_experiment(experiment(tmp_path, {"kind": "noise"}, noisy(3)))
    assert lines[0].startswith("Experiment noise-1: 5 pairs of runs of this fleet resolve a difference of: rate ")
    lines = write_experiment(experiment(tmp_path, COMPARE, noisy(2)))
    assert any("noise-1 found what this fleet resolves with equal arms: rate " in line for line in lines)


def test_junit_has_a_case_for_each_figure(tmp_path: Path) -> None:
    write_experiment(experiment(tmp_path, COMPARE, noisy(1, new=1.2)))
    suite = ElementTree.parse(tmp_path / "experiments/compare-1/experiment.junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "3", "0")
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert failed == ["new: p50", "new: p99", "new: p99.9"]


def test_markdown_has_answer_tables_and_runs(tmp_path: Path) -> None:
    folder = experiment(tmp_path, COMPARE, noisy(1, new=1.2))
    write_experiment(folder)
    found = (folder / "experiment.md").read_text()
    assert found.startswith("# compare-1\n\n**new beside old: p50 +")
    assert found.count("\n## ") == 3
    assert "| run-compare-10 |" in found


def test_a_matrix_names_its_best_cells_and_what_matters(tmp_path: Path) -> None:
    content = {"kind": "matrix", "grid": {"benchmark_users": [1, 2], "benchmark_parameters.val-size": [8, 64]}}
    choice = random.Random(1)

    def figures(request: Request) -> tuple[float, float]:
        users = int(request.arm.place[0])
        return 1000 * users * math.exp(choice.gauss(0, 0.01)), 5000 * math.exp(choice.gauss(0, 0.01))

    folder = experiment(tmp_path, content, figures)
    lines = write_experiment(folder)
    assert "highest rate 2," in lines[0] or "highest rate 1,9" in lines[0]
    assert "with benchmark_users 2, benchmark_parameters.val-size" in lines[0]
    explained = json.loads((folder / "experiment.json").read_text())["effects"]["rate"]
    assert explained["of_axes"]["benchmark_users"] > 0.99
    assert len(load_experiment(folder).arms) == 4


def test_a_capacity_is_an_interval_with_its_steps(tmp_path: Path) -> None:
    content = {"kind": "capacity", "objectives": ["p99 < 20ms"], "rates": {"lowest": 50, "first": 100, "highest": 5000}}
    folder = experiment(
        tmp_path, content, lambda _: (1.0, 1.0), passed=lambda request: (request.rate_per_s or 0) <= 460, step=step
    )
    lines = write_experiment(folder)
    found = json.loads((folder / "experiment.json").read_text())["capacity"]["ensemble"]
    low, high = found["low_per_s"], found["high_per_s"]
    assert lines[0] == f"Experiment capacity-1: ensemble carries {low:g}/s with p99 < 20ms, and not {high:g}/s."
    assert 0.94 * 460 <= low <= 460
    assert found["knee_per_s"] is not None
    assert "## Steps of ensemble" in (folder / "experiment.md").read_text()


def test_a_folder_without_an_experiment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no manifest that can be read"):
        write_experiment(tmp_path)


def test_what_changes_from_run_to_run_is_no_difference_between_arms(tmp_path: Path) -> None:
    folder = experiment(tmp_path, COMPARE, noisy(1))
    for number in range(1, 11):
        file = tmp_path / f"run-compare-{number}" / "manifest.json"
        content = json.loads(file.read_text())
        mode = "follower" if number == 3 else "leader"
        file.write_text(json.dumps(content | {"hosts": {"zk1": {"zookeeper_mode": mode, "kernel": "6.1"}}}))
    write_experiment(folder)
    found = json.loads((folder / "experiment.json").read_text())["differences"]
    assert [each["name"] for each in found] == ["zookeeper_version"]


def judged(results: Path, number: int, **verdicts: str) -> None:
    """Give figures of a run's operation get, and of all operations, other verdicts than that of the run."""
    file = results / f"run-compare-{number}" / "report.json"
    figures = [
        {"operation": operation, "figure": figure, "verdict": verdict}
        for operation in ("all operations", "get")
        for figure, verdict in verdicts.items()
    ]
    file.write_text(json.dumps(json.loads(file.read_text()) | {"figures": figures}))


def test_the_gravest_verdict_of_a_figure_stands_beside_its_answer(tmp_path: Path) -> None:
    folder = experiment(tmp_path, COMPARE, noisy(1, new=1.2))
    judged(tmp_path, 3, p99="inconclusive")
    lines = write_experiment(folder)
    assert re.search(r"p50 \+\S+ % \([^)]+ %\); p99 \+\S+ % \([^)]+ %, inconclusive\)", lines[0])
    found = json.loads((folder / "experiment.json").read_text())["figures"]
    assert {each["figure"]: each["verdict"] for each in found} == {
        "rate": "valid", "p50": "valid", "p99": "inconclusive", "p99.9": "valid",
    }  # fmt: skip
    assert "changed; the figure is inconclusive" in (folder / "experiment.html").read_text()
    assert any(re.search(r"\bp99 +inconclusive +changed\b", line) for line in lines)
    cases = ElementTree.parse(folder / "experiment.junit.xml").getroot().iter("failure")
    assert [", inconclusive)" in str(case.get("message")) for case in cases] == [False, True, False]
    assert load_experiment(folder).comparisons["verdict"].tolist().count("inconclusive") == 1


def test_an_inconclusive_figure_qualifies_an_equivalence(tmp_path: Path) -> None:
    folder = experiment(tmp_path, COMPARE, noisy(2))
    judged(tmp_path, 3, p99="inconclusive")
    assert write_experiment(folder)[0].endswith("differs by more than 5.0 %; 1 of 4 figures are inconclusive.")


def test_a_void_figure_decides_nothing(tmp_path: Path) -> None:
    folder = experiment(tmp_path, COMPARE, noisy(1, new=1.2))
    judged(tmp_path, 3, p99="void")
    lines = write_experiment(folder)
    assert "p99 +" not in lines[0]
    assert any("There is no comparison of p99, new: it is void in at least one run." in line for line in lines)
    suite = ElementTree.parse(folder / "experiment.junit.xml").getroot()
    assert [case.get("name") for case in suite if case.find("skipped") is not None] == ["new: p99"]
    assert check_conditions(folder, ["p99 > +10%"]) == (["new: fail if p99 > +10%: undecided"], 3)


def test_latencies_of_different_clocks_are_named(tmp_path: Path) -> None:
    folder = experiment(tmp_path, COMPARE, noisy(1))
    for entry in json.loads((folder / "manifest.json").read_text())["runs"]:
        file = tmp_path / entry["run_id"] / "report.json"
        report = json.loads(file.read_text())
        report["total"]["clock"] = "service" if entry["arm"] == "old" else "response"
        file.write_text(json.dumps(report))
    assert any("different clocks (" in line and "old: service time" in line for line in write_experiment(folder))


@pytest.mark.parametrize(("condition", "code"), [("p99 > +30%", 3), ("p99 > +10%", 1)])
def test_no_condition_passes_before_the_experiment_is_finished(tmp_path: Path, condition: str, code: int) -> None:
    folder = experiment(tmp_path, COMPARE, noisy(1, new=1.2))
    content = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(content | {"state": "interrupted"}))
    lines, found = check_conditions(folder, [condition])
    assert found == code
    assert lines[1:] == ["the experiment is not finished (interrupted): no condition passes before all runs are done"]


def test_a_condition_may_name_the_only_operation(tmp_path: Path) -> None:
    lines, code = check_conditions(experiment(tmp_path, COMPARE, noisy(1, new=1.2)), ["p99 of get > +10%"])
    assert (lines, code) == (["new: fail if p99 of get > +10%: fail"], 1)


def test_the_data_has_what_the_manifest_says(tmp_path: Path) -> None:
    folder = experiment(tmp_path, COMPARE | {"description": "Is 3.9 slower?"}, noisy(1))
    write_experiment(folder)
    found = json.loads((folder / "experiment.json").read_text())
    said = json.loads((folder / "manifest.json").read_text())
    same = ("experiment_id", "kind", "name", "description", "state", "started", "ended", "settings", "arms", "runs")
    assert {name: found[name] for name in same} == {name: said[name] for name in same}


def test_the_quoted_noise_is_that_of_as_many_pairs(tmp_path: Path) -> None:
    few = experiment(tmp_path, {"kind": "noise"}, noisy(3))
    write_experiment(few)
    folder = experiment(tmp_path, COMPARE | {"pairs": 12}, noisy(2))
    assert any(line.endswith(", with the 12 pairs of this experiment.") for line in write_experiment(folder))
    quoted = json.loads((folder / "experiment.json").read_text())["noise"]
    assert (quoted["experiment_id"], quoted["pairs"]) == ("noise-1", 12)
    alone = json.loads((few / "experiment.json").read_text())["figures"]
    for each in alone:
        assert quoted["resolution"][each["figure"]] < 0.75 * each["resolution"]


def test_noise_that_was_measured_later_is_not_quoted(tmp_path: Path) -> None:
    folder = experiment(tmp_path, COMPARE, noisy(2))
    experiment(tmp_path, {"kind": "noise"}, noisy(3))
    write_experiment(folder)
    assert json.loads((folder / "experiment.json").read_text())["noise"] is None


def test_pairs_that_were_added_are_named(tmp_path: Path) -> None:
    folder = experiment(tmp_path, COMPARE | {"pairs": 7}, noisy(1))
    said = "2 of 7 pairs were added later."
    assert not any(said in line for line in write_experiment(folder))
    content = json.loads((folder / "manifest.json").read_text())
    content["settings"]["pairs"] = 5
    (folder / "manifest.json").write_text(json.dumps(content))
    assert any(said in line for line in write_experiment(folder))
