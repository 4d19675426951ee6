"""Users that change on purpose: what the verdict says of them, and what the report draws."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reporting.render import chart_list, report_tables
from reporting.render.tables import summary
from reporting.verdict.judged_run import JudgedRun, judge_run
from tests.unit.reporting.synthetic import Synthetic
from tests.unit.reporting.test_verdict import rules, text
from zk_locust.contract.events import CONTROL_FAILED, USERS_CHANGED

# 8 users for 10 s, a step to 32, and a ramp back to 8. The measured stage begins after 5 s.
STAGES = [
    {"from_users": 8, "to_users": 8, "planned_s": 10.0},
    {"from_users": 32, "to_users": 32, "planned_s": 10.0},
    {"from_users": 32, "to_users": 8, "planned_s": 10.0},
]


def as_planned(at_s: float) -> int:
    measured_s = at_s - 5
    return 8 if measured_s <= 10 else 32 if measured_s <= 20 else round(32 - 2.4 * (measured_s - 20))


def late(at_s: float) -> int:
    """The step comes four seconds late."""
    return 8 if at_s <= 19 else as_planned(at_s)


def run(folder: Path, users_at: Callable[[float], int], plan: dict[str, Any], *events: tuple[str, str]) -> JudgedRun:
    made = Synthetic(stall_at_s=None, users_at=users_at, plan=plan).write(folder / "run")
    with (made / "events.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = list(rows[0])
    with (made / "events.csv").open("a", newline="") as file:
        for event, subject in events:
            row = rows[0] | {"event": event, "subject": subject, "detail": "from 8 to 32 users", "duration_s": ""}
            csv.DictWriter(file, columns).writerow(row)
    return judge_run(made)


def test_users_that_follow_their_stages_are_only_noted(tmp_path: Path) -> None:
    found = run(tmp_path, as_planned, {"user_stages": STAGES})
    assert (found.verdict.verdict, rules(found.verdict)) == ("valid", {"users-vary": "note"})
    assert text(found.verdict, "users-vary").startswith(
        "Stages of users changed the number of users in the measured stage, from 8 to 32: rate and percentiles are"
    )


def test_the_report_says_how_many_users_and_when(tmp_path: Path) -> None:
    found = run(tmp_path, as_planned, {"user_stages": STAGES, "users": 32})
    assert summary(found, None)[0].startswith(f"Run {found.run.run_id}: scenario quick, 8 to 32 users, ")
    rows = {cells[0]: cells[1] for cells in report_tables.scenario(found).rows}
    assert rows["Stages of users"] == "8 users for 10 s, 32 users for 10 s, 32 to 8 users for 10 s"
    assert not {"user_stages", "first_users"} & set(rows)


def test_users_that_come_later_than_their_stages_are_missing(tmp_path: Path) -> None:
    found = run(tmp_path, late, {"user_stages": STAGES}).verdict
    assert rules(found) == {"users-vary": "note", "users-missing": "inconclusive"}
    assert text(found, "users-missing").startswith(
        "In 2 of 30 measured intervals fewer users were running than the stages of users planned: 8 instead of 32 at"
    )


@pytest.mark.parametrize(
    ("subject", "said"), [("load shape", "A load shape changed"), ("control program", "A control program changed")]
)
def test_users_that_a_locustfile_changes_are_not_missing(tmp_path: Path, subject: str, said: str) -> None:
    assert rules(run(tmp_path / "a", as_planned, {}).verdict) == {"users-missing": "inconclusive"}
    found = run(tmp_path / "b", as_planned, {}, (USERS_CHANGED, subject)).verdict
    assert rules(found) == {"users-vary": "note"}
    assert text(found, "users-vary").startswith(said)


def test_a_shape_that_ends_before_the_run_time_is_named(tmp_path: Path) -> None:
    stages = [{"name": "warm-up", "planned_s": 5.0}, {"name": "measured", "planned_s": 60.0}]
    shaped = run(tmp_path / "a", as_planned, {"stages": stages}, (USERS_CHANGED, "load shape")).verdict
    assert text(shaped, "cut-short").endswith("If the load shape ended it, set run_time to the shape's length; "
                                              "otherwise run it again to its end.")  # fmt: skip
    other = run(tmp_path / "b", as_planned, {"stages": stages}, (USERS_CHANGED, "control program")).verdict
    assert text(other, "cut-short").endswith("planned. Run it again to its end.")


def test_a_control_function_that_has_failed_makes_a_run_inconclusive(tmp_path: Path) -> None:
    found = run(tmp_path, lambda _: 32, {}, (CONTROL_FAILED, "control program")).verdict
    assert rules(found) == {"control-failed": "inconclusive"}


@pytest.mark.parametrize("stages", [[{"from_users": 8}], "many", [{"from_users": 1, "to_users": 1, "planned_s": 0}]])
def test_stages_in_a_manifest_that_cannot_be_read_are_said(tmp_path: Path, stages: object) -> None:
    found = run(tmp_path, lambda _: 32, {"user_stages": stages})
    assert any("plan.user_stages cannot be read" in str(problem) for problem in found.run.problems)


def test_the_report_draws_users_only_where_their_number_changes(tmp_path: Path) -> None:
    changing = run(tmp_path / "a", as_planned, {"user_stages": STAGES})
    drawn = {figure.slug: figure for figure in chart_list.build(changing)}
    assert drawn["users"].caption == "Stages of users changed their number."
    assert "running: 8 to 32 users" in drawn["users"].description
    assert "planned: 8 to 32 users" in drawn["users"].description
    assert "users" not in {figure.slug for figure in chart_list.build(run(tmp_path / "b", lambda _: 32, {}))}
