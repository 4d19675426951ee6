"""What was due and what became of it: exactly offered - missed - dropped - queued = sent."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from locust.runners import STATE_MISSING

from tests.unit.load.fakes import Recorded, environment
from zk_locust.contract.arrival import Arrival, ArrivalStage
from zk_locust.contract.stage_names import COOL_DOWN, MEASURED, WARM_UP
from zk_locust.load.arrivals import StageCounts
from zk_locust.load.offered import Offered, OfferedCounts
from zk_locust.load.open_loop import LeadingOpenLoop
from zk_locust.load.schedule import NEVER_NS, Schedule, Turns
from zk_locust.load.shares import Shares

S = 1_000_000_000
START_NS = 7 * S  # on the master's clock


def schedule(rate: float = 1000, process: str = "uniform") -> Schedule:
    return Schedule(Arrival((ArrivalStage(rate, rate, None),), process), S, 2.0)


def counts(stage: str, offered: int, dropped: int = 0, queued: int = 0, late: int = 0, *, ended: bool) -> StageCounts:
    sent = offered - dropped - queued
    return {
        "stage": stage, "offered": offered, "sent": sent, "dropped": dropped, "queued": queued, "late": late,
        "ended": ended,
    }  # fmt: skip


def all_shares(
    offered: Offered, stage: str, at_ns: int, *, ends: bool = True, lost: Any = frozenset()
) -> OfferedCounts:
    return sum(offered.at(stage, START_NS + at_ns, ends=ends, lost=lost), OfferedCounts())


@given(
    st.floats(1, 500),
    st.sampled_from(["uniform", "poisson"]),
    st.lists(st.tuples(st.integers(0, 4 * S), st.integers(0, 4 * S), st.floats(0, 1)), min_size=1, max_size=6),
)
def test_the_sum_is_exact_whenever_workers_come_and_go(
    rate: float, process: str, workers: list[tuple[int, int, float]]
) -> None:
    plan = schedule(rate, process)
    offered, lost, sent = Offered(plan, START_NS, len(workers)), set[int](), 0
    for number, (comes_ns, goes_ns, part) in enumerate(workers):
        if goes_ns <= comes_ns:
            continue  # it never comes
        turns = Turns(plan, number, len(workers))
        turns.skip(S)
        late = turns.skip(max(S, comes_ns))
        due = turns.skip(max(S, goes_ns))
        dropped = int(part * due)
        sent += due - dropped
        offered.take(number, [counts(MEASURED, due, dropped, late=late, ended=goes_ns >= 3 * S)])
        if goes_ns < 3 * S:
            lost.add(number)
    for at_ns in range(S, 3 * S, S // 4):
        all_shares(offered, MEASURED, at_ns, ends=False, lost=lost)
    found = all_shares(offered, MEASURED, 3 * S, lost=lost)
    assert found.sent == sent
    all_due = sum(Turns(plan, w, len(workers)).skip(NEVER_NS - 1) for w in range(len(workers)))
    before = sum(Turns(plan, w, len(workers)).skip(S) for w in range(len(workers)))
    assert found.offered == all_due - before


def test_the_share_of_a_worker_that_never_came_is_missed() -> None:
    offered = Offered(schedule(), START_NS, 4)
    for number in range(3):
        offered.take(number, [counts(MEASURED, 500, ended=True)])
    assert all_shares(offered, MEASURED, 3 * S) == OfferedCounts(2000, 500)


def test_a_lost_worker_misses_what_came_due_after_its_last_report() -> None:
    offered = Offered(schedule(), START_NS, 2)
    offered.take(0, [counts(MEASURED, 1000, ended=True)])
    offered.take(1, [counts(MEASURED, 300, dropped=5, queued=7, ended=False)])
    assert all_shares(offered, MEASURED, 3 * S, lost={1}) == OfferedCounts(2000, 700, 5, 7)


def test_a_stage_that_ends_early_is_as_long_as_each_worker_says() -> None:
    offered = Offered(schedule(), START_NS, 2)
    offered.take(0, [counts(MEASURED, 501, ended=True)])
    offered.take(1, [counts(MEASURED, 499, late=2, ended=True)])
    assert all_shares(offered, MEASURED, 2 * S) == OfferedCounts(1002, 2)


def test_while_a_stage_runs_offered_follows_the_schedule() -> None:
    offered = Offered(schedule(), START_NS, 2)
    offered.take(0, [counts(WARM_UP, 500, ended=True), counts(MEASURED, 100, ended=False)])
    offered.take(1, [counts(WARM_UP, 500, ended=True), counts(MEASURED, 100, ended=False)])
    assert all_shares(offered, WARM_UP, S // 2, ends=False).offered == 500
    assert all_shares(offered, WARM_UP, S).offered == 1000
    assert all_shares(offered, MEASURED, S + S // 4, ends=False) == OfferedCounts(250)
    assert all_shares(offered, WARM_UP, S, ends=False).offered == 1000, "figures of an older stage may come late"


class Master:
    """Locust's runner, as far as the shares need it."""

    def __init__(self, *workers: str) -> None:
        self.clients = {name: SimpleNamespace(state="running") for name in workers}
        self.told: dict[str, dict[str, Any]] = {}

    def register_message(self, kind: str, listener: Any) -> None:
        """Take what answers workers that ask for the time."""

    def send_message(self, kind: str, data: dict[str, Any], worker: str) -> None:
        del kind
        self.told[worker] = data


