"""Plans that preflight refuses, because faults would meet, meet nobody, not end in time, or take the majority."""

from typing import Any

import pytest

from tests.unit.load.test_faults import FIVE, RUN_S, THREE, planned, refused
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.faults.reading import read_faults
from zk_locust.contract.faults.targets import clock_stepped

ONE = FaultFleet(("zk1",), load_hosts=("load1",))
TWO = FaultFleet(("zk1", "zk2"), load_hosts=("load1",))
FOUR = FaultFleet(("a", "b", "c", "d"), load_hosts=("load1",))
WATCHED = FaultFleet(("zk1", "zk2", "watcher"), frozenset({"watcher"}), load_hosts=("load1",))
STEP: dict[str, Any] = {"do": "clock-step", "by": "2s", "for": 20}
RECONFIGURE: dict[str, Any] = {"do": "reconfigure", "for": 20, "allow_no_quorum": True}


def test_clocks_are_stepped_of_whom_the_plan_names_or_of_all() -> None:
    steps = [STEP | {"at": 1, "target": "zk1"}, STEP | {"at": 2, "target": "zk3"}]
    assert clock_stepped(planned(steps), THREE) == {"zk1", "zk3"}
    assert clock_stepped(planned([STEP | {"at": 1, "target": "follower"}]), THREE) == {"zk1", "zk2", "zk3"}
    assert clock_stepped(planned([{"at": 1, "do": "kill", "target": "leader"}]), THREE) == frozenset()
