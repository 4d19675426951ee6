"""Operations of administrators under load, on a real ensemble of this machine: upgrades and replaced members."""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests import waiting
from tests.integration.local_fleet import LocalFleet, local_fleet
from tests.needs import require_zookeeper
from tests.stand_in_archive import stand_in_archive

pytestmark = pytest.mark.integration

LIMIT_S = 300
FIRST, SECOND = "3.9.8", "3.9.9"
"""Stand-ins: their archives hold the jars of this machine's package."""
PASSWORD = "sesame, open"
SCENARIO: dict[str, Any] = {
    "locustfile": "locust_set_and_get.py",
    "users": 4,
    "spawn_rate": 8,
    "warmup": "1s",
    "run_time": "40s",
    "parameters": {"client": "native", "min-wait": "10ms", "max-wait": "20ms", "val-size": 64, "stats-collect": 500},
    "faults": [
        {"at": "2s", "do": "replace-member", "target": "follower"},
        {"at": "10s", "do": "reconfigure", "target": "leader", "for": "3s", "change": "role", "allow_no_quorum": True},
        {"at": "18s", "do": "rolling-upgrade", "to": FIRST, "allow_no_quorum": True},
    ],
}


@pytest.fixture(scope="module")
def fleet() -> Iterator[LocalFleet]:
    require_zookeeper()
    with local_fleet(SCENARIO) as fleet:
        for release in (FIRST, SECOND):
            stand_in_archive(fleet.folder, release)
        named = "{{ zookeeper_version | default('none') }}"
        fleet.inventory["all"]["vars"] |= {
            "zookeeper_archive_url": f"file://{fleet.folder}/apache-zookeeper-{named}-bin.tar.gz",
            "zookeeper_archive_checksum": "",
            "zookeeper_archive_cache": str(fleet.folder / "cache"),
            "zookeeper_properties": {"reconfigEnabled": True},
            "zookeeper_super_password": PASSWORD,
        }
        yield fleet


def releases(fleet: LocalFleet) -> set[str]:
    """Return the releases whose jars the members' processes have on their class path."""
    members = [process for process in fleet.processes() if "java" in process.name()]
    return {_release(fleet, process.cmdline()) for process in members}


def _release(fleet: LocalFleet, words: list[str]) -> str:
    path = words[words.index("-cp") + 1]
    found = re.search(rf"{fleet.state}/zookeeper/(\w+)/current", path)
    return (fleet.state / "zookeeper" / found[1] / "current").resolve().name if found else "package"


def active(fleet: LocalFleet) -> list[Path]:
    """Return the notes of steps that are not completed."""
    return list(fleet.state.glob("zookeeper/*/faults/notes/*.active"))


def begun(fleet: LocalFleet) -> bool:
    """Whether a step is being done: its deadline is set, and its note has its beginning."""
    for file in active(fleet):
        with contextlib.suppress(FileNotFoundError):  # it is completed meanwhile
            if json.loads(file.read_text())["began"] is not None:
                return True
    return False


def planted(fleet: LocalFleet, name: str) -> Path:
    """Return a file among a member's data, which ZooKeeper does not touch."""
    return fleet.state / "zookeeper" / name / "data" / "planted"


@pytest.fixture(scope="module")
def run(fleet: LocalFleet) -> Path:
    """Return the folder of a complete run with a replaced follower and an upgrade."""
    fleet.provision(zookeeper_keep_running=True).succeeded()
    for name in fleet.members:
        planted(fleet, name).touch()
    play = fleet.play("benchmark", zookeeper_keep_running=True).succeeded()
    assert PASSWORD not in play.screen
    assert re.search(rf"fault 3: rolling-upgrade to {FIRST}: (zk\d(, )?){{3}}", play.screen), play.screen
    return (fleet.results / "latest").resolve()


def test_a_replaced_member_and_upgraded_members_serve_again(fleet: LocalFleet, run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["faults_not_done"] == []
    noted = [fault for found in manifest["faults"].values() for fault in found]
    assert sorted(fault["do"] for fault in noted) == ["reconfigure", "replace-member", *["rolling-upgrade"] * 3]
    assert {(fault["state"], fault["error"]) for fault in noted} == {("healed", "")}
    assert all(fault["lasted_s"] > 0 for fault in noted)
    assert all(fault["release"] for fault in noted if fault["do"] != "reconfigure")
    upgraded = sorted((fault["began"], fault["member"]) for fault in noted if fault["do"] == "rolling-upgrade")
    assert {*fleet.modes().values()} == {"leader", "follower"}
    assert len(upgraded) == 3
    assert releases(fleet) == {FIRST}
    (replaced,) = (fault["member"] for fault in noted if fault["do"] == "replace-member")
    assert [name for name in fleet.members if not planted(fleet, name).exists()] == [replaced]


def test_the_password_is_neither_in_the_results_nor_left_on_a_host(fleet: LocalFleet, run: Path) -> None:
    files = [file for folder in (run, fleet.state) for file in folder.rglob("*") if file.is_file()]
    assert len(files) > 20
    assert [file for file in files if PASSWORD.encode() in file.read_bytes()] == []
    assert "(secret)" in (run / "logs" / "zk1" / "zoo.cfg").read_text()


def test_a_step_is_completed_when_its_controller_is_killed(fleet: LocalFleet, run: Path) -> None:
    assert run.is_dir()
    faults = [{"at": "1s", "do": "rolling-upgrade", "to": SECOND}]
    play = fleet.begin(
        "benchmark",
        zookeeper_keep_running=True,
        benchmark_faults=faults,
        benchmark_scenario_faults=False,
        zookeeper_version=FIRST,
    )
    waiting.until(lambda: begun(fleet) or play.poll() is not None, limit_s=LIMIT_S, explain=fleet.screen)
    for process in [psutil.Process(play.pid), *psutil.Process(play.pid).children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()  # its workers too, and what they have asked of the host
    play.wait()
    waiting.until(lambda: not active(fleet), limit_s=LIMIT_S, explain=fleet.screen)
    assert releases(fleet) == {FIRST, SECOND}
    waiting.until(lambda: {*fleet.modes().values()} == {"leader", "follower"}, limit_s=LIMIT_S)
    fleet.play("collect", zookeeper_keep_running=True).succeeded()
    # The inventory is what the members have after the next provisioning.
    fleet.provision(zookeeper_keep_running=True).succeeded()
    assert releases(fleet) == {"package"}
