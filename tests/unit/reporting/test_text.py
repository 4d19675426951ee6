"""How figures are written."""

import pytest

from reporting import text


@pytest.mark.parametrize(
    ("value_us", "expected"),
    [
        (None, text.NOTHING),
        (7, "0.007"),
        (651, "0.651"),
        (999.9, "1.00"),
        (1325, "1.32"),
        (9996, "10.0"),
        (52_340, "52.3"),
        (99_960, "100"),
        (1_899_300, "1,899"),
    ],
)
def test_latencies_have_three_digits(value_us: float | None, expected: str) -> None:
    assert text.latency_ms(value_us) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, text.NOTHING), (0.0, "0"), (0.25, "0.2"), (99.94, "99.9"), (99.96, "100"), (14023.4, "14,023")],
)
def test_rates(value: float | None, expected: str) -> None:
    assert text.rate(value) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, text.NOTHING),
        (0.44, "0.4 s"),
        (2.0, "2 s"),
        (59.4, "59 s"),
        (59.7, "1 min"),
        (125, "2 min 5 s"),
        (12000, "3 h 20 min"),
    ],
)
def test_durations(seconds: float | None, expected: str) -> None:
    assert text.duration(seconds) == expected


@pytest.mark.parametrize(
    ("iso", "expected"),
    [
        ("2026-11-24T04:15:00.5+01:00", "2026-11-24 03:15:00 UTC"),
        ("2026-11-24T03:15:00Z", "2026-11-24 03:15:00 UTC"),
        ("soon", "soon"),
        ("", ""),
    ],
)
def test_moments(iso: str, expected: str) -> None:
    assert text.moment(iso) == expected


def test_of_many_names_some_are_said() -> None:
    assert text.some(["a"], 2) == "a"
    assert text.some(["a", "b"], 2) == "a, b"
    assert text.some(["a", "b", "c", "d"], 2) == "a, b and 2 more"
