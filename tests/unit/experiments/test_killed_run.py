"""A run that was complete when its controller was killed, before the experiment could note it."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fleet.experiments import manifest
from fleet.experiments.runner import Outcome, Request, run
from fleet.run_record import now
from reporting import write_start_page
from reporting.analyse import histories
from reporting.analyse.run_summary import RunSummary
from tests.unit.experiments.test_runner import ARMS, Scripted, begin


class KilledError(BaseException):
    """Stands for SIGKILL: nothing is saved after it."""


def begin_and_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[Request], None]) -> Path:
    """Begin an experiment, and kill its controller in the third run, after `meanwhile`."""
    folder = begin(tmp_path)

    def run_one(request: Request) -> Outcome:
        if request.number == 3:
            meanwhile(request)
            monkeypatch.setattr(manifest, "save", lambda *_: None)
            raise KilledError
        return Outcome(f"run-{request.number}", "valid", 10.0)

    with pytest.raises(KilledError):
        run(folder, ARMS, run_one, print)
    monkeypatch.undo()
    return folder


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An experiment whose third run is complete, and not noted; beside a run that has nothing to do with it."""

    def leave_runs(request: Request) -> None:
        leave_run(tmp_path, "20261124T000000Z-quick", request.label, "2026-11-24T00:00:00+00:00")  # an older one
        leave_run(tmp_path, "29261124T000000Z-quick", request.label, now())

    return begin_and_kill(tmp_path, monkeypatch, leave_runs)


@pytest.fixture
def killed_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An experiment whose controller was killed before its third run had a folder."""
    return begin_and_kill(tmp_path, monkeypatch, lambda _: None)


def leave_experiment(results: Path, name: str, **content: Any) -> None:
    """Leave another experiment from the same file, so that its runs have the same labels."""
    folder = results / "experiments" / name
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps({"experiment_id": name, "started": now(), "runs": [], **content}))


def taken(folder: Path) -> list[str]:
    """Continue an experiment; return the runs that it had not asked for."""
    run(folder, ARMS, Scripted(), print)
    return [entry["run_id"] for entry in manifest.load(folder)["runs"] if not entry["run_id"].startswith("run-")]


def experiments_of_runs(results: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return to which experiment the start page counts each run, if to any."""
    found: dict[str, str] = {}
    build = histories.build

    def noting(runs: Sequence[RunSummary]) -> list[histories.History]:
        found.update({each.run_id: each.experiment for each in runs})
        return build(runs)

    monkeypatch.setattr(histories, "build", noting)
    write_start_page(results)
    return found


def leave_run(results: Path, run_id: str, label: str, started: str, ended: str | None = None) -> None:
    (results / run_id).mkdir()
    about: dict[str, Any] = {"run_id": run_id, "label": label, "started": started, "ended": ended, "state": "complete"}
    about |= {"scenario": {"name": "quick", "users": 8}, "inventory": {"groups": {"zookeeper": ["zk1"]}, "hosts": {}}}
    (results / run_id / "manifest.json").write_text(json.dumps(about))
    report = {"total": {"rate_per_s": 100.0, "p99_us": 5000.0, "failures": 0}, "verdict": {"verdict": "valid"}}
    (results / run_id / "report.json").write_text(json.dumps(report))


def test_it_belongs_to_the_experiment_when_that_is_continued_and_does_not_count(killed: Path) -> None:
    run(killed, ARMS, Scripted(), print)
    content = manifest.load(killed)
    third = content["runs"][2]
    assert (third["number"], third["run_id"], third["counts"]) == (3, "29261124T000000Z-quick", False)
    assert third["reasons"] == ["the controller was killed before it noted the end of this run"]
    assert (content["state"], len(content["runs"])) == ("finished", 11)
    assert "running" not in content
    assert not any(entry["run_id"] == "20261124T000000Z-quick" for entry in content["runs"])


@pytest.mark.parametrize(
    ("after_s", "took_s"),
    [(7.0, 7.0), (5 * 3600.0, 40.0), (None, 0.0)],
    ids=["its time", "collected hours later: as long as a run was expected to take", "without an end"],
)
def test_its_time_counts_for_the_budget(
    killed_early: Path, tmp_path: Path, after_s: float | None, took_s: float
) -> None:
    note = manifest.load(killed_early)["running"]
    began = datetime.fromisoformat(note["began"])
    ended = None if after_s is None else (began + timedelta(seconds=after_s)).isoformat(timespec="microseconds")
    leave_run(tmp_path, "29261124T000000Z-quick", note["label"], (began + timedelta(seconds=1)).isoformat(), ended)
    run(killed_early, ARMS, Scripted(), print)
    entry = manifest.load(killed_early)["runs"][2]
    assert (entry["run_id"], entry["took_s"]) == ("29261124T000000Z-quick", took_s)


def test_it_is_in_no_history_before_that(killed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = experiments_of_runs(killed.parent.parent, monkeypatch)
    assert found == {"20261124T000000Z-quick": "", "29261124T000000Z-quick": "one"}


def test_a_run_of_another_experiment_with_the_same_label_is_not_taken(killed_early: Path, tmp_path: Path) -> None:
    label = manifest.load(killed_early)["running"]["label"]
    leave_run(tmp_path, "29261124T000000Z-quick", label, now())
    leave_experiment(tmp_path, "two", runs=[{"run_id": "29261124T000000Z-quick"}])
    assert taken(killed_early) == []


def test_of_experiments_that_were_killed_each_has_its_own_run(
    killed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label = manifest.load(killed)["running"]["label"]
    leave_experiment(tmp_path, "two", running={"label": label, "began": now()})
    leave_run(tmp_path, "29261125T000000Z-quick", label, now())
    leave_experiment(tmp_path, "ten", running={"label": label, "began": now()})  # killed before its run had a folder
    found = experiments_of_runs(tmp_path, monkeypatch)
    assert found == {
        "20261124T000000Z-quick": "", "29261124T000000Z-quick": "one", "29261125T000000Z-quick": "two",
    }  # fmt: skip
    assert taken(killed) == ["29261124T000000Z-quick"]


def test_the_run_of_an_experiment_that_was_killed_later_is_not_taken(killed_early: Path, tmp_path: Path) -> None:
    label = manifest.load(killed_early)["running"]["label"]
    leave_experiment(tmp_path, "two", running={"label": label, "began": now()})
    leave_run(tmp_path, "29261125T000000Z-quick", label, now())
    assert taken(killed_early) == []


def test_one_run_at_most_belongs_to_an_experiment_that_was_killed(
    killed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label = manifest.load(killed)["running"]["label"]
    leave_run(tmp_path, "29261126T000000Z-quick", label, now())  # of a benchmark with that label
    found = experiments_of_runs(tmp_path, monkeypatch)
    assert (found["29261124T000000Z-quick"], found["29261126T000000Z-quick"]) == ("one", "")


def test_an_experiment_that_is_interrupted_has_no_note_of_a_run(tmp_path: Path) -> None:
    folder = begin(tmp_path)

    def run_one(_: Request) -> Outcome:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(folder, ARMS, run_one, print)
    assert "running" not in manifest.load(folder)
