"""A run that was complete when its controller was killed, before the experiment could note it."""

import json
from collections.abc import Sequence
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


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An experiment whose third run is complete, and not noted; beside a run that has nothing to do with it."""
    folder = begin(tmp_path)

    def run_one(request: Request) -> Outcome:
        if request.number == 3:
            leave_run(tmp_path, "20261124T000000Z-quick", request.label, "2026-11-24T00:00:00+00:00")  # an older one
            leave_run(tmp_path, "29261124T000000Z-quick", request.label, now())
            monkeypatch.setattr(manifest, "save", lambda *_: None)
            raise KilledError
        return Outcome(f"run-{request.number}", "valid", 10.0)

    with pytest.raises(KilledError):
        run(folder, ARMS, run_one, print)
    monkeypatch.undo()
    return folder


def leave_run(results: Path, run_id: str, label: str, started: str) -> None:
    (results / run_id).mkdir()
    about: dict[str, Any] = {"run_id": run_id, "label": label, "started": started, "state": "complete"}
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


def test_it_is_in_no_history_before_that(killed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, str] = {}
    build = histories.build

    def noting(runs: Sequence[RunSummary]) -> list[histories.History]:
        found.update({each.run_id: each.experiment for each in runs})
        return build(runs)

    monkeypatch.setattr(histories, "build", noting)
    write_start_page(killed.parent.parent)
    assert found == {"20261124T000000Z-quick": "", "29261124T000000Z-quick": "one"}


def test_an_experiment_that_is_interrupted_has_no_note_of_a_run(tmp_path: Path) -> None:
    folder = begin(tmp_path)

    def run_one(_: Request) -> Outcome:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(folder, ARMS, run_one, print)
    assert "running" not in manifest.load(folder)
