"""What the samples of a host, and its measured offsets, tell of its wall clock."""

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
    return host_clocks(Manifest(), samples("zk1", offsets_s))["zk1"]


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
    assert slewed.in_load_time(labels, START, 44.0).tolist() == pytest.approx([5.0, 20.0, 40.0], abs=0.001)
