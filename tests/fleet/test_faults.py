"""Faults on real hosts with systemd and nftables: a leader that is cut off, packets that are lost, a killed process."""

import re

import pytest

from reporting import judge_run
from tests.fleet.lab_fleet import LabFleet

pytestmark = pytest.mark.fleet

FAULTS = [
    {"at": "3s", "do": "partition", "target": "leader", "for": "14s"},  # members notice after 10 s (syncLimit)
    {"at": "22s", "do": "loss", "target": "follower", "from": "load", "percent": 30, "for": "2s"},
    {"at": "30s", "do": "kill", "target": "leader"},
]
OF_PACKETS_AND_CLIENTS = [
    {"at": "2s", "do": "delay", "target": "all", "from": "load", "latency": "60ms", "jitter": "10ms", "for": "4s"},
    {"at": "8s", "do": "bandwidth", "target": "all", "from": "load", "rate": "64KiB/s", "for": "2s"},
    {"at": "12s", "do": "drop-connections", "target": "all"},
    {"at": "15s", "do": "expire-sessions", "target": "all", "percent": 50},
    {"at": "18s", "do": "partition", "target": "load", "from": "leader", "way": "in", "for": "1s"},
]
LEFT = "nft list tables; systemctl list-units --all --no-legend 'zk-locust-fault-*'; tc qdisc show; ip -o link"
OURS = r"zk.locust.fault|7a6b:|zk[ft][0-9a-f]{12}"


def assert_nothing_is_left(fleet: LabFleet) -> None:
    for name in fleet.members:
        left = fleet.lab.hosts[name].run(LEFT).stdout
        assert not re.search(OURS, left), left


def test_network_faults_and_a_kill_under_systemd_heal_and_are_measured(fleet: LabFleet) -> None:
    fleet.set_scenario(
        run_time="38s", users=8, spawn_rate=8, parameters={"client": "native", "stats-collect": 500}, faults=FAULTS
    )
    fleet.play("benchmark").succeeded()
    manifest = fleet.manifest()
    assert manifest["faults_not_done"] == []
    noted = sorted((fault for found in manifest["faults"].values() for fault in found), key=lambda one: one["number"])
    assert [(fault["do"], fault["state"], fault["error"]) for fault in noted] == [
        ("partition", "healed", ""), ("loss", "healed", ""), ("kill", "healed", ""),
    ]  # fmt: skip
    assert noted[0]["lasted_s"] >= 14
    assert noted[1]["lasted_s"] >= 2
    parted, _, killed = judge_run(fleet.the_run()).recoveries
    assert parted.after_leader_s is not None
    assert parted.after_write_s is not None
    assert killed.after_write_s is not None
    assert killed.session_silence_s is not None
    assert parted.moved  # sessions of the members that lost their leader
    assert_nothing_is_left(fleet)
    assert {*fleet.modes().values()} == {"leader", "follower"}


def test_packets_are_late_and_slow_and_clients_lose_connections_and_sessions(fleet: LabFleet) -> None:
    fleet.set_scenario(
        run_time="22s",
        users=9,
        spawn_rate=9,
        parameters={"client": "native", "stats-collect": 500, "val-size": 512},
        faults=OF_PACKETS_AND_CLIENTS,
    )
    fleet.play("benchmark").succeeded()
    manifest = fleet.manifest()
    assert manifest["faults_not_done"] == []
    noted = [fault for found in manifest["faults"].values() for fault in found]
    assert {(fault["state"], fault["error"]) for fault in noted} == {("healed", "")}
    met = {
        number: sum(fault["met"] for fault in noted if fault["number"] == number)
        for number in range(1, len(OF_PACKETS_AND_CLIENTS) + 1)
    }
    assert all(met.values()), met
    assert met[3] >= 9
    assert met[4] >= 4
    late, slow, *_ = judge_run(fleet.the_run()).recoveries
    assert late.silence_s is not None
    assert 0.1 <= late.silence_s < late.end_s - late.start_s  # later both ways, and not lost
    assert slow.silence_s is not None
    assert_nothing_is_left(fleet)
    assert "" not in fleet.modes().values()
