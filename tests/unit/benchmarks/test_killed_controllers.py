"""Faults whose controller is killed: what is tried, and how it is told."""

import pytest

from benchmarks import killed_controllers
from benchmarks.killed_controllers import TRIALS, Row, markdown, printed
from zk_locust.contract.faults.actions import ACTIONS, CLOCK_STEP
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.faults.lists import read_faults

MEMBERS = ("zk1", "zk2", "zk3")
FLEET = FaultFleet(MEMBERS, load_hosts=("load1", "load2"), powered=frozenset(MEMBERS))


@pytest.mark.parametrize("name", TRIALS)
def test_the_faults_of_each_trial_can_be_done(name: str) -> None:
    planned, problems = read_faults(TRIALS[name], FLEET, run_time_s=60)
    assert problems == []
    assert len(planned) == len(TRIALS[name])


def test_each_action_is_tried_but_that_of_a_clock_which_a_container_does_not_have() -> None:
    assert {fault["do"] for faults in TRIALS.values() for fault in faults} == set(ACTIONS) - {CLOCK_STEP}


def test_a_table_tells_what_lasted_and_what_was_left() -> None:
    rows = [
        Row("network", "partition", "zk1", 12.0, 12.6, "healed", holds=True),
        Row("network", "until all serve", "all", None, 20.0, "zk1: table inet zk_locust_fault", holds=False),
    ]
    shown = printed(rows)
    assert "lasted / to last: 1.05 to 1.05" in shown
    assert "does not hold" in shown
    assert "| network | partition | zk1 | 12.00 | 12.60 | healed |" in markdown(rows)


def test_an_unknown_trial_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["killed_controllers", "--trials", "network,disk"])
    with pytest.raises(SystemExit):
        killed_controllers.main()
    assert "--trials [disk]: there is no such trial; there are: processes, network" in capsys.readouterr().err
