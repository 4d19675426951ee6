"""The rule `sessions-uneven`: what chance does not explain."""

from pathlib import Path

import pytest

from reporting import judge_run
from tests.unit.reporting.synthetic import Synthetic
from tests.unit.reporting.test_verdict import rules, text


@pytest.mark.parametrize(
    ("sessions", "expected"),
    [
        ((32, 0, 0), "inconclusive"),
        ((8, 0, 0), "inconclusive"),  # chance does it in 1 of 2,187 runs
        ((7, 0, 0), "inconclusive"),  # 1 of 729
        ((6, 0, 0), "note"),  # 1 of 243
        ((4, 0, 0), ""),  # 1 of 27
        ((1, 0, 0), ""),
        ((9, 1, 0), "inconclusive"),  # 1 of 937
        ((15, 10, 7), ""),
        ((140, 80, 80), ""),  # 1 of 285,000, but less than 1.5 times an even share
        ((76, 42, 32), "inconclusive"),
        ((5, 0), ""),  # 1 of 16
        ((11, 0), "inconclusive"),  # 1 of 1,024
        ((4, 0, 0, 0, 0), "note"),  # 1 of 125
        ((0, 0, 0), ""),
    ],
)
def test_an_uneven_spread_is_judged_by_its_probability(
    tmp_path: Path, sessions: tuple[int, ...], expected: str
) -> None:
    run = Synthetic(
        stall_at_s=None,
        members=len(sessions),
        poll=lambda member, _at_s: {"num_alive_connections": sessions[int(member[2:]) - 1]},
    ).write(tmp_path / "run")
    found = judge_run(run).verdict
    assert rules(found).get("sessions-uneven", "") == expected


def test_the_reason_says_how_often_chance_does_it(tmp_path: Path) -> None:
    run = Synthetic(
        stall_at_s=None, poll=lambda member, _at_s: {"num_alive_connections": 6 if member == "zk2" else 0}
    ).write(tmp_path / "run")
    found = judge_run(run).verdict
    assert found.verdict == "valid"
    said = "6 of 6 connections were at zk2, where 2 would be an even share of 3 members. Chance does that in 1 of 243"
    assert text(found, "sessions-uneven").startswith(said)