def test_each_worker_gets_a_share_and_a_late_one_what_nobody_has_had(caplog: pytest.LogCaptureFixture) -> None:
    master = Master("a", "b")
    shares = Shares(master)
    shares.tell("a")
    assert not master.told, "the load has not started"
    shares.begin(Offered(schedule(), START_NS), 3)
    shares.tell("late")
    shares.tell("a")
    shares.tell("too many")
    assert {name: told["worker"] for name, told in master.told.items()} == {"a": 0, "b": 1, "late": 2}
    assert {told["workers"] for told in master.told.values()} == {3}
    assert {told["start_ns"] for told in master.told.values()} == {START_NS}
    assert "--arrival-workers 4" in caplog.text
    assert shares.lost() == {2}, "it has not become one of Locust's workers"


def test_a_worker_that_was_missing_at_the_start_gets_its_share_when_it_reports_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    load, master = environment(Recorded(), arrival_rate=1000.0, num_users=1, expect_workers=2), Master("a", "b")
    master.clients["b"].state = STATE_MISSING
    loop = LeadingOpenLoop(load, master, is_master=True)
    loop.prepare()
    loop.on_worker_report("b", {})
    loop.start(0.0, None)
    assert set(master.told) == {"a"}
    master.clients["b"].state = "running"
    for _ in range(2):
        loop.on_worker_report("b", {})
    assert master.told["b"]["worker"] == 1
    assert caplog.text.count("The worker b has come late") == 1


def test_a_worker_without_a_share_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    load, master = environment(Recorded(), arrival_rate=1000.0, num_users=1), Master("a")
    loop = LeadingOpenLoop(load, master, is_master=True)
    loop.prepare()
    loop.start(0.0, None)
    for _ in range(3):
        loop.on_worker_report("late", {})
    assert set(master.told) == {"a"}
    loop.begin_stage(COOL_DOWN)
    loop.on_worker_report("later", {})
    assert caplog.text.count("has come late and gets no operations") == 1


@pytest.mark.parametrize(
    "report",
    [
        "x", 7, ["x"], [{}],
        [counts(MEASURED, 5, ended=True) | {"offered": "x"}],
        [counts(MEASURED, 5, ended=True) | {"late": -1}],
        [counts("no such stage", 5, ended=True)],
    ],
)  # fmt: skip
def test_what_is_no_report_of_a_worker_is_left_out(report: Any, caplog: pytest.LogCaptureFixture) -> None:
    offered = Offered(schedule(), START_NS)
    offered.take(0, [counts(MEASURED, 300, ended=False)])
    for _ in range(2):
        offered.take(0, report)
    assert all_shares(offered, MEASURED, 2 * S, ends=False) == OfferedCounts(1000)
    assert caplog.text.count("worker 1 of 1 was offered is left out") == 1
