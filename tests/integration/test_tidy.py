"""`tidy.yml` where some hosts cannot be tidied: hosts that are this machine, with folders of their own."""

import json
import sys
import time
from pathlib import Path

import pytest

from fleet.run_record import close_record, open_record
from lab.plays import Fleet
from lab.zookeeper_server import free_ports

pytestmark = pytest.mark.integration


def test_a_dead_and_a_held_host_do_not_keep_the_others_from_being_tidied(tmp_path: Path) -> None:
    results = tmp_path / "results"
    run = close_record(open_record(results, "quick", "", 0))
    for name in ("load1", "load3"):
        (run / "logs" / name).mkdir(parents=True)
        (run / "logs" / name / "spec.json").write_text("{}")
        files = tmp_path / name / "load" / "runs" / run.name
        files.mkdir(parents=True)
        (files / "spec.json").write_text("{}")
    other = {"run_id": "other", "owner": "bob@desk", "since": "2026-11-24T03:15:00Z", "until": "2026-11-24T03:45:00Z"}
    (tmp_path / "load3" / "lease.json").write_text(json.dumps(other | {"until_s": time.time() + 600}))
    local = {"ansible_connection": "local"}
    dead = {"ansible_host": "127.0.0.1", "ansible_port": free_ports(1)[0]}
    hosts = {name: local | {"load_host_state_dir": str(tmp_path / name)} for name in ("load1", "load3")} | {
        "load2": dead
    }
    fleet = Fleet(tmp_path, {
        "all": {"vars": {"benchmark_results_dir": str(results), "ansible_python_interpreter": sys.executable}},
        "zookeeper": {"hosts": {"zk1": local | {"zookeeper_state_dir": str(tmp_path / "zk1")}, "zk2": dead}},
        "locust_master": {"hosts": {"load1": None}},
        "locust_workers": {"hosts": hosts},
    })  # fmt: skip
    tidied = fleet.play("tidy").failed()
    assert f"load1: removed, all of it is here: {run.name}" in tidied.screen
    assert not (tmp_path / "load1/load/runs" / run.name).exists()
    assert "load3: is held by run other of bob@desk" in " ".join(tidied.screen.split())
    assert (tmp_path / "load3/load/runs" / run.name).exists()
    for name in ("load2", "zk2"):
        assert f"{name}: cannot be reached, so it was not tidied" in " ".join(tidied.screen.split())
