"""Planned faults on a real ensemble of this machine: done, healed by the members' own hosts, and measured."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet.heal import heal
from fleet.inventory import Inventory
from reporting import judge_run
from tests import waiting
from tests.integration.local_fleet import LocalFleet, local_fleet
from tests.needs import require_zookeeper

pytestmark = pytest.mark.integration

LIMIT_S = 120
SCENARIO: dict[str, Any] = {
    "locustfile": "locust_set_and_get.py",
    "users": 4,
    "spawn_rate": 8,
    "warmup": "1s",
    "run_time": "22s",
    "parameters": {"client": "native", "min-wait": "10ms", "max-wait": "20ms", "val-size": 64, "stats-collect": 500},
    "faults": [
        {"at": "4s", "do": "kill", "target": "leader"},
        {"at": "12s", "do": "gc", "target": "follower"},
        {"at": "14s", "do": "pause", "target": "leader", "for": "3s"},
        {"at": "20s", "do": "expire-sessions", "target": "all", "percent": 50},
    ],
}


@pytest.fixture(scope="module")
def fleet() -> Iterator[LocalFleet]:
    require_zookeeper()
    with local_fleet(SCENARIO) as fleet:
        yield fleet


def active(fleet: LocalFleet) -> list[Path]:
    """Return the notes of faults that are not healed."""
    return list(fleet.state.glob("zookeeper/*/faults/notes/*.active"))


def notes(fleet: LocalFleet) -> list[dict[str, Any]]:
    files = fleet.state.glob("zookeeper/*/faults/notes/*.json")
    return [json.loads(file.read_text()) for file in files]


@pytest.fixture(scope="module")
def run(fleet: LocalFleet) -> Path:
    """Return the folder of a complete run with a killed and a paused leader."""
    play = fleet.play("benchmark", zookeeper_keep_running=True).succeeded()
    assert re.search(r"fault 1: kill leader: zk\d", play.screen)
    return (fleet.results / "latest").resolve()


def test_a_run_with_faults_is_measured_and_not_held_against_itself(run: Path) -> None:
    judged = judge_run(run)
    killed, collected, paused, expired = judged.recoveries
    assert (killed.title, collected.title, paused.title) == ("kill leader", "gc follower", "pause leader for 3 s")
    assert killed.members != ()
    assert killed.after_leader_s is not None  # another member led, or the same one again
    assert killed.after_write_s is not None
    assert killed.rate_before_per_s
    assert paused.silence_s is not None
    assert paused.silence_s >= 2  # nobody else leads within 3 s, so writes wait
    assert expired.met
    assert paused.session_silence_s is not None
    assert paused.session_silence_s >= 2
    assert paused.session_answered
    assert (paused.lost, killed.censored) == (0, 0)
    assert killed.moved is not None
    reasons = {reason.rule: reason.severity for reason in judged.verdict.reasons}
    assert reasons["faults"] == "note"
    assert not {"faults-not-done", "fault-not-healed", "fault-met-nothing", "figures-disagree", "stalls"} & {*reasons}
    told = json.loads((run / "report.json").read_text())["faults"]
    assert [fault["title"] for fault in told] == [each.title for each in judged.recoveries]
    full = [line for line in gc_log(run, *collected.members).splitlines() if "Diagnostic Command" in line]
    assert full


def test_begin_and_end_are_events_by_the_hosts_clock(fleet: LocalFleet, run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    noted = sorted((fault for found in manifest["faults"].values() for fault in found), key=lambda one: one["number"])
    assert [(fault["do"], fault["state"]) for fault in noted] == [
        *[("kill", "healed"), ("gc", "healed"), ("pause", "healed")],
        *[("expire-sessions", "healed")] * len(fleet.members),
    ]
    assert all(fault["error"] == "" for fault in noted)
    assert sum(fault["met"] for fault in noted[3:]) >= 2  # half of the sessions of four users
    assert noted[2]["lasted_s"] >= 3
    assert manifest["faults_not_done"] == []
    rows = [line.split(",") for line in (run / "events.csv").read_text().splitlines() if ",fault," in line]
    assert sorted((row[0], row[1], row[6]) for row in rows) == sorted(
        (fault["began"], fault["member"], fault["member"]) for fault in noted
    )


def test_nothing_is_left_on_the_hosts(fleet: LocalFleet, run: Path) -> None:
    assert run.is_dir()
    assert active(fleet) == []
    assert notes(fleet) == []  # the controller has them
    assert {*fleet.modes().values()} == {"leader", "follower"}


def gc_log(run: Path, member: str) -> str:
    return "".join(file.read_text(errors="replace") for file in (run / "logs" / member).glob("gc.log*"))


def begin_and_kill_the_controller(fleet: LocalFleet, for_s: int) -> None:
    """Kill the controller of a run while the leader is paused."""
    faults = [{"at": "1s", "do": "pause", "target": "leader", "for": f"{for_s}s"}]
    play = fleet.begin(
        "benchmark", zookeeper_keep_running=True, benchmark_faults=faults, benchmark_scenario_faults=False
    )
    waiting.until(lambda: active(fleet) or play.poll() is not None, limit_s=LIMIT_S, explain=fleet.screen)
    assert active(fleet), fleet.screen()
    os.killpg(play.pid, signal.SIGKILL)
    play.wait()


def test_a_fault_heals_when_its_controller_is_killed(fleet: LocalFleet, run: Path) -> None:
    before = set(fleet.results.iterdir())
    begin_and_kill_the_controller(fleet, for_s=8)
    waiting.until(lambda: not active(fleet), limit_s=LIMIT_S)
    (healed,) = notes(fleet)
    assert healed["state"] == "healed"
    assert healed["lasted_s"] >= 8
    waiting.until(lambda: {*fleet.modes().values()} == {"leader", "follower"}, limit_s=LIMIT_S)
    fleet.play("collect", zookeeper_keep_running=True).succeeded()
    (folder,) = {one for one in set(fleet.results.iterdir()) - before if one.is_dir() and not one.name.startswith(".")}
    assert ",fault," in (folder / "events.csv").read_text()
    assert notes(fleet) == []
    assert run.is_dir()


PROGRAM = """
    disable_leader
    sleep 1000
    enable_all
    poll_up 0 100
    poll_up 1 100
    poll_up 2 100
    disable_follower
    # It stays away: its own host starts it at the end of the measured stage.
    sleep 100000
