"""What the samples of a host, and its measured offsets, tell of its wall clock."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from reporting.analyse.host_clocks import HostClock, host_clocks
from reporting.read.manifest import Manifest

START = 1_800_000_000.0


def samples(host: str, offsets_s: list[float]) -> pd.DataFrame:
    """Return a sample each second, whose label is that far off."""
    elapsed_s = pd.Series(range(len(offsets_s)), dtype=float)
    return pd.DataFrame(
        {"timestamp": START + elapsed_s + offsets_s, "elapsed_s": elapsed_s, "host": host, "process": "sampler"}
    )


def sampled(offsets_s: list[float]) -> HostClock:
    return host_clocks(Manifest(), samples("zk1", offsets_s), START, 44.0)["zk1"]


@pytest.mark.parametrize(("around", "label_s"), [([2.06], 12.06), ([0.06], 13.0), ([0.06, 2.06], 13.06), ([1.0], 11.0)])
def test_a_late_sample_beside_a_step_is_no_second_step(around: list[float], label_s: float) -> None:
    (step,) = sampled([0.0] * 10 + around + [2.0] * 10).steps
    assert step.by_s == pytest.approx(2.0)
    assert step.timestamp == pytest.approx(START + label_s)


def test_two_steps_are_two() -> None:
    assert [step.by_s for step in sampled([0.0] * 10 + [2.0] * 10 + [0.0] * 10).steps] == pytest.approx([2.0, -2.0])


def test_a_late_sample_alone_is_no_step() -> None:
    assert sampled([0.0] * 10 + [0.06] + [0.0] * 10).steps == ()


def test_a_clock_that_is_slewed_fast_is_followed() -> None:
    slewed = sampled([0.0] * 10 + [0.083 * number for number in range(1, 25)] + [2.0] * 10)
    (step,) = slewed.steps
    assert step.by_s == pytest.approx(2.0)
    labels = pd.Series([5.0, 20.0 + 0.083 * 11, 40.0 + 2.0]) + START
    assert slewed.in_load_time(labels, START).tolist() == pytest.approx([5.0, 20.0, 40.0], abs=0.001)


def clock_of(offsets_s: dict[str, list[float]], after_ms: dict[str, float]) -> HostClock:
    """Return the clock of zk1, which was not off before the load."""
    hosts = {
        host: {"clock_offset_ms": 0.0, "clock_offset_after_ms": after_ms[host], "clock_error_ms": 1.0}
        for host in ("load1", "zk1")
    }
    manifest = Manifest(hosts=hosts, groups={"locust_master": ["load1"]})
    frame = pd.concat([samples(host, found) for host, found in offsets_s.items()])
    return host_clocks(manifest, frame, START, 100.0)["zk1"]


STEADY = [0.0] * 100
SET_AT_50 = [0.0] * 50 + [2.0] * 50


@pytest.mark.parametrize(
    ("offsets_s", "after_ms"),
    [
        ({"load1": SET_AT_50, "zk1": STEADY}, {"load1": 2000.0, "zk1": 0.0}),
        ({"load1": SET_AT_50, "zk1": STEADY}, {"load1": 0.0, "zk1": 0.0}),
        ({"load1": STEADY, "zk1": STEADY}, {"load1": 2000.0, "zk1": 0.0}),
    ],
    ids=["during the load", "and back after it", "after the load"],
)
def test_a_step_of_the_masters_clock_moves_no_host(
    offsets_s: dict[str, list[float]], after_ms: dict[str, float]
) -> None:
    found = clock_of(offsets_s, after_ms)
    labels = pd.Series([25.0, 75.0]) + START
    assert found.in_load_time(labels, START).tolist() == pytest.approx([25.0, 75.0], abs=0.001)


@pytest.mark.parametrize("after_ms", [2000.0, 0.0], ids=["and left so", "and back before collection"])
def test_a_host_that_is_set_during_the_load_has_not_drifted(after_ms: float) -> None:
    found = clock_of({"load1": STEADY, "zk1": SET_AT_50}, {"load1": 0.0, "zk1": after_ms})
    labels = pd.Series([25.0, 77.0]) + START
    assert found.in_load_time(labels, START).tolist() == pytest.approx([25.0, 75.0], abs=0.001)


def drifting(**told: object) -> HostClock:
    """Return the clock of zk1 by what the manifest tells of it; the controller's clock is 5 s behind the master's."""
    load1 = {"clock_offset_ms": 5000.0, "clock_offset_after_ms": 5000.0}
    manifest = Manifest(hosts={"load1": load1, "zk1": told}, groups={"locust_master": ["load1"]})
    return host_clocks(manifest, samples("load1", [0.0] * 10), START, 100.0)["zk1"]


def test_a_clock_drifts_until_it_was_measured_again() -> None:
    measured = datetime.fromtimestamp(START + 1000.0 - 5.0, UTC).isoformat()
    found = drifting(clock_offset_ms=5000.0, clock_offset_after_ms=5040.0, clock_offset_after_at=measured)
    labels = pd.Series([50.0, 100.0]) + START
    assert found.in_load_time(labels, START).tolist() == pytest.approx([49.998, 99.996], abs=0.0001)


@pytest.mark.parametrize("at", ["", "never", None])
def test_without_a_time_it_was_measured_at_the_loads_end(at: object) -> None:
    found = drifting(clock_offset_ms=5000.0, clock_offset_after_ms=5040.0, clock_offset_after_at=at)
    assert found.in_load_time(pd.Series([START + 50.0]), START).tolist() == pytest.approx([49.98], abs=0.0001)


def test_an_offset_that_was_measured_after_the_load_only_counts_throughout() -> None:
    found = drifting(clock_offset_after_ms=7000.0)
    labels = pd.Series([2.0, 102.0]) + START
    assert found.in_load_time(labels, START).tolist() == pytest.approx([0.0, 100.0])
