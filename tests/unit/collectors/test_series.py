"""The master's series: no figure is lost, whatever the order and the timing of the workers' reports."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locust_extra.recorder import Recorder
from locust_extra.series import Interval, Series
from tests.unit.collectors.clocks import FakeClock, recorder

STAGES = ("warm-up", "measured", "cool-down")


@dataclass
class Fleet:
    """A master's series and its workers, all on one clock; reports travel in a post of their own."""

    workers: int
    interval_s: float = 1.0
    clock: FakeClock = field(default_factory=FakeClock)
    post: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    given_out: list[Interval] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.series = Series(self.interval_s, self.clock.elapsed_s)
        self.recorders: dict[str, Recorder] = {
            f"worker-{n}": recorder(self.clock, self.interval_s) for n in range(self.workers)
        }
        self.stage = -1
        self.recorded: dict[str, int] = dict.fromkeys(STAGES, 0)

    def begin(self, stage: str, planned_s: float | None = None) -> None:
        """Begin a stage everywhere; the workers report what they have before that, as they do."""
        if self.stage >= 0:
            for worker in self.recorders:
                self.send(worker)
        self.series.begin_stage(stage)
        for each in self.recorders.values():
            each.begin_stage(stage, planned_s)
        self.stage = STAGES.index(stage)

    def request(self, worker: str, count: int = 1) -> None:
        for _ in range(count):
            self.recorders[worker].recording.on_request(
                request_type="zookeeper", name="get", response_time=1.0, exception=None, response_length=0
            )
        self.recorded[STAGES[self.stage]] += count

    def send(self, worker: str, users: int = 4) -> None:
        self.post.append((worker, self.recorders[worker].report(users=users)))

    def deliver(self, index: int = 0) -> None:
        worker, report = self.post.pop(index)
        self.series.add_report(worker, report)

    def take(self) -> list[Interval]:
        taken = list(self.series.take_complete())
        self.given_out += taken
        return taken

    def end(self) -> None:
        """Have everybody report, deliver all, and give out the rest."""
        for worker in self.recorders:
            self.send(worker)
        while self.post:
            self.deliver()
        self.given_out += self.series.take_all()

    def requests_given_out(self) -> dict[str, int]:
        found = dict.fromkeys(STAGES, 0)
        for interval in self.given_out:
            found[interval.stage] += sum(histogram.requests for histogram in interval.operations.values())
        return found


def numbers(intervals: list[Interval]) -> list[tuple[str, int]]:
    return [(interval.stage, interval.number) for interval in intervals]


def test_an_interval_is_given_out_when_every_worker_is_beyond_it() -> None:
    fleet = Fleet(2)
    fleet.begin("measured")
    fleet.request("worker-0", 3)
    fleet.request("worker-1", 4)
    fleet.clock.now_s += 1.1
    fleet.send("worker-0")
    fleet.send("worker-1")
    fleet.deliver()
    assert numbers(fleet.take()) == [("measured", 0)], "of one worker nothing is known yet"
    fleet = Fleet(2)
    fleet.begin("measured")
    for worker in fleet.recorders:
        fleet.send(worker)
    while fleet.post:
        fleet.deliver()
    fleet.request("worker-0", 3)
    fleet.request("worker-1", 4)
    fleet.clock.now_s += 1.1
    fleet.send("worker-0")
    fleet.send("worker-1")
    fleet.deliver()
    assert fleet.take() == []
    fleet.deliver()
    (interval,) = fleet.take()
    assert interval.operations["zookeeper", "get"].requests == 7
    assert {name: share.total.requests for name, share in interval.workers.items()} == {"worker-0": 3, "worker-1": 4}
    assert (interval.start_s, interval.end_s) == pytest.approx((0.0, 1.0))


def test_users_belong_to_the_interval_in_which_they_were_reported() -> None:
    """Their number may change where an interval ends. An interval without a report has the number of the next one."""
    fleet = Fleet(1)
    fleet.begin("measured")
    for at_s, users in ((0.5, 2), (0.9, 3), (1.1, 8), (1.9, 8), (4.1, 5), (4.5, 6)):
        fleet.clock.now_s = fleet.clock.began_s + at_s
        fleet.send("worker-0", users)
        fleet.deliver()
        fleet.take()
    fleet.end()
    assert [share.users for each in fleet.given_out for share in each.workers.values()] == [3, 8, 5, 6]
    assert [each.number for each in fleet.given_out if each.workers] == [0, 1, 3, 4]