"""


def test_a_run_is_refused_while_a_fault_of_a_dispatcher_is_there_and_fab_heal_ends_it(
    fleet: LocalFleet, run: Path
) -> None:
    assert run.is_dir()
    before = set(fleet.results.iterdir())
    play = fleet.begin(
        "benchmark",
        zookeeper_keep_running=True,
        benchmark_scenario_faults=False,
        benchmark_run_time="60s",  # longer than a preflight
        benchmark_parameters={"zk-dispatch-program": PROGRAM},
    )
    second = "zookeeper/*/faults/notes/*.2.zk?.active"
    waiting.until(lambda: [*fleet.state.glob(second)] or play.poll() is not None, limit_s=LIMIT_S, explain=fleet.screen)
    os.killpg(play.pid, signal.SIGKILL)
    play.wait()
    assert active(fleet), fleet.screen()
    assert re.search(
        r"fault 1: the dispatcher disables (zk\d)\s+.*dispatcher: \1 is enabled", fleet.screen(), re.DOTALL
    )

    refused = fleet.play("preflight", zookeeper_keep_running=True).failed()
    assert re.search(r"zk\d: the fault \S+ is still in it; wait until it has healed by itself, or call", refused.screen)
    said: list[str] = []
    assert heal(Inventory.load([str(fleet.folder / "hosts.yml")]), said.append) == 0
    assert len(said) == 1
    assert re.fullmatch(r"  zk\d: healed: \S+", said[0])
    assert active(fleet) == []

    fleet.play("collect", zookeeper_keep_running=True).succeeded()
    (folder,) = {one for one in set(fleet.results.iterdir()) - before if one.is_dir() and not one.name.startswith(".")}
    manifest = json.loads((folder / "manifest.json").read_text())
    noted = sorted((fault for each in manifest["faults"].values() for fault in each), key=lambda one: one["number"])
    assert [(fault["do"], fault["state"], fault["asked_by"], fault["error"]) for fault in noted] == [
        ("stop", "healed", "dispatcher", "")
    ] * 2
    events = (folder / "events.csv").read_text()
    titles = [f"stop {fault['member']} by the dispatcher" for fault in noted]
    for fault, title in zip(noted, titles, strict=True):
        assert f",fault,{fault['member']},fault {fault['number']}: {title}," in events
    assert f",member-disabled,127.0.0.1:{fleet.port(noted[0]['member'])},it was leader," in events
    assert [each.title for each in judge_run(folder).recoveries] == titles


def test_bad_faults_are_refused_with_everything_else_before_anything_is_started(fleet: LocalFleet, run: Path) -> None:
    assert run.is_dir()
    faults = [
        {"at": "1s", "do": "kil", "target": "leadr"},
        {"at": "60s", "do": "kill", "target": "leader"},
        {"at": "1s", "do": "partition", "target": "leader", "for": "2s"},
    ]
    play = fleet.play("preflight", benchmark_faults=faults, benchmark_users=0).failed()
    for said in ("did you mean kill?", "did you mean leader?", "not before the end", "benchmark_users [0]"):
        assert said in play.screen
    play = fleet.play("preflight", benchmark_faults=faults[2:]).failed()
    assert "zk1, zk2, zk3 share an address" in play.screen


def test_the_detached_deadline_is_gone_with_its_fault(fleet: LocalFleet, run: Path) -> None:
    assert run.is_dir()
    left = [process.cmdline() for process in fleet.processes() if "java" not in process.name()]
    assert left == []
