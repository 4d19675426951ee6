"""An experiment that ends too early has the report of what its runs say so far."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.errors import FleetError
from fleet.experiments import manifest
from fleet.experiments.conduct import Wish, conduct
from fleet.experiments.runner import Outcome, Request
from tests.unit.experiments.controller import Controller
from tests.unit.experiments.folders import row

SHORT = {"benchmark_run_time": "2s", "benchmark_warmup": "1s"}
KILL = [{"at": "1s", "do": "kill", "target": "leader"}]
HEAPS = {"small": {"zookeeper_heap": "300m"}, "large": {"zookeeper_heap": "1g"}}
KINDS: dict[str, dict[str, Any]] = {
    "compare": {"arms": HEAPS},
    "noise": {},
    "matrix": {"grid": {"benchmark_users": [1, 2]}},
    "capacity": {"objectives": ["p99 < 1s"]},
    "recovery": {"variables": SHORT | {"benchmark_faults": KILL}, "arms": HEAPS},
}


def ended(folder: Path, kind: str, after: int, error: BaseException) -> tuple[str, Path]:
    """Return the message of an experiment that ends after so many runs, and its folder."""
    controller = Controller(folder)

    def benchmark(request: Request) -> Outcome:
        if request.number > after:
            raise error
        run = controller.results / f"run-{request.number}"
        run.mkdir(parents=True)
        report = {"schema_version": 1, "total": row("all operations", 100, 5000), "operations": []}
        (run / "report.json").write_text(json.dumps(report))
        passed = True if request.rate_per_s else None
        return Outcome(run.name, "valid", 1.0, passed=passed, step={"objectives": []})

    controller.file.write_text(yaml.safe_dump({"kind": kind, "scenario": "quick", "variables": SHORT} | KINDS[kind]))
    wish = Wish(experiment=str(controller.file), experiment_id="one")
    with pytest.raises(FleetError) as caught:
        conduct(wish, controller.playbooks, controller.said.append, benchmark)
    return str(caught.value), controller.results / "experiments" / "one"


@pytest.mark.parametrize("after", [0, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_experiment_has_a_report_and_its_message_names_it(tmp_path: Path, kind: str, after: int) -> None:
    said, folder = ended(tmp_path, kind, after, KeyboardInterrupt())
    assert said.startswith("experiment one was interrupted; continue it with -e experiment_resume=one -i ")
    assert said.endswith(f"so far is in {folder}/experiment.html, and `fab report --experiment one` shows it")
    assert "interrupted" in (folder / "experiment.md").read_text()
    assert json.loads((folder / "experiment.json").read_text())["state"] == "interrupted"


def test_an_experiment_that_failed_has_a_report_too(tmp_path: Path) -> None:
    said, folder = ended(tmp_path, "compare", 2, FleetError("the members' data could not be removed"))
    assert said.startswith("the members' data could not be removed; what its runs say so far is in ")
    assert (folder / "experiment.html").exists()
    assert manifest.load(folder)["state"] == "interrupted"


def test_a_report_that_cannot_be_written_does_not_hide_the_end(tmp_path: Path) -> None:
    def benchmark(_: Request) -> Outcome:
        (tmp_path / "results" / "experiments" / "one" / "experiment.html").mkdir()
        raise KeyboardInterrupt

    controller = Controller(tmp_path)
    controller.file.write_text(yaml.safe_dump({"kind": "noise", "scenario": "quick", "variables": SHORT}))
    with pytest.raises(FleetError, match=r"was interrupted; .*; its report cannot be written: the report cannot"):
        conduct(Wish(experiment=str(controller.file), experiment_id="one"), controller.playbooks, print, benchmark)
