"""What one process records, cut into intervals by its own clock."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locust_extra.recorder import CpuClock, Recorder
from tests.unit.collectors.clocks import FakeClock, recorder


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