def test_empty_intervals_are_given_out_too() -> None:
    fleet = Fleet(1)
    fleet.begin("measured")
    fleet.clock.now_s += 4.5
    fleet.send("worker-0")
    fleet.deliver()
    assert numbers(fleet.take()) == [("measured", n) for n in range(4)]
    assert not any(interval.operations for interval in fleet.given_out)


def test_a_stage_ends_where_it_ended_and_the_next_begins_there() -> None:
    fleet = Fleet(1)
    fleet.begin("warm-up")
    fleet.clock.now_s += 2.3
    fleet.request("worker-0")
    fleet.begin("measured", 3.0)
    fleet.clock.now_s += 3.02
    fleet.request("worker-0")
    fleet.begin("cool-down")
    fleet.end()
    assert numbers(fleet.given_out)[:6] == [
        ("warm-up", 0), ("warm-up", 1), ("warm-up", 2), ("measured", 0), ("measured", 1), ("measured", 2),
    ]  # fmt: skip
    ends = {(i.stage, i.number): (i.start_s, i.end_s) for i in fleet.given_out}
    assert ends["warm-up", 2] == pytest.approx((2.0, 2.3))
    assert ends["measured", 0] == pytest.approx((2.3, 3.3))
    assert ends["measured", 2] == pytest.approx((4.3, 5.32)), "what comes after the planned end is in the last"
    assert fleet.requests_given_out() == {"warm-up": 1, "measured": 1, "cool-down": 0}


def test_a_lost_worker_is_waited_for_no_longer_and_what_it_sends_late_is_not_lost() -> None:
    fleet = Fleet(2)
    fleet.begin("measured")
    for worker in fleet.recorders:
        fleet.send(worker)
    while fleet.post:
        fleet.deliver()
    fleet.request("worker-1", 5)
    fleet.clock.now_s += 0.5
    fleet.send("worker-1")
    fleet.clock.now_s += 3
    fleet.send("worker-0")
    fleet.deliver(1)
    assert fleet.take() == []
    fleet.series.lose("worker-1")
    assert numbers(fleet.take()) == [("measured", n) for n in range(3)]
    fleet.deliver()
    fleet.series.lose("worker-1")
    (late,) = fleet.take()
    assert numbers([late]) == [("measured", 0)]
    assert late.operations["zookeeper", "get"].requests == 5


def test_a_second_load_follows_the_first_in_time() -> None:
    fleet = Fleet(1)
    for _ in range(2):
        fleet.begin("measured")
        fleet.request("worker-0", 2)
        fleet.clock.now_s += 1.5
        fleet.begin("cool-down")
        fleet.clock.now_s += 1.5
    fleet.end()
    assert fleet.requests_given_out()["measured"] == 4
    ends = [interval.end_s for interval in fleet.given_out]
    assert ends == sorted(ends)
    assert sorted({interval.stage_ordinal for interval in fleet.given_out}) == [0, 1, 2, 3]


def test_cpu_is_given_to_the_interval_in_which_most_of_it_was_spent() -> None:
    fleet = Fleet(1)
    fleet.begin("measured")
    fleet.clock.now_s += 1.05
    fleet.send("worker-0")
    fleet.deliver()
    (interval,) = fleet.take()
    share = interval.workers["worker-0"]
    assert share.cpu_ns / share.wall_ns == pytest.approx(0.5)
    assert share.cpu_wait_ns is not None
    assert share.cpu_wait_ns / share.wall_ns == pytest.approx(0.1)


workers = st.sampled_from(["worker-0", "worker-1", "worker-2"])
steps = st.one_of(
    st.tuples(st.just("wait"), st.floats(0, 2.5)),
    st.tuples(st.just("request"), workers),
    st.tuples(st.just("send"), workers),
    st.tuples(st.just("deliver"), st.integers(0, 20)),
    st.tuples(st.just("lose"), workers),
    st.tuples(st.just("take"), st.none()),
    st.tuples(st.just("stage"), st.none() | st.floats(0.2, 4)),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(steps, max_size=60))
