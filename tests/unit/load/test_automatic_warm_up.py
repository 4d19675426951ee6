"""An automatic warm-up: its text, and how the plan of a load ends it."""

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import gevent
import pytest
from locust.env import Environment
from locust.event import Events

from zk_locust.contract.histogram import LatencyHistogram
from zk_locust.contract.warm_up import WarmUp, parse_warm_up
from zk_locust.load import open_loop, stages
from zk_locust.load.stages import LoadPlan, happened, stage_changed
from zk_locust.load.stationary import IN_A_ROW, WINDOWS

ENOUGH = WINDOWS + IN_A_ROW - 1


@pytest.mark.parametrize(
    ("value", "found", "text"),
    [
        (0, WarmUp(0.0), "0s"),
        (5.5, WarmUp(5.5), "5.5s"),
        (1e10, WarmUp(1e10), "1e+10s"),
        ("30", WarmUp(30.0), "30s"),
        ("1m30s", WarmUp(90.0), "90s"),
        ("auto", WarmUp(60.0, automatic=True), "auto:60s"),
        (" auto ", WarmUp(60.0, automatic=True), "auto:60s"),
        ("auto:120s", WarmUp(120.0, automatic=True), "auto:120s"),
        ("auto:2m", WarmUp(120.0, automatic=True), "auto:120s"),
        ("auto:90", WarmUp(90.0, automatic=True), "auto:90s"),
    ],
)
def test_a_warm_up_is_a_time_or_automatic(value: str | float, found: WarmUp, text: str) -> None:
    assert parse_warm_up(value) == found
    assert str(found) == text
    assert parse_warm_up(text) == found
    assert found.planned_s == (None if found.automatic else found.limit_s)


@pytest.mark.parametrize(
    "value",
    ["", "soon", "automatic", "Auto", "auto 120s", "auto120s", "auto:", "auto:auto", "auto:-5s", ":5s", True, -1],
)
def test_what_is_neither_is_refused_with_what_to_write(value: str | float) -> None:
    with pytest.raises(ValueError, match=r"is not a duration; write e.g. 500ms, 30s.* auto, or auto:120s") as refused:
        parse_warm_up(value)
    assert str(refused.value).startswith(f"[{value}] ")


@pytest.mark.parametrize("value", ["auto:0s", "auto:500ms", "auto:12s"])
def test_a_limit_that_no_load_could_stay_below_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"write a limit of more than 12s, e.g. auto:60s, or a fixed time"):
        parse_warm_up(value)


@pytest.mark.parametrize("value", ["1e300", 1e300, "auto:1e300s", "1e11s"])
def test_a_warm_up_that_no_clock_can_count_is_refused(value: str | float) -> None:
    with pytest.raises(ValueError, match=r"is longer than 1e\+10 s; write a shorter one, e.g. 30s, 5m or auto"):
        parse_warm_up(value)


class Load:
    """The plan of a load without users. `told` has the stages and events that it has fired."""

    def __init__(self, **options: Any) -> None:
        defaults = {"warm_up": "auto", "stats_collect": 1000.0, "num_users": 1, "spawn_rate": 1, "run_time": None}
        parsed: Any = SimpleNamespace(**defaults | options)
        self.environment = Environment(events=Events(), parsed_options=parsed)
        self.told: list[tuple[str, str]] = []
        self.plan = LoadPlan(self.environment, Mock())
        stage_changed.add_listener(self._on_stage)
        happened.add_listener(self._on_happened)

    def close(self) -> None:
        self.plan.on_test_stopping()
        stage_changed.remove_listener(self._on_stage)
        happened.remove_listener(self._on_happened)

    def start(self) -> None:
        self.plan.on_test_start()
        self.plan.on_spawning_complete()
        gevent.sleep(0)

    def record(self, counts: list[int], *, first_s: float = 0.5, stage: str = "warm-up") -> None:
        for number, count in enumerate(counts):
            operations = LatencyHistogram()
            for value in range(count):
                operations.record(1000 + value)
            self.plan.see_interval(stage, first_s + number, 1.0, operations)
        gevent.sleep(0.01)

    def _on_stage(self, environment: Any, stage: str, **_: Any) -> None:
        if environment is self.environment:
            self.told.append(("stage", stage))

    def _on_happened(self, environment: Any, event: str, subject: str, detail: str) -> None:
        if environment is self.environment:
            self.told.append((f"{event} {subject}", detail))


@pytest.fixture
def load() -> Iterator[Load]:
    load = Load()
    yield load
    load.close()


def test_the_measured_stage_begins_when_the_load_is_stationary(load: Load) -> None:
    load.start()
    load.record([100] * (ENOUGH - 1))
    assert load.told == [("stage", "warm-up")]
    load.record([100])
    warm_up, (event, detail), measured = load.told
    assert (warm_up, event, measured) == (
        ("stage", "warm-up"), "warm-up-ended stationary", ("stage", "measured"),
    )  # fmt: skip
    assert detail.startswith("rate, p50 and p99 are stationary, 0.")


def test_what_ran_while_users_were_starting_does_not_count(load: Load) -> None:
    load.plan.on_test_start()
    load.record([100] * 5)
    gevent.sleep(0.05)
    load.plan.on_spawning_complete()
    gevent.sleep(0)
    load.record([100] * ENOUGH, first_s=-20.0)
    load.record([100] * ENOUGH, stage="cool-down")
    load.record([100] * (ENOUGH - 1))
    assert load.told == [("stage", "warm-up")]
    load.record([100])
    assert load.told[-1] == ("stage", "measured")


