"""How far a host's clock is off, and what is said of it."""

import pytest

from fleet.clock_offset import clock_offset, measure, parse
from zk_locust.contract.inventory.any_host import clock_problems, clock_text, clock_warnings


def answers(delays: list[tuple[float, float]], offset: float) -> tuple[list[str], list[float]]:
    """Return what a host says that is `offset` ahead, and our clock, for delays (there, back)."""
    texts, clock, now = [], [], 1000.0
    for there, back in delays:
        clock += [now, now + there + back]
        texts.append(f"{1_700_000_000 + now + there + offset:.9f}\n")
        now += 1
    return texts, [1_700_000_000 + moment for moment in clock]


def test_the_quickest_answer_counts() -> None:
    texts, clock = answers([(0.3, 0.1), (0.010, 0.012), (0.5, 0.0)], offset=2.0)
    answer = measure(iter(texts).__next__, iter(clock).__next__, questions=3)
    assert answer is not None
    assert answer.offset_s == pytest.approx(1.999, abs=1e-5)
    assert answer.error_s == pytest.approx(0.011, abs=1e-5)
    assert abs(answer.offset_s - 2.0) <= answer.error_s


def test_a_host_that_says_no_time() -> None:
    assert measure(lambda: "date: not found", lambda: 0.0) is None


@pytest.mark.parametrize("text", ["568971820800.5", "9" * 400])
def test_a_time_that_no_clock_shows_is_none(text: str) -> None:
    assert clock_offset(lambda: text, lambda: 1_795_747_200.0) == {"offset_ms": None, "error_ms": None}


def test_a_clock_that_has_lost_its_battery_has_an_offset() -> None:
    found = clock_offset(lambda: "0315532800.5", lambda: 1_795_747_200.0)
    assert found["offset_ms"] == -1_480_214_399_500.0
    assert clock_problems("z", found, 60), "preflight refuses the host"


def test_a_date_without_nanoseconds_is_right_within_half_a_second() -> None:
    assert parse("1700000000.N\n") == 1700000000.5
    assert parse("1700000000.123456789\n") == pytest.approx(1700000000.123457)
    assert parse("") is None


@pytest.mark.parametrize(
    ("offset_ms", "text"),
    [(51.4, "0.0514 s ahead"), (-3_600_000, "60 min behind"), (7_200_000, "2 h ahead"), (-89_000, "89 s behind")],
)
def test_an_offset_in_words(offset_ms: float, text: str) -> None:
    assert clock_text(offset_ms) == text


def test_a_clock_that_is_a_little_off_is_a_warning() -> None:
    assert clock_warnings("z", {"offset_ms": 49, "error_ms": 3}, 50) == []
    assert clock_warnings("z", {"offset_ms": 60, "error_ms": 70}, 50) == []  # it may be right
    (line,) = clock_warnings("z", {"offset_ms": -51, "error_ms": 3}, 50)
    assert line.startswith("z: its clock is 0.051 s behind of the controller's (±3 ms)")
    assert clock_problems("z", {"offset_ms": -51, "error_ms": 3}, 60) == []
    assert clock_warnings("z", {"offset_ms": None, "error_ms": None}, 50) == []


def test_a_clock_that_is_far_off_is_a_problem() -> None:
    (line,) = clock_problems("z", {"offset_ms": 3_600_000, "error_ms": 3}, 60)
    assert line.startswith("z: clock [60 min ahead of the controller's] is off by more than 60 s; synchronise it")
    assert clock_problems("z", {"offset_ms": None, "error_ms": None}, 60) == []
