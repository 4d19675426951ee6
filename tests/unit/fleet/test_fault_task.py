"""What the conductor of planned faults is given, by what the playbook has told."""

from typing import Any

import pytest

from fleet import fault_task
from fleet.fault_task import conductor_of
from zk_locust.contract.faults.planned import PlannedFault

HOSTS = ("zk1", "zk2", "zk3", "load1")


def conductor_given(monkeypatch: pytest.MonkeyPatch, plan: list[PlannedFault]) -> Any:
    """Return what a plan's conductor is given; the offsets of all hosts' clocks are known."""
    made: list[Any] = []
    monkeypatch.setattr(fault_task, "Conductor", lambda *given: made.append(given))
    monkeypatch.setattr(fault_task, "FaultHosts", lambda *_: None)
    place = {"launcher": "run", "address": "::1", "client_port": 2181, "admin": "", "start_timeout_s": 60}
    ports = {"client_port": 2181, "peer_port": 2888, "election_port": 3888, "admin_port": 8080}
    faults = {
        "run_id": "run",
        "plan": [fault.as_dict() for fault in plan],
        "run_time_s": 60.0,
        "members": [
            {"id": number, "name": name, "address": name, "bind_address": name, "peer_type": "participant", **ports}
            | {"waits_s": 10.0 - number}
            for number, name in enumerate(HOSTS[:3], 1)
        ],
        "places": dict.fromkeys(HOSTS[:3], place),
        "load_hosts": ["load1"],
        "workers": ["load1"],
    }
    conductor_of(faults, {name: {"preflight_clock": {"offset_ms": 5.0}} for name in HOSTS}, print, {})
    (given,) = made
    return given


@pytest.mark.parametrize(
    ("plan", "by_clock"),
    [
        ([PlannedFault(1, 5.0, "kill", ("leader",))], {*HOSTS}),
        ([PlannedFault(1, 5.0, "clock-step", ("zk1",), 3.0, amounts={"by_ms": 2000})], {"zk2", "zk3", "load1"}),
        ([PlannedFault(1, 5.0, "clock-step", ("leader",), 3.0, amounts={"by_ms": 2000})], {"load1"}),
    ],
)
def test_a_host_whose_clock_is_stepped_counts_seconds(
    monkeypatch: pytest.MonkeyPatch, plan: list[PlannedFault], by_clock: set[str]
) -> None:
    clock = conductor_given(monkeypatch, plan)[4]
    assert {name for name in HOSTS if "at" in clock.on_host(name, 5.0)} == by_clock


def test_the_conductor_knows_how_long_members_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = conductor_given(monkeypatch, [PlannedFault(1, 5.0, "kill", ("leader",))])[2]
    assert fleet.members == HOSTS[:3]
    assert fleet.waits_s == 7.0  # the shortest
