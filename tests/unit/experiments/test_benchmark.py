"""How playbooks are called: what reaches them, what is left of it, and what an interruption does."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from fleet.experiments import benchmark
from fleet.experiments import playbooks as own_playbooks
from fleet.experiments.arms import Arm
from fleet.experiments.benchmark import Benchmarks
from fleet.experiments.interruption import Interruption
from fleet.experiments.playbooks import Playbooks
from fleet.experiments.runner import Outcome, Request
from fleet.experiments.specification import Specification
from reporting import ReportingError
from tests.unit.reporting.open_loop import Simulated

# Stands for ansible-playbook: notes how it was called, and ends when it may, or some time after Ctrl-C.
PROGRAM = """#!/bin/sh
here=$(dirname "$0")
for word; do case "$word" in @*) file=${word#@};; esac; done
echo "$file" >"$here/file"; stat -c %a "$file" >"$here/mode"; cat "$file" >"$here/variables"; echo "$@" >"$here/words"
trap 'if [ -e "$here/deaf" ]; then rm "$here/deaf"; else sleep 0.3; echo ended >"$here/ended"; exit 99; fi' INT
echo shown
echo begun >"$here/begun"
while [ -e "$here/wait" ]; do sleep 0.02; done
exit 7
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "bin"
    folder.mkdir()
    file = folder / "ansible-playbook"
    file.write_text(PROGRAM)
    file.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    yield folder
    (folder / "wait").unlink(missing_ok=True)


def playbooks(interrupted: Callable[[], bool] = lambda: False) -> Playbooks:
    variables = {"secret": "s3cret", "zookeeper_heap": "1g"}
    return Playbooks(Path("/playbooks"), ("/inventory",), ("--forks", "3"), variables, interrupted)


def test_variables_reach_a_playbook_in_a_file_that_is_removed(program: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    arm = Arm("a", {"zookeeper_heap": "2g"})
    assert playbooks().call("benchmark", arm, log, {"benchmark_label": "x"}, ("--limit", "y")) == 7
    assert json.loads((program / "variables").read_text()) == {
        "secret": "s3cret", "zookeeper_heap": "2g", "benchmark_label": "x",
    }  # fmt: skip
    assert (program / "mode").read_text().strip() == "600"
    file = Path((program / "file").read_text().strip())
    assert not file.parent.exists()
    words = (program / "words").read_text()
    assert words.startswith("/playbooks/benchmark.yml -i /inventory --forks 3 --limit y -e @")
    assert "s3cret" not in words
    assert log.read_text() == "shown\n"


def test_variables_of_a_playbook_that_cannot_be_started_are_removed(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del program
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(FileNotFoundError):
        playbooks().call("benchmark", Arm("a", {}), tmp_path / "gone" / "log", {})
    with pytest.raises(TypeError):
        playbooks().call("benchmark", Arm("a", {}), tmp_path / "log", {"a": {(1, 2): 3}})
    assert list(tmp_path.glob("zk-locust-*")) == []


def test_an_arm_may_have_an_inventory_of_its_own(program: Path, tmp_path: Path) -> None:
    playbooks().call("benchmark", Arm("a", {}, "/other"), tmp_path / "log", {})
    assert " -i /other --forks" in (program / "words").read_text()


def test_an_interrupted_playbook_ends_in_its_own_way(program: Path, tmp_path: Path) -> None:
    (program / "wait").touch()
    with pytest.raises(KeyboardInterrupt):
        playbooks((program / "begun").exists).call("benchmark", Arm("a", {}), tmp_path / "log", {})
    assert (program / "ended").read_text() == "ended\n"
    assert not Path((program / "file").read_text().strip()).parent.exists()


def test_a_playbook_that_is_caught_in_a_lock_gets_ctrl_c_again(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_playbooks, "_AGAIN_S", 0.5)
    (program / "wait").touch()
    (program / "deaf").touch()
    with pytest.raises(KeyboardInterrupt):
        playbooks((program / "begun").exists).call("benchmark", Arm("a", {}), tmp_path / "log", {})
    assert (program / "ended").exists()


def test_a_playbook_that_does_not_end_is_named(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_playbooks, "_AGAIN_S", 0.1)
    monkeypatch.setattr(own_playbooks, "_END_LIMIT_S", 0.1)
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def noting(*words: Any, **options: Any) -> "subprocess.Popen[bytes]":
        started.append(popen(*words, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", noting)
    (program / "wait").touch()
    (program / "deaf").touch()
    with pytest.raises(KeyboardInterrupt, match=r"benchmark.yml has not ended within 0.1 s of Ctrl-C .* see .*/log, "):
        playbooks((program / "begun").exists).call("benchmark", Arm("a", {}), tmp_path / "log", {})
    (program / "wait").unlink()
    started[0].wait(60)


def test_no_playbook_is_called_after_an_interruption(program: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        playbooks(lambda: True).call("benchmark", Arm("a", {}), tmp_path / "log", {})
    assert not (program / "begun").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_of_ansible_are_noted_once_and_again(number: signal.Signals) -> None:
    interruption = Interruption()
    with interruption.taken():
        assert not interruption.came()
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        assert interruption.came()


WORKER = """
import os, sys, time
from fleet.experiments.interruption import Interruption, leave_words, left_words
if os.fork():
    while left_words() != "begun":
        time.sleep(0.02)
    os._exit(0)
interruption = Interruption()
assert not interruption.came()
leave_words("begun")
end = time.monotonic() + 20
while not interruption.came() and time.monotonic() < end:
    time.sleep(0.02)
print("came" if interruption.came() else "alone")
"""


def test_a_worker_whose_main_process_is_gone_ends() -> None:
    answer = subprocess.run([sys.executable, "-c", WORKER], capture_output=True, text=True, timeout=30, check=True)
    assert answer.stdout == "came\n"


class Recorded(Playbooks):
    """Notes which playbooks are called, and leaves the run of a benchmark, with a report that says it is valid."""

    called: ClassVar[list[tuple[str, str]]] = []

    def call(self, playbook: str, arm: Arm, log: Path, more: Any, arguments: Any = ()) -> int:
        del arguments
        removes = " and remove the data" if more.get("stop_removes_data") else ""
        self.called.append((f"{playbook}{removes}", arm.name))
        log.write_text("  1. zk1: cannot be reached\n")
        if playbook == "benchmark" and arm.name != "broken":
            run = Path(more["benchmark_results_dir"]) / f"20261124T03150{len(self.called)}Z-quick"
            run.mkdir()
            (run / "manifest.json").write_text(json.dumps({"label": more["benchmark_label"]}))
            (run / "report.json").write_text(json.dumps({"verdict": {"verdict": "valid", "reasons": []}}))
        return 2 if arm.name == "broken" and playbook == "benchmark" else 0


def removed(arm: str) -> tuple[str, str]:
    return "stop and remove the data", arm


def test_each_run_starts_without_data_and_is_found_by_its_label(tmp_path: Path) -> None:
    arms = [Arm("a", {"benchmark_users": 1}), Arm("b", {"benchmark_users": 2}), Arm("broken", {"zookeeper_heap": "1g"})]
    recorded = Recorded(Path("/playbooks"), (), (), {})
    recorded.called.clear()
    benchmarks = Benchmarks(tmp_path, tmp_path, recorded, Specification("mine", "compare"), arms)
    outcome = benchmarks.run(Request(1, arms[1], "mine-01-b"))
    assert (outcome.run_id[-6:], outcome.verdict) == ("-quick", "valid")
    assert recorded.called == [*map(removed, ("a", "broken")), ("benchmark and remove the data", "b")]
    failed = benchmarks.run(Request(2, arms[2], "mine-02-broken"))
    assert failed.verdict == "void"
    assert failed.reasons == (f"it left no run: zk1: cannot be reached; see {tmp_path / 'logs' / '002.log'}",)
    assert recorded.called[3:] == [("benchmark and remove the data", "broken"), removed("broken")]


@pytest.mark.parametrize(
    ("state", "verdict"), [("complete", "inconclusive"), ("failed", "void"), ("interrupted", "void")]
)
def test_a_run_that_failed_is_void_whatever_it_recorded(tmp_path: Path, state: str, verdict: str) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"state": state}))
    reason = {"severity": "inconclusive", "rule": "incomplete", "text": "The run failed"}
    report = {
        "verdict": {"verdict": "inconclusive", "reasons": [reason]},
        "total": {"rate_per_s": 1000.0, "p50_us": 512},
    }
    (tmp_path / "report.json").write_text(json.dumps(report))
    outcome = benchmark.outcome_of(tmp_path, 1.0, [])
    assert (outcome.verdict, outcome.reasons, outcome.summary) == (
        verdict,
        ("The run failed",),
        "1,000/s, p50 0.512 ms",
    )


def test_an_objective_for_an_operation_that_the_load_has_not_is_said_at_once(tmp_path: Path) -> None:
    report = {"verdict": {"verdict": "valid", "reasons": []}, "operations": [{"operation": "get"}]}
    (tmp_path / "report.json").write_text(json.dumps(report))
    outcome = benchmark.outcome_of(tmp_path, 1.0, ["p99 of gett < 5ms"])
    assert (outcome.run_id, outcome.verdict) == (tmp_path.name, "void")
    assert outcome.hopeless.startswith(
        "objectives [p99 of gett < 5ms]: the load has no operation gett, did you mean get?; it has: get; correct"
    )


def test_a_step_is_judged_with_the_service_time_at_the_lowest_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One session of two that would be needed: the ensemble is not the limit if it answers as at the lowest rate."""
    few = Simulated(stopped=(0.0, 0.0), sessions=1, rate_per_s=2000.0, most_queued=50)
    run = few.write(tmp_path / "20261124T031500Z-quick", warm_up_s=2, run_time_s=12, members=1)
    of_run = benchmark.outcome_of
    monkeypatch.setattr(benchmark, "outcome_of", lambda _, *given, **more: of_run(run, *given, **more))
    spec = Specification("mine", "capacity", data="kept", objectives=("failures < 1%",))
    benchmarks = Benchmarks(tmp_path, tmp_path, Recorded(Path("/playbooks"), (), (), {}), spec, [])
    for idle_us, expected in ((600.0, True), (200.0, False), (None, False)):
        outcome = benchmarks.run(Request(2, Arm("a", {}), f"mine-02-{idle_us}", 2000.0, idle_us))
        assert (outcome.passed, outcome.load_limited) == (False, expected)


def test_a_step_that_loses_all_workers_is_limited_by_the_load_side(tmp_path: Path) -> None:
    reason = {"severity": "void", "rule": "all-workers-lost", "text": "All 2 workers were lost."}
    (tmp_path / "report.json").write_text(json.dumps({"verdict": {"verdict": "void", "reasons": [reason]}}))
    outcome = benchmark.outcome_of(tmp_path, 1.0, ["p99 < 5ms"])
    assert (outcome.verdict, outcome.load_limited, outcome.passed) == ("void", True, None)
    assert not benchmark.outcome_of(tmp_path, 1.0, []).load_limited


def test_a_run_without_its_faults_is_void_where_they_are_the_question(tmp_path: Path) -> None:
    reason = {"severity": "inconclusive", "rule": "faults-not-done", "text": "1 of 2 planned faults were not done."}
    content: dict[str, Any] = {"verdict": {"verdict": "inconclusive", "reasons": [reason]}, "faults": [{"number": 1}]}

    def outcome(content: dict[str, Any], *, has_faults: bool) -> Outcome:
        (tmp_path / "report.json").write_text(json.dumps(content))
        return benchmark.outcome_of(tmp_path, 1.0, [], has_faults=has_faults)

    assert outcome(content, has_faults=False).verdict == "inconclusive"
    found = outcome(content, has_faults=True)
    assert (found.verdict, found.reasons[0]) == ("void", "1 of 2 planned faults were not done.")
    done = {"verdict": {"verdict": "valid", "reasons": []}}
    assert outcome(done | {"faults": [{"number": 1}]}, has_faults=True).verdict == "valid"
    assert outcome(done | {"faults": []}, has_faults=True).reasons == ("it has no faults",)


def test_a_run_that_cannot_be_reported_is_void_and_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ReportingError("its samples are damaged")

    monkeypatch.setattr(benchmark, "outcome_of", fail)
    spec = Specification("mine", "compare", data="kept")
    benchmarks = Benchmarks(tmp_path, tmp_path, Recorded(Path("/playbooks"), (), (), {}), spec, [])
    outcome = benchmarks.run(Request(1, Arm("a", {}), "mine-01-a"))
    assert (outcome.run_id[-6:], outcome.verdict) == ("-quick", "void")
    assert outcome.reasons == ("it cannot be reported: its samples are damaged",)


def test_data_is_kept_if_the_experiment_says_so(tmp_path: Path) -> None:
    recorded = Recorded(Path("/playbooks"), (), (), {})
    recorded.called.clear()
    spec = Specification("mine", "compare", data="kept")
    Benchmarks(tmp_path, tmp_path, recorded, spec, []).run(Request(1, Arm("a", {}), "mine-01-a"))
    assert recorded.called == [("benchmark", "a")]
