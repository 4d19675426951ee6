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
LEFT = "nft list tables; systemctl list-units --all --no-legend 'zk-locust-fault-*'"


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
    for name in fleet.members:
        left = fleet.lab.hosts[name].run(LEFT).stdout
        assert not re.search(r"zk.locust.fault", left), left
    assert {*fleet.modes().values()} == {"leader", "follower"}
