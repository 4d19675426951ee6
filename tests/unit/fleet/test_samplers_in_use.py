"""Which samplers `fab stop` ends on a member: only those that no other run needs."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet import load_hosts, samplers, stop
from fleet.controllers import process_start
from fleet.errors import HostError
from fleet.inventory import Inventory
from fleet.load_hosts import LoadHost

Started = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def fleet(tmp_path: Path, loaded: Callable[[dict[str, Any]], Inventory]) -> Inventory:
    """A member that is this machine, and a load host."""
    local = {"ansible_connection": "local"}
    return loaded({
        "zookeeper": {"hosts": {"zk1": local | {"zookeeper_state_dir": str(tmp_path)}}},
        "locust_master": {"hosts": {"load1": local}},
        "locust_workers": {"hosts": {"load1": None}},
    })  # fmt: skip


@pytest.fixture
def sampler(tmp_path: Path) -> Iterator[Started]:
    """Start stand-ins for samplers of runs: a process with a sampler's name and pid file."""
    started = []

    def start(run_id: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "host_metrics"])
        started.append(process)
        folder = tmp_path / "zookeeper" / "zk1" / "samples" / run_id
        folder.mkdir(parents=True)
        (folder / "zookeeper-host-metrics.pid").write_text(f"{process.pid} {process_start(process.pid)}\n")
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def hold(folder: Path, run_id: str, for_s: float = 600) -> None:
    (folder / "lease.json").write_text(json.dumps({"run_id": run_id, "until_s": time.time() + for_s}))


def has_ended(process: "subprocess.Popen[bytes]") -> bool:
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        return False
    return True


def goes_on(process: "subprocess.Popen[bytes]") -> bool:
    try:
        process.wait(0.5)
    except subprocess.TimeoutExpired:
        return True
    return False


def test_the_sampler_of_the_run_that_holds_the_member_goes_on(
    fleet: Inventory, sampler: Started, tmp_path: Path
) -> None:
    of_holder, left_behind = sampler("holder"), sampler("left-behind")
    hold(tmp_path, "holder")
    assert samplers.end(fleet) == ["zk1"]
    assert has_ended(left_behind)
    assert goes_on(of_holder)
    assert samplers.end(fleet, ["another"]) == []
    assert samplers.end(fleet, ["holder"]) == ["zk1"], "the run has been ended"
    assert has_ended(of_holder)


def test_a_lease_that_is_over_keeps_no_sampler(fleet: Inventory, sampler: Started, tmp_path: Path) -> None:
    process = sampler("holder")
    hold(tmp_path, "holder", for_s=-1)
    assert samplers.end(fleet) == ["zk1"]
    assert has_ended(process)


@pytest.mark.parametrize("answer", ["not reached", "failed"])
def test_samplers_go_on_while_a_run_may_still_load(
    fleet: Inventory, sampler: Started, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    process = sampler("run")
    overview = {"runs": [{"run_id": "run", "state": "running"}]}
    looked = LoadHost("load1", ("master", "workers"), "/folder", overview=overview)
    if answer == "not reached":
        looked = LoadHost("load1", ("master", "workers"), problem="no route", reached=False)

    def refuse(*_: Any) -> Any:
        raise HostError("run could not be ended")

    monkeypatch.setattr(stop, "look", lambda _: [looked])
    monkeypatch.setattr(load_hosts, "stop", refuse)
    said: list[str] = []
    assert stop.stop(fleet, said.append) == 1
    assert goes_on(process)
    assert "Samplers on members continue: first, every load host must answer and end its runs." in said
