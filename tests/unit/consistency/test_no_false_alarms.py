"""Histories of correct ensembles that look wrong at first sight: no check may call them a violation."""

from pathlib import Path

import pytest

from reporting.consistency import found
from tests.unit.consistency.histories import ROOT, A, B, C, Node, Story, X, Y, begun
from zk_locust.contract import history_format as history

E = f"{ROOT}/e"


def test_what_a_killed_worker_did_last_is_not_in_its_history(tmp_path: Path) -> None:
    story = begun()
    story.create(A, f"{ROOT}/p")
    story.create(A, f"{ROOT}/p/n0000000007", "", history.SEQUENCE)
    other = Story()
    for path in (f"{ROOT}/p/n0000000007", f"{ROOT}/p", X):
        story.delete(A, path)
        story.records.pop()
    other.zxid, other.now, other.nodes = story.zxid, story.now, story.nodes
    other.create(B + 8, f"{ROOT}/p")
    other.create(B + 8, f"{ROOT}/p/n0000000000", "", history.SEQUENCE)
    other.exists(B + 8, X)
    final = other.read_all()
    assert story.check(tmp_path / "cut", other, final, ended=False).found.counts == {}
    assert story.check(tmp_path / "incomplete", other, final, complete=False).found.counts == {}
    found_then = story.check(tmp_path / "complete", other, final).found.counts
    assert {found.WRITES, found.SEQUENCES, found.SESSIONS} <= set(found_then)


def test_an_ephemeral_node_that_went_without_a_reply_tells_no_watch_when_its_session_ends(tmp_path: Path) -> None:
    story = begun()
    story.create(A, E, "", history.EPHEMERAL)
    story.get(B, E)
    story.delete(A, E)
    story.records[-1] |= {"result": history.UNDECIDED, "zxid": 0, "xid": 0}
    story.exists(B, E, what=history.EXISTS | history.WATCH)
    story.close(A)
    story.get(B, X)
    assert story.check(tmp_path, story.read_all()).found.counts == {}


def test_an_ephemeral_node_may_be_another_sessions_without_a_reply(tmp_path: Path) -> None:
    story = begun()
    story.create(A, E, "", history.EPHEMERAL)
    story.delete(A, E)
    story.records[-1] |= {"result": history.UNDECIDED, "zxid": 0, "xid": 0}
    story.create(C, E, "", history.EPHEMERAL)
    story.records[-1] |= {"result": history.UNDECIDED, "zxid": 0, "xid": 0}
    story.close(A)
    story.get(B, Y)
    story.get(B, E)
    assert story.check(tmp_path).found.counts == {}


@pytest.mark.parametrize("sequential", [False, True], ids=["named", "sequential"])
def test_a_node_whose_making_had_no_reply_may_be_ephemeral(sequential: bool, tmp_path: Path) -> None:
    story = begun()
    flags = history.EPHEMERAL | (history.SEQUENCE if sequential else 0)
    made = f"{E}0000000003" if sequential else E
    story.zxid += 1
    story.nodes[made] = Node(story.zxid, "mine", A)
    story.fail(A, history.CREATE | flags, E, "mine")
    story.get(C, made)
    story.set(C, made, "still mine")
    story.get(B, X)
    story.close(A)
    story.get(B, X)
    story.exists(B, made)
    assert story.check(tmp_path, story.read_all()).found.counts == {}


def test_a_persistent_node_whose_making_had_no_reply_stays_all_the_same(tmp_path: Path) -> None:
    story = begun()
    story.zxid += 1
    story.nodes[E] = Node(story.zxid, "mine")
    story.fail(A, history.CREATE, E, "mine")
    story.set(C, E, "still mine")
    del story.nodes[E]
    assert found.WRITES in story.check(tmp_path, story.read_all()).found.counts


def test_sequence_numbers_begin_anew_below_a_node_that_may_have_been_removed(tmp_path: Path) -> None:
    story = begun()
    story.create(A, f"{X}/n0000000000", "", history.SEQUENCE)
    story.delete(A, f"{X}/n0000000000")
    for number in (story.delete(A, X), story.create(B, X)):
        story.records[number] |= {"result": history.UNDECIDED, "zxid": 0, "xid": 0}
    story.create(A, f"{X}/n0000000000", "", history.SEQUENCE)
    assert story.check(tmp_path, story.read_all()).found.counts == {}


@pytest.mark.parametrize("events", [2, 3])
def test_watches_on_a_node_and_on_its_children_tell_of_its_removal_each_after_a_reconnect(
    events: int, tmp_path: Path
) -> None:
    story = begun()
    story.watch(B, X)
    story._read(B, history.GET_CHILDREN | history.WATCH, X, {})
    story.note(B, history.LOST)
    story.delete(A, X)
    story.note(B, history.CONNECTED)
    for _ in range(events):
        story.event(B, X, 2)
    story.get(B, Y)
    assert story.check(tmp_path).found.counts == ({} if events == 2 else {found.WATCHES: 1})


def test_a_value_is_not_blamed_where_operations_were_not_recorded(tmp_path: Path) -> None:
    story = begun()
    story.note(0, history.UNRECORDED)
    story.zxid += 1
    story.nodes[X].mzxid, story.nodes[X].version, story.nodes[X].value = story.zxid, 1, "of another client"
    story.get(B, X)
    checked = story.check(tmp_path)
    assert (checked.found.counts, checked.unrecorded) == ({}, ["host-0/history-worker-1.bin"])


def test_a_client_that_tells_no_transactions_raises_nothing(tmp_path: Path) -> None:
    story = begun()
    story.create(A, E, "", history.EPHEMERAL)
    story.create(A, f"{ROOT}/n0000000000", "", history.SEQUENCE)
    story.set(B, X, "1")
    story.watch(C, Y)
    story.get(C, X)
    story.get(C, Y)  # of an older write than X, and of no older state
    story.exists(C, f"{ROOT}/gone", what=history.EXISTS | history.WATCH)
    story.create(A, f"{ROOT}/gone")
    story.delete(A, f"{ROOT}/gone")
    story.exists(C, f"{ROOT}/gone")
    story.close(A)
    story.exists(B, E)
    for record in story.records:
        is_set = record["what"] & history.KIND_MASK == history.SET
        record |= {"zxid": record["mzxid"] if is_set else 0, "xid": 0}
    checked = story.check(tmp_path, story.read_all())
    assert checked.found.counts == {}
    assert checked.unplaced == ["host-0/history-worker-1.bin"]


@pytest.mark.parametrize("ended", [False, True], ids=["kept", "ended"])
def test_watches_that_a_client_has_ended_do_not_fire(ended: bool, tmp_path: Path) -> None:
    story = begun()
    story.watch(B, X)
    story.note(B, history.LOST)
    if ended:
        story.note(B, history.WATCHES_ENDED)
    story.note(B, history.CONNECTED)
    story.set(A, X, "1")
    story.get(B, X)
    checked = story.check(tmp_path, story.read_all())
    assert set(checked.found.counts) == (set() if ended else {found.WATCHES})
    assert checked.unwatched == int(ended)


def test_sessions_without_a_watch_are_not_counted_as_unwatched(tmp_path: Path) -> None:
    story = begun()
    story.note(B, history.LOST)
    story.note(B, history.WATCHES_ENDED)
    story.get(B, X)
    assert story.check(tmp_path).unwatched == 0
