"""Locks have one holder; holdings of sessions that may have ended are left out, and counted."""

from pathlib import Path

import pytest

from reporting.consistency import found, result
from reporting.consistency.states import CONSISTENT
from reporting.read.manifest import Manifest
from reporting.read.plan import Plan
from tests.unit.consistency.histories import LOCK, A, B, X, begun, two_holders
from zk_locust.contract import history_format as history


def test_holders_one_after_the_other_are_no_violation(tmp_path: Path) -> None:
    story = begun()
    for session in (A, B, A):
        story.note(session, history.HELD, LOCK)
        story.note(session, history.RELEASED, LOCK)
        story.set(session, X, f"{session} has released it")
    checked = story.check(tmp_path)
    assert checked.found.counts == {}
    assert (checked.holdings, checked.holdings_left_out) == (3, 0)


def test_two_holders_are_found_although_their_sessions_lost_a_connection_before_and_later(tmp_path: Path) -> None:
    story = begun()
    for session in (A, B):
        story.note(session, history.LOST)
        story.note(session, history.CONNECTED, xid=4_000)
    two_holders(story)
    story.note(A, history.LOST)
    checked = story.check(tmp_path)
    assert checked.found.counts == {found.LOCKS: 1}
    assert (checked.holdings, checked.holdings_left_out) == (2, 0)


@pytest.mark.parametrize("lost_first", [False, True], ids=["told later", "told before"])
def test_a_holder_whose_session_may_have_ended_is_left_out_and_counted(lost_first: bool, tmp_path: Path) -> None:
    story = begun()
    story.note(A, history.HELD, LOCK)
    story.set(A, X, "while it is held")
    if lost_first:
        story.note(A, history.LOST)
    story.note(B, history.HELD, LOCK)
    story.note(A, history.RELEASED, LOCK)
    story.fail(A, history.DELETE, f"{LOCK}/n0000000001")
    story.note(B, history.RELEASED, LOCK)
    story.set(B, X, "released")
    checked = story.check(tmp_path)
    assert checked.found.counts == {}
    assert (checked.holdings, checked.holdings_left_out) == (2, 1)


@pytest.mark.parametrize(
    ("known", "note"),
    [
        (True, "1 of 2 holdings of locks were not checked: their sessions may have ended before the release"),
        (False, "Locks were not checked: each session that held one may have ended before the release"),
    ],
    ids=["one", "all"],
)
def test_the_answer_tells_how_many_holdings_were_left_out(known: bool, note: str, tmp_path: Path) -> None:
    story = begun()
    for session in (A, B):
        story.note(session, history.HELD, LOCK)
        story.note(session, history.RELEASED, LOCK)
    if known:
        story.set(B, X, "released")
    story.write(tmp_path / "history/load1/history-worker-1.bin")
    story.read_all().write(tmp_path / "history/load1/history-final.bin", process="final")
    answer = result.of_run(tmp_path, Manifest(plan=Plan(workers={"load1": 1})))
    assert (answer.state, answer.notes) == (CONSISTENT, (note,))
