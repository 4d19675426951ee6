"""Durations as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zk_locust.contract.durations import format_duration, parse_duration_ms


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("500ms", 500),
        ("30s", 30_000),
        ("5m", 300_000),
        ("5min", 300_000),
        ("1h30m", 5_400_000),
        ("1h 30m 2s", 5_402_000),
        ("1.5 s", 1500),
        ("250us", 0.25),
        ("0", 0),
        (" 12 ", 12_000),
        (3, 3000),
        (0.25, 250),
    ],
)
def test_what_is_understood(text: str | float, milliseconds: float) -> None:
    assert parse_duration_ms(text) == pytest.approx(milliseconds)


def test_a_bare_number_is_one_of_the_unit_that_the_name_promises() -> None:
    assert parse_duration_ms("7", "ms") == 7
    assert parse_duration_ms("7", "s") == 7000


@pytest.mark.parametrize(
    "text",
    ["", " ", "s", "soon", "5 parsecs", "-5s", -5, "5s-", "1h-30m", "5,5s", "5..5s", "inf", "nan", "1e", float("inf"),
     float("nan"), True, False, "5S"],
)  # fmt: skip
def test_what_is_not_understood_is_named_with_a_remedy(text: str | float) -> None:
    with pytest.raises(ValueError, match=r"^\[.*\] is not a duration; write e\.g\. 500ms"):
        parse_duration_ms(text)


@given(st.floats(min_value=0, max_value=1e18))
def test_a_duration_that_python_has_written_is_read_back(milliseconds: float) -> None:
    assert parse_duration_ms(str(milliseconds), "ms") == milliseconds


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    problem, milliseconds = "", 0.0
    try:
        milliseconds = parse_duration_ms(text)
    except ValueError as error:
        problem = str(error)
    assert milliseconds >= 0
    assert not problem or "is not a duration" in problem


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (45.4, "45 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (59.7, "1 min"),
    ],
)
def test_durations_are_said_as_people_say_them(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
