"""The rule `leader-change`: polls of members and what their logs say."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reporting import judge_run
from tests.unit.reporting.changed_runs import add_events, election
from tests.unit.reporting.synthetic import Synthetic
from tests.unit.reporting.test_recovery import KILLED_S, faulty, stamp
from tests.unit.reporting.test_recovery import rules as rules_of
from tests.unit.reporting.test_verdict import rules, text

Poll = Callable[[str, float], dict[str, object]]


def counted(from_s: float) -> Poll:
    return lambda _member, at_s: {"looking_count": 1 if at_s < from_s else 2}


def led(from_s: float) -> Poll:
    """The leader before 3.6: zk1, from then on zk3."""
    return lambda member, at_s: {
        "server_state": "leader" if member == ("zk1" if at_s < from_s else "zk3") else "follower"
    }


@pytest.mark.parametrize(
    ("events", "poll", "held", "said"),
    [
        ([election("zk2", 20.0)], None, True, "there was an election, in which zk2 took part"),
        ([election("zk2", 20.0, None)], None, True, "zk2 took part"),
        ([election("zk2", 4.9), election("zk3", 4.9)], None, True, "zk2, zk3 took part"),  # until 5.1 s
        ([election("zk2", 3.0)], None, False, ""),  # in the warm-up
        ([election("zk2", 3.0, None)], None, False, ""),  # its end is not known
        ([election("zk2", 36.0)], None, False, ""),  # in the cool-down
        (
            [],
            counted(5.0),
            True,
            "and the first one in it there was an election, in which zk1, zk2, zk3 took",
        ),  # polled at 4.5 and 5.5 s
        ([], led(5.0), True, "the leader changed (zk1 to zk3)"),
        ([], led(4.0), False, ""),
        ([election("zk2", 4.6), election("zk3", 4.6)], counted(4.9), False, ""),  # over at 4.8 s
        ([election("zk2", 4.6)], led(4.9), False, ""),
    ],
    ids=[
        "event",
        "no-end",
        "goes-on",
        "early",
        "early-no-end",
        "late",
        "polls",
        "leader",
        "polls-early",
        "told",
        "led",
    ],
)
def test_an_election_in_the_measured_stage_is_inconclusive(
    tmp_path: Path, events: list[dict[str, Any]], poll: Poll | None, held: bool, said: str
) -> None:
    run = Synthetic(stall_at_s=None, poll=poll).write(tmp_path / "run")
    add_events(run, *events)
    found = judge_run(run).verdict
    assert rules(found) == ({"leader-change": "inconclusive"} if held else {})
    if held:
        assert said in text(found, "leader-change")


def test_elections_of_planned_faults_stay_planned_without_a_count_in_the_polls(tmp_path: Path) -> None:
    assert "leader-change" not in rules_of(faulty(tmp_path / "planned"))
    late = [stamp(KILLED_S + 7), "zk2", "election", "zk2", "follower", "1.000000", "zk2"]
    other = faulty(tmp_path / "other", events=[late])
    assert rules_of(other)["leader-change"] == "inconclusive"
    assert "in which zk2 took part" in text(other.verdict, "leader-change")