@pytest.mark.parametrize(
    ("counts", "stats_collect", "said"),
    [
        ([100 + 10 * n for n in range(WINDOWS)], 1000.0, "not stationary within 0 s: the rate changes by +62%"),
        ([100] * 3, 1000.0, "not stationary within 0 s: only 3 of 10 windows are recorded"),
        ([], 0.0, "no statistics are recorded, so it lasted 0 s"),
    ],
)
def test_at_its_limit_the_warm_up_ends_and_says_why(
    monkeypatch: pytest.MonkeyPatch, counts: list[int], stats_collect: float, said: str
) -> None:
    monkeypatch.setattr(stages, "_warm_up_of", lambda _: WarmUp(0.2, automatic=True))
    load = Load(stats_collect=stats_collect)
    load.start()
    load.record(counts)
    gevent.sleep(0.4)
    load.close()
    assert [name for name, _ in load.told] == ["stage", "warm-up-ended limit-reached", "stage"]
    assert load.told[1][1].startswith(said)


def test_a_load_that_is_stopped_in_its_warm_up_has_no_measured_stage(load: Load) -> None:
    load.start()
    load.plan.on_test_stopping()
    gevent.sleep(0.01)
    assert load.told == [("stage", "warm-up")]


def test_a_fixed_warm_up_says_nothing() -> None:
    load = Load(warm_up=0.05)
    load.start()
    load.record([100] * ENOUGH)
    assert load.told == [("stage", "warm-up")]
    gevent.sleep(0.1)
    load.close()
    assert load.told == [("stage", "warm-up"), ("stage", "measured")]


def test_a_second_test_of_the_process_warms_up_anew(load: Load) -> None:
    for _ in range(2):
        load.start()
        gevent.sleep(0.01)
        assert load.told[-1] == ("stage", "warm-up")
        load.record([100] * ENOUGH)
        load.plan.on_test_stopping()
    assert [name for name, _ in load.told] == ["stage", "warm-up-ended stationary", "stage"] * 2


@pytest.mark.parametrize("run_time", [None, 90.0])
def test_the_stages_of_one_test_do_not_limit_the_next(run_time: float | None) -> None:
    load = Load(run_time=run_time, hosts="zk1:2181")
    lengths_s = []
    for stages_of_test in ('[{"rate": 5, "for": "40s"}]', '[{"rate": 5, "for": "70s"}]', None):
        vars(load.environment.parsed_options)["arrival_stages"] = stages_of_test
        load.plan.on_test_start()
        lengths_s.append(load.plan.measured_s)
        load.plan.on_test_stopping()
    load.close()
    assert lengths_s == [40.0, 70.0, run_time]


def test_the_steps_of_a_sequence_and_arrival_stages_limit_the_measured_stage_together() -> None:
    load = Load(arrival_stages='[{"rate": 5, "for": "40s"}]', hosts="zk1:2181")
    for steps_s, expected_s in [(30.0, 30.0), (50.0, 40.0)]:
        load.plan.limit_measured_stage(steps_s)
        assert load.plan.measured_s == steps_s
        load.plan.on_test_start()
        assert load.plan.measured_s == expected_s
        load.plan.on_test_stopping()
    load.close()


def test_the_time_that_is_left_counts_the_limit() -> None:
    load = Load(warm_up="auto:100s", run_time=30.0)
    load.plan.on_test_start()
    left_s = load.plan.time_left_s()
    load.close()
    assert left_s is not None
    assert 125 < left_s < 132


def test_in_an_open_loop_the_measured_stage_is_planned_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers must hear of it before it begins; what is due until then belongs to the warm-up."""
    monkeypatch.setattr(stages, "START_AHEAD_S", 0.3)
    load = Load(arrival_rate=100.0, hosts="zk1:2181")
    planned_at_s: list[float] = []
    plan_stage = load.plan._open_loop.plan_measured_stage

    def noted(at_s: float, measured_s: float | None) -> None:
        planned_at_s.append(at_s - time.perf_counter())
        plan_stage(at_s, measured_s)

    monkeypatch.setattr(load.plan._open_loop, "plan_measured_stage", noted)
    load.start()
    load.record([100] * ENOUGH, first_s=3.0)
    (ahead_s,) = planned_at_s
    assert 0.2 < ahead_s <= 0.3
    assert [name for name, _ in load.told] == ["stage", "warm-up-ended stationary"]
    gevent.sleep(ahead_s)
    with gevent.Timeout(60):
        while ("stage", "measured") not in load.told:
            gevent.sleep(0.01)
    load.close()


def test_in_an_open_loop_the_limit_is_when_the_measured_stage_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "_warm_up_of", lambda _: WarmUp(1.0, automatic=True))
    monkeypatch.setattr(stages, "START_AHEAD_S", 0.5)
    monkeypatch.setattr(open_loop, "START_AHEAD_S", 0.1)
    load = Load(arrival_rate=100.0, hosts="zk1:2181")
    planned_s: list[float] = []
    monkeypatch.setattr(load.plan._open_loop, "plan_measured_stage", lambda at_s, _: planned_s.append(at_s))
    started_s = time.perf_counter()
    load.start()
    with gevent.Timeout(60):
        while not planned_s:
            gevent.sleep(0.01)
    load.close()
    assert started_s + 0.6 < time.perf_counter()
    assert planned_s[0] - started_s < 0.1 + 1.0 + 0.2
