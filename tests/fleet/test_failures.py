"""What is lost in mid-run, on real hosts, and what the user gets: DESIGN's failure contract."""

import csv
import json
import os
import signal
import time

import pytest

from tests.fleet.lab_fleet import LabFleet, until
from zk_locust.contract.unreported import number_in

pytestmark = pytest.mark.fleet

# Longer than what is done to it takes to be noticed.
SCENARIO = {"users": 8, "spawn_rate": 8, "warmup": "1s", "run_time": "18s", "parameters": {"client": "native"}}


@pytest.fixture(autouse=True)
def long_enough(fleet: LabFleet) -> None:
    fleet.set_scenario(**SCENARIO)


def events(fleet: LabFleet) -> list[tuple[str, str]]:
    """Return what happened, and to whom."""
    return [(row["event"], row["subject"]) for row in csv.DictReader(fleet.events().splitlines())]


def assert_nothing_is_left(fleet: LabFleet) -> None:
    until(lambda: not any(fleet.run_processes(name) for name in fleet.load_hosts), limit_s=20)
    assert fleet.leases() == {}


def assert_unreported_operations_are_known_where_the_host_is(fleet: LabFleet) -> None:
    rows = [row for row in csv.DictReader(fleet.events().splitlines()) if row["event"] == "operations-unreported"]
    numbers = {row["subject"]: number_in(row["detail"]) for row in rows}
    # The worker may have been killed just after a report; then there is no event.
    assert numbers.pop("load2/worker-1", 0) is not None
    assert numbers == {"load3/worker-1": None, "load3/worker-2": None}
    assert fleet.lab.hosts["load2"].run("ls /dev/shm").stdout.strip() == ""


def test_a_worker_a_worker_host_and_a_member_are_lost_and_the_run_goes_on(fleet: LabFleet) -> None:
    fleet.vars["locust_processes"] = 2
    play = fleet.begin("run")
    try:
        fleet.wait_for_stage(play)
        fleet.kill("load2", "worker-1")
        fleet.lab.hosts["load3"].power_off()
        follower = next(name for name, mode in fleet.modes().items() if mode == "follower")
        fleet.lab.hosts[follower].run(f"systemctl kill --signal=KILL zookeeper-{follower}")
        play.wait(180)
    finally:
        fleet.end_process(play)
    assert "load3: its files could not be fetched, it cannot be reached" in fleet.screen()
    manifest = fleet.manifest()
    assert manifest["missing"] == ["load3: its files could not be fetched, it cannot be reached"]
    assert {name for event, name in events(fleet) if event == "worker-lost"} == {
        "load2/worker-1",
        "load3/worker-1",
        "load3/worker-2",
    }
    assert_unreported_operations_are_known_where_the_host_is(fleet)
    rules = {reason["rule"]: reason["text"] for reason in manifest["verdict"]["reasons"]}
    assert "an unknown number of operations (load3/worker-1, load3/worker-2)" in rules["operations-unreported"]
    assert manifest["verdict"]["verdict"] == "inconclusive"
    assert rules["worker-lost"].startswith("3 of 4 workers were lost")
    assert follower in rules["member-unreachable"]
    assert (fleet.the_run() / "logs" / "load2" / "worker-2.log").exists()
    assert_nothing_is_left(fleet)
    # The lease of a host that is gone is still there: it ends by itself, or with the next run of this controller.
    fleet.lab.hosts["load3"].start()
    assert set(fleet.leases()) == {"load3"}
    assert "is held by" not in fleet.play("preflight").screen


def test_the_master_is_lost_and_what_it_had_written_is_kept(fleet: LabFleet) -> None:
    play = fleet.begin("run")
    try:
        fleet.wait_for_stage(play)
        time.sleep(3)  # some figures
        fleet.kill("load1", "master")
        assert play.wait(180) != 0, fleet.screen()
    finally:
        fleet.end_process(play)
    assert "the Locust master did not end well" in fleet.screen()
    # The controller has finished the run by itself.
    assert fleet.manifest()["state"] == "failed"
    assert (fleet.the_run() / "locust-stats.csv").stat().st_size > 500
    assert_nothing_is_left(fleet)


def test_controller_and_ssh_are_lost_and_the_load_ends_by_itself_and_is_collected_later(fleet: LabFleet) -> None:
    fleet.set_scenario(**SCENARIO | {"run_time": "30s"})
    play = fleet.begin("run")
    try:
        fleet.wait_for_stage(play)
        os.killpg(play.pid, signal.SIGKILL)
        play.wait(60)
        # Meanwhile the hosts are the run's, whoever comes.
        refused = fleet.play("provision", "--limit", "locust_master").failed()
        (lease,) = {json.loads(text)["run_id"] for text in fleet.leases().values()}
        assert f"is held by run {lease} of " in refused.screen
        assert "since 20" in refused.screen
        for name in fleet.load_hosts:
            fleet.lab.hosts[name].run("systemctl stop ssh.socket ssh 2>/dev/null; pkill -KILL sshd || true")
    finally:
        fleet.end_process(play)
    until(lambda: not any(fleet.run_processes(name) for name in fleet.load_hosts), limit_s=120)
    assert fleet.runs() == set()
    for name in fleet.load_hosts:
        fleet.lab.hosts[name].run("systemctl start ssh")
    collected = fleet.play("collect").succeeded()
    assert f"Finishing {lease}" in collected.screen
    assert fleet.the_run().name == lease
    assert fleet.manifest()["state"] == "complete"
    assert_nothing_is_left(fleet)


def test_the_masters_host_is_cut_off_and_what_it_had_recorded_is_collected_when_it_is_back(fleet: LabFleet) -> None:
    fleet.set_scenario(**SCENARIO | {"run_time": "30s"})
    fleet.vars["benchmark_patience_s"] = 20  # SSH itself takes 15 s to see it
    play = fleet.begin("run")
    try:
        fleet.wait_for_stage(play)
        time.sleep(3)  # some figures
        fleet.lab.hosts["load1"].cut_network()
        # The host is there, silent: no packet says that the connection has ended.
        assert play.wait(180) != 0, fleet.screen()
    finally:
        fleet.end_process(play)
    assert "the master's host does not answer; asking again for 20 s" in fleet.screen()
    assert "its load ends by itself, and collect.yml fetches what it has recorded" in fleet.screen()
    assert fleet.runs() == set()
    until(lambda: not any(fleet.run_processes(name) for name in fleet.load_hosts), limit_s=120)
    fleet.lab.hosts["load1"].heal_network()
    fleet.play("collect").succeeded()
    assert fleet.manifest()["state"] == "failed"
    assert (fleet.the_run() / "locust-stats.csv").stat().st_size > 500
    assert_nothing_is_left(fleet)
