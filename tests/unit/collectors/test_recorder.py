"""What one process records, cut into intervals by its own clock."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locust_extra.recorder import CpuClock, Recorder
from tests.unit.collectors.clocks import FakeClock, recorder
from zk_locust.contract.clock_names import CENSORED
from zk_locust.contract.histogram import LatencyHistogram
from zk_locust.load.heard import NOBODY
from zk_locust.load.recording import Recording


def request(target: Recorder, name: str = "get", milliseconds: float = 0.5, error: Exception | None = None) -> None:
    target.recording.on_request(
        request_type="zookeeper", name=name, response_time=milliseconds, exception=error, response_length=0, context={}
    )


def counts(report: dict[str, Any]) -> dict[tuple[str, int], int]:
    """Return successes by (stage, interval)."""
    found: dict[tuple[str, int], int] = {}
    for stage, number, records in report["records"]:
        for _, _, message in records:
            found[stage, number] = found.get((stage, number), 0) + message["requests"]
    return found


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_requests_are_recorded_in_the_interval_in_which_they_end(clock: FakeClock) -> None:
    recording = recorder(clock)
    recording.begin_stage("measured", None)
    for at in (0.0, 0.999, 1.0, 1.5, 4.2):
        clock.now_s = clock.began_s + at
        request(recording)
    report = recording.report(users=4)
    assert counts(report) == {("measured", 0): 2, ("measured", 1): 2, ("measured", 4): 1}
    assert (report["stage"], report["interval"]) == ("measured", 4)
    assert recording.report(users=4)["records"] == [], "what was reported is forgotten"


def test_a_report_in_the_middle_of_an_interval_splits_it_without_loss(clock: FakeClock) -> None:
    recording = recorder(clock)
    recording.begin_stage("measured", None)
    request(recording)
    clock.now_s += 0.4
    first = recording.report(users=4)
    request(recording)
    second = recording.report(users=4)
    assert counts(first) == counts(second) == {("measured", 0): 1}


def test_an_interval_that_has_ended_is_complete_until_it_is_reported(clock: FakeClock) -> None:
    recording = recorder(clock)
    recording.begin_stage("measured", None)
    seen = []
    for passed_s, reports in ((0.9, False), (0.2, False), (0.0, True), (0.5, False)):
        clock.now_s += passed_s
        request(recording)
        if reports:
            recording.report(users=4)
        seen.append((recording.has_complete, recording.place))
    assert seen == [
        (False, ("measured", 0)), (True, ("measured", 1)), (False, ("measured", 1)), (False, ("measured", 1)),
    ]  # fmt: skip
    recording.begin_stage("cool-down", None)
    assert recording.has_complete, "the last interval of a stage that has ended"


def test_a_report_says_how_far_the_clock_is_also_without_requests(clock: FakeClock) -> None:
    recording = recorder(clock)
    assert recording.report(users=4)["stage"] is None
    recording.begin_stage("measured", None)
    clock.now_s += 7.5
    report = recording.report(users=4)
    assert (report["stage"], report["interval"], report["records"]) == ("measured", 7, [])


@pytest.mark.parametrize(("planned_s", "last"), [(3.0, 2), (3.4, 2), (3.6, 3), (0.2, 0), (1.0, 0)])
def test_what_ends_after_the_planned_end_belongs_to_the_last_interval(
    clock: FakeClock, planned_s: float, last: int
) -> None:
    recording = recorder(clock)
    recording.begin_stage("measured", planned_s)
    for _ in range(70):
        request(recording)
        clock.now_s += 0.1
    report = recording.report(users=4)
    assert sum(counts(report).values()) == 70
    assert max(number for _, number in counts(report)) == last
    assert report["interval"] == last
    recording.begin_stage("cool-down", None)
    clock.now_s += 5
    assert recording.report(users=4)["interval"] == 5, "a stage without a plan has no last interval"


def test_each_stage_counts_its_intervals_from_0_and_keeps_its_own_requests(clock: FakeClock) -> None:
    recording = recorder(clock)
    recording.begin_stage("warm-up", None)
    clock.now_s += 2.2
    request(recording)
    recording.begin_stage("measured", 10)
    request(recording)
    request(recording)
    assert counts(recording.report(users=4)) == {("warm-up", 2): 1, ("measured", 0): 2}


def test_a_stage_that_is_on_its_way_is_entered_where_it_is(clock: FakeClock) -> None:
    recording = recorder(clock)
    recording.begin_stage("measured", 10.0, elapsed_s=4.7)
    request(recording)
    clock.now_s += 0.4
    request(recording)
    assert counts(recording.report(users=4)) == {("measured", 4): 1, ("measured", 5): 1}
    recording.begin_stage("measured", 10.0, elapsed_s=12.0)
    assert recording.report(users=4)["interval"] == 9


def test_names_types_and_failures_are_kept_apart(clock: FakeClock) -> None:
    recording = recorder(clock)
    recording.begin_stage("measured", None)
    request(recording, "get", 0.3)
    request(recording, "set", 1.25)
    request(recording, "set", 99, ValueError("why"))
    request(recording, "set", 99, ValueError())
    ((_, _, records),) = recording.report(users=4)["records"]
    by_name = {name: message for kind, name, message in records if kind == "zookeeper"}
    assert by_name["get"]["counts"] == {300: 1}
    assert by_name["set"]["counts"] == {1250: 1}
    assert by_name["set"]["errors"] == {"ValueError: why": 1, "ValueError()": 1}


def test_cpu_is_that_since_the_last_report(clock: FakeClock) -> None:
    recording = recorder(clock)
    recording.begin_stage("measured", None)
    clock.now_s += 3
    recording.report(users=4)
    clock.now_s += 2
    report = recording.report(users=4)
    assert [report[name] for name in ("wall_ns", "cpu_ns", "cpu_wait_ns")] == [2e9, 1e9, 0.2e9]


def test_a_system_without_the_waiting_figure_has_none(clock: FakeClock) -> None:
    assert recorder(clock, has_wait=False).report(users=4)["cpu_wait_ns"] is None


def test_the_real_cpu_clock_goes_forward() -> None:
    cpu = CpuClock()
    before, waited_before = cpu.read_ns()
    sum(range(300_000))
    used, waited = cpu.read_ns()
    assert used > before
    assert waited is None or waited_before is None or waited >= waited_before


@given(
    st.lists(
        st.tuples(st.floats(0, 3), st.sampled_from(["request", "request", "report", "warm-up", "measured"])),
        max_size=40,
    ),
    st.none() | st.floats(0.1, 6),
)
def test_whatever_happens_every_request_is_reported_once(
    steps: list[tuple[float, str]], planned_s: float | None
) -> None:
    clock = FakeClock()
    recording = recorder(clock)
    recording.begin_stage("warm-up", None)
    stage, recorded, reported = "warm-up", {"warm-up": 0, "measured": 0}, {"warm-up": 0, "measured": 0}
    for wait_s, step in [*steps, (0.0, "report")]:
        clock.now_s += wait_s
        if step == "request":
            request(recording)
            recorded[stage] += 1
        elif step == "report":
            for (of_stage, number), count in counts(recording.report(users=4)).items():
                assert number >= 0
                reported[of_stage] += count
        else:
            stage = step
            recording.begin_stage(stage, planned_s if stage == "measured" else None)
    assert reported == recorded


class Sent:
    """An operation under way, as a timer is."""

    under_way = True
    heard, origin = NOBODY, None

    def __init__(self, recording: Recording, sent_ns: int) -> None:
        self.recording, self.sent_ns, self.censored = recording, sent_ns, False
        recording.running.add(self)

    def waits_ns(self, now_ns: int) -> int:
        return now_ns - self.sent_ns

    def censor(self, now_ns: int) -> None:
        self.censored = True
        self.recording.operation("zookeeper", "get", now_ns).censor(now_ns - self.sent_ns)

    def end(self, now_ns: int) -> None:
        if not self.censored:
            self.recording.running.discard(self)
            self.recording.operation("zookeeper", "get", now_ns).succeed(0, self.sent_ns, 0, now_ns)


def outcomes(report: dict[str, Any], found: dict[str, list[int]]) -> None:
    """Add successes and censored operations by stage."""
    for stage, _, records in report["records"]:
        for _, _, message in records:
            histogram = LatencyHistogram.from_message(message)
            counts = found.setdefault(stage, [0, 0])
            counts[0] += histogram.requests
            counts[1] += histogram.clock(CENSORED).requests


def test_what_is_under_way_at_the_end_of_a_stage_is_censored_in_it_and_counts_nowhere_else(clock: FakeClock) -> None:
    target = recorder(clock)
    target.begin_stage("warm-up", None)
    ended, waiting = Sent(target.recording, clock.ns()), Sent(target.recording, clock.ns())
    clock.now_s += 0.5
    ended.end(clock.ns())
    clock.now_s += 1.5
    target.begin_stage("measured", 10.0)
    clock.now_s += 0.5
    waiting.end(clock.ns())
    Sent(target.recording, clock.ns()).end(clock.ns())
    report = target.report(users=1)
    found: dict[str, list[int]] = {}
    outcomes(report, found)
    assert found == {"warm-up": [1, 1], "measured": [1, 0]}
    ((_, _, message),) = next(
        records for stage, number, records in report["records"] if (stage, number) == ("warm-up", 2)
    )
    assert message["clocks"][CENSORED]["min_us"] == 2_000_000


def test_better_knowledge_of_when_a_stage_began_censors_nothing(clock: FakeClock) -> None:
    target = recorder(clock)
    target.begin_stage("measured", 10.0)
    waiting = Sent(target.recording, clock.ns())
    target.begin_stage("measured", 10.0, elapsed_s=3.0)
    waiting.end(clock.ns())
    found: dict[str, list[int]] = {}
    outcomes(target.report(users=1), found)
    assert found == {"measured": [1, 0]}


@given(
    st.lists(
        st.tuples(st.floats(0, 2), st.sampled_from(["send", "send", "end", "end", "report", "stage"])), max_size=60
    )
)
def test_every_operation_counts_once_in_the_stage_in_which_it_was_sent(steps: list[tuple[float, str]]) -> None:
    clock = FakeClock()
    target = recorder(clock)
    target.begin_stage("0", None)
    stage, sent, under_way, found = 0, {"0": 0}, list[Sent](), dict[str, list[int]]()
    for wait_s, step in [*steps, (0.0, "stage"), (0.0, "report")]:
        clock.now_s += wait_s
        if step == "send":
            under_way.append(Sent(target.recording, clock.ns()))
            sent[str(stage)] += 1
        elif step == "end" and under_way:
            under_way.pop(0).end(clock.ns())
        elif step == "report":
            outcomes(target.report(users=1), found)
        elif step == "stage":
            stage += 1
            sent[str(stage)] = 0
            target.begin_stage(str(stage), None)
    assert {name: sum(counts) for name, counts in found.items()} == {
        name: count for name, count in sent.items() if count
    }


def test_a_second_test_counts_anew(clock: FakeClock) -> None:
    target = recorder(clock)
    target.begin_stage("measured", None, run=1)
    request(target)
    target.report(users=1)
    request(target)
    clock.now_s += 100
    target.begin_stage("measured", None, run=2)
    clock.now_s += 2
    request(target)
    report = target.report(users=1)
    assert (report["run"], counts(report)) == (2, {("measured", 2): 1})
    assert report["wall_ns"] == 2e9, "the pause between the two tests is not part of it"


def test_two_recorders_of_one_recording_each_have_everything_in_intervals_of_their_own(clock: FakeClock) -> None:
    first = recorder(clock)
    second = Recorder(3.0, first.recording)
    for each in (first, second):
        each.begin_stage("measured", None)
    for _ in range(8):
        request(first)
        clock.now_s += 0.5
    assert counts(first.report(1)) == {("measured", number): 2 for number in range(4)}
    assert counts(second.report(1)) == {("measured", 0): 6, ("measured", 1): 2}


def test_the_delay_of_the_process_itself_is_in_the_report(clock: FakeClock) -> None:
    closed: list[bool] = []

    class Delay:
        def report(self) -> dict[str, Any]:
            return {"lateness": LatencyHistogram().to_message(), "gc_ns": 7}

        def close(self) -> None:
            closed.append(True)

    target = Recorder(1.0, Recording([], clock.ns), own_delay=Delay())
    assert target.report(users=1)["gc_ns"] == 7
    assert "gc_ns" not in recorder(clock).report(users=1)
    assert not closed
    target.close()
    recorder(clock).close()
    assert closed