def test_whatever_the_order_of_reports_and_stages_every_request_is_given_out_once(steps: list[tuple[str, Any]]) -> None:
    fleet = Fleet(3)
    fleet.begin("warm-up")
    for step, value in steps:
        match step:
            case "wait":
                fleet.clock.now_s += value
            case "request":
                fleet.request(value)
            case "send":
                fleet.send(value)
            case "deliver" if fleet.post:
                fleet.deliver(value % len(fleet.post))
            case "lose":
                fleet.series.lose(value)
            case "take":
                fleet.take()
            case "stage" if fleet.stage < len(STAGES) - 1:
                fleet.begin(STAGES[fleet.stage + 1], value)
    fleet.end()
    assert fleet.requests_given_out() == fleet.recorded
    by_worker = sum(share.total.requests for interval in fleet.given_out for share in interval.workers.values())
    assert by_worker == sum(fleet.recorded.values()), "the workers' shares add up to the same"
    assert all(interval.length_s > 0 for interval in fleet.given_out)
    assert fleet.series._waiting == {}


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.floats(0.01, 2.5), workers), min_size=1, max_size=30))
def test_reports_that_travel_in_order_give_every_interval_once_and_in_order(steps: list[tuple[float, str]]) -> None:
    fleet = Fleet(3)
    fleet.begin("measured")
    for worker in fleet.recorders:
        fleet.send(worker)
    for wait_s, worker in steps:
        while fleet.post:
            fleet.deliver()
        fleet.clock.now_s += wait_s
        fleet.request(worker)
        fleet.send(worker)
        fleet.take()
    fleet.end()
    assert [interval.number for interval in fleet.given_out] == list(range(len(fleet.given_out)))


def test_a_worker_that_is_ahead_does_not_end_the_stage_of_the_master() -> None:
    fleet = Fleet(workers=2)
    fleet.begin("warm-up")
    fleet.clock.now_s += 1.5
    fleet.recorders["worker-0"].begin_stage("measured", None)  # by itself, as in an open loop
    fleet.recorders["worker-0"].recording.on_request(
        request_type="zookeeper", name="get", response_time=1.0, exception=None, response_length=0
    )
    fleet.recorded["measured"] += 1
    fleet.send("worker-0")
    fleet.deliver()
    fleet.request("worker-1")
    fleet.clock.now_s += 1.5
    fleet.send("worker-1")
    fleet.deliver()
    fleet.begin("measured")
    fleet.clock.now_s += 1.0
    fleet.end()
    assert {interval.stage_ordinal: interval.stage for interval in fleet.given_out} == {0: "warm-up", 1: "measured"}
    assert next(interval.end_s for interval in fleet.given_out if interval.ends_stage) == 3.0
    assert fleet.requests_given_out() == fleet.recorded


def test_a_worker_that_is_ahead_and_then_lost_is_waited_for_no_longer() -> None:
    fleet = Fleet(workers=2)
    fleet.begin("warm-up")
    fleet.clock.now_s += 0.5
    ahead = fleet.recorders["worker-0"]
    ahead.begin_stage("measured", None)
    ahead.recording.on_request(
        request_type="zookeeper", name="get", response_time=1.0, exception=None, response_length=0
    )
    fleet.recorded["measured"] += 1
    fleet.send("worker-0")
    fleet.deliver()
    fleet.series.lose("worker-0")
    fleet.series.begin_stage("measured")
    fleet.recorders["worker-1"].begin_stage("measured", None)
    fleet.stage = STAGES.index("measured")
    fleet.clock.now_s += 2.1
    fleet.send("worker-1")
    fleet.deliver()
    assert numbers(fleet.take()) == [("warm-up", 0), ("measured", 0), ("measured", 1)]
    assert all(interval.lost == {"worker-0"} for interval in fleet.given_out)
    assert fleet.requests_given_out() == fleet.recorded


def test_reports_of_a_stage_that_never_begins_are_bounded_and_named(caplog: pytest.LogCaptureFixture) -> None:
    fleet = Fleet(workers=1)
    fleet.begin("warm-up")
    fleet.recorders["worker-0"].begin_stage("measured", None)
    for _ in range(100):
        fleet.send("worker-0")
        fleet.deliver()
    fleet.send("worker-0")
    with pytest.raises(ValueError, match="the master has not begun its stage"):
        fleet.deliver()
    assert {interval.stage for interval in fleet.series.take_all()} <= {"warm-up"}
    assert "100 reports of worker-0 are left out" in caplog.text
