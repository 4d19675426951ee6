"""The table of provoked rules, which rules the benchmark knows, and what it calls an alarm."""

from pathlib import Path
from typing import Any

import pytest

import reporting.verdict
from benchmarks.verdict.__main__ import PROVOCATIONS, chosen
from benchmarks.verdict.clean import alarms
from benchmarks.verdict.machine_provocations import CHANGES
from benchmarks.verdict.provocation import found
from benchmarks.verdict.table import Row, markdown, printed
from reporting import judge_run
from tests.unit.reporting.synthetic import Synthetic

SOURCES = "".join(path.read_text() for path in Path(reporting.verdict.__path__[0]).glob("*_rules.py"))


CLEAN: dict[str, Any] = {
    "stall_at_s": None, "lateness_us": 60.0, "client_delay_us": 40.0, "operations": {"get": 700.0},
}  # fmt: skip


def test_each_provocation_names_rules_that_exist() -> None:
    assert [rule for each in PROVOCATIONS.values() for rule in each.rules if f'"{rule}",' not in SOURCES] == []


def test_patterns_choose_provocations() -> None:
    assert chosen(None) == list(PROVOCATIONS)
    assert chosen("disk,stopped-*") == ["stopped-open", "stopped-kazoo", "stopped-closed", "stopped-member", "disk"]
    with pytest.raises(ValueError, match=r"^nothing$"):
        chosen("disk,nothing")


def test_a_rule_holds_only_if_it_speaks_in_every_run() -> None:
    assert not Row("censored", "frozen", stand_in=False).holds, "there was no run"
    always, once, note = (Row(rule, "frozen", rule == "swapping") for rule in ("stalls", "censored", "swapping"))
    found_in_runs: list[dict[str, list[str]]] = [{"censored": ["p99.9", "p99"], "stalls": []}, {"stalls": []}]
    for spoke in found_in_runs:
        for row in (always, once):
            row.take(spoke)
    note.take({"swapping": []})
    assert [row.holds for row in (always, once, note)] == [True, False, True]
    assert once.others == {"stalls"}
    assert markdown([once, note]).splitlines()[2:] == [
        "| `censored` | frozen | 1 of 2 | p99, p99.9 |",
        "| `swapping` | frozen (stand-in) | 1 of 1 | - (note) |",
    ]
    assert len(printed([once, note]).splitlines()) == 4


def test_what_a_rule_makes_not_valid_is_told_apart_from_notes(tmp_path: Path) -> None:
    clean = judge_run(Synthetic(**CLEAN).write(tmp_path / "clean"))
    assert (found(clean), alarms(clean)) == ({}, [])
    note = judge_run(Synthetic(away_percent=5.0, **CLEAN).write(tmp_path / "note"))
    assert (found(note), alarms(note)) == ({"worker-away": []}, [])
    spoilt = judge_run(Synthetic(away_percent=15.0, **CLEAN).write(tmp_path / "spoilt"))
    assert found(spoilt) == {"worker-away": ["rate"]}
    assert {alarm.partition(":")[0] for alarm in alarms(spoilt)} == {"worker-away"}


@pytest.mark.parametrize("name", CHANGES)
def test_a_stand_in_makes_a_clean_run_break_its_rule(tmp_path: Path, name: str) -> None:
    _, rule, change = CHANGES[name]
    folder = Synthetic(**CLEAN).write(tmp_path / "run")
    assert rule not in found(judge_run(folder))
    change(folder)
    assert rule in found(judge_run(folder))
