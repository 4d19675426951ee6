"""What is running on a load host, as the controller sees it."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.load_host import COMMAND, SLEEP, Host, script, until
from zk_locust.agent.process_identity import find
from zk_locust.contract import host_lease, run_files

pytestmark = pytest.mark.integration


def overview_of(folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [*COMMAND, "overview", "--state", str(folder)], capture_output=True, text=True, check=True, timeout=60
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def load_folder(tmp_path: Path) -> Iterator[Host]:
    """A host whose runs are where the role puts them."""
    host = Host(tmp_path / "runs")
    host.runs.mkdir()
    host.lock = tmp_path / "lock"
    yield host
    for file in host.runs.glob("*/spec.json"):
        host.stop(file.parent.name)


def test_an_overview_of_a_host_without_anything(tmp_path: Path) -> None:
    found = overview_of(tmp_path / "nowhere")
    assert (found["lock"], found["lease"], found["runs"]) == (None, None, [])
    assert found["host"]["cores"] >= 1
    assert len(found["host"]["load_average"]) == 3
    assert 0 <= found["host"]["cpu_percent"] <= 100
    assert 0 < found["host"]["memory_available_bytes"] < found["host"]["memory_total_bytes"]


def test_an_overview_shows_who_holds_the_host_and_what_the_processes_take(load_folder: Host) -> None:
    busy = script("while True: pass")
    load_folder.start(
        processes=[{"name": "master", "arguments": SLEEP}, {"name": "worker-1", "arguments": busy}], leader="master"
    )
    (load_folder.runs / "run" / "progress.json").write_text('{"stage": "measured"}')
    (load_folder.runs / "prepared only").mkdir()
    (load_folder.runs / "broken").mkdir()
    (load_folder.runs / "broken" / "status.json").write_text("{")
    found = overview_of(load_folder.runs.parent)
    assert found["lock"].startswith("run run of tester@here since 20")
    runs = {run["run_id"]: run for run in found["runs"]}
    assert {name: run["state"] for name, run in runs.items()} == {
        "broken": "unreadable",
        "prepared only": "absent",
        "run": "running",
    }
    assert (runs["run"]["owner"], runs["run"]["progress"]) == ("tester@here", {"stage": "measured"})
    master, worker = runs["run"]["processes"]
    assert (master["name"], worker["name"]) == ("master", "worker-1")
    assert master["cpu_percent"] < 5
    shares = [worker["cpu_percent"]]
    while max(shares) <= 20 and len(shares) < 10:  # others may have the cores for a moment
        (again,) = (run for run in overview_of(load_folder.runs.parent)["runs"] if run["run_id"] == "run")
        shares.append(again["processes"][1]["cpu_percent"])
    assert 20 < max(shares) <= 110, shares
    assert worker["rss_bytes"] > 1_000_000
    assert worker["open_files"] >= 3


def test_an_overview_shows_the_run_that_holds_the_host_before_its_load(tmp_path: Path) -> None:
    load = tmp_path / "load"
    load.mkdir()
    asked = {"run_id": "R9", "owner": "bob@desk", "controller": {}, "seconds": 600.0, "lock": "", "replaces": ""}
    host_lease.claim(tmp_path, asked, time.time())
    found = overview_of(load)
    assert found["lock"] is None, "nothing loads the host"
    assert (found["lease"]["run_id"], found["lease"]["owner"]) == ("R9", "bob@desk")
    assert found["lease"]["since"] < found["lease"]["until"]
    host_lease.claim(tmp_path, asked, time.time() - 601)
    assert overview_of(load)["lease"] is None, "it is over, whoever has forgotten it"
    (tmp_path / run_files.LEASE).write_text("{")
    assert overview_of(load)["lease"] is None


def test_a_lock_that_nobody_holds_is_none(load_folder: Host) -> None:
    load_folder.start(run_id="ended")
    load_folder.stop("ended")
    assert overview_of(load_folder.runs.parent)["lock"] is None
    status = load_folder.start(run_id="killed")
    killed = find(status["supervisor"])
    assert killed is not None
    killed.kill()
    until(lambda: find(status["supervisor"]) is None)
    assert "run killed" in load_folder.lock.read_text(), "the file still says so"
    found = overview_of(load_folder.runs.parent)
    assert found["lock"] is None
    assert {run["run_id"]: (run["state"], run["processes"]) for run in found["runs"]} == {
        "ended": ("ended", []),
        "killed": ("lost", []),
    }
    assert load_folder.start(run_id="next")["state"] == "running", "to have looked holds nobody up"


def test_a_fifo_in_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    run = tmp_path / "load" / "runs" / "R1"
    run.mkdir(parents=True)
    for file in (tmp_path / "load" / "lock", tmp_path / "lease.json", run / "status.json", run / "spec.json"):
        os.mkfifo(file)
    found = overview_of(tmp_path / "load")
    assert (found["lock"], found["lease"]) == (None, None)
    assert [(each["state"], each["owner"]) for each in found["runs"]] == [("unreadable", None)]
