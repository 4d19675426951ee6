"""Lists of children: what is left out or invented is found, and what cannot be known is no violation."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reporting.consistency import check as checking
from reporting.consistency import found
from reporting.consistency.excerpt import excerpt
from reporting.consistency.history_file import RECORD
from reporting.consistency.sessions import NEVER
from reporting.consistency.settled import Settled
from tests.unit.consistency.histories import ROOT, A, B, C, Node, Story, X, Y, begun
from zk_locust.contract import history_format as history

N = f"{X}/n"
EPHEMERAL_N = f"{X}/e"


def left_out(story: Story) -> None:
    story.create(A, N)
    story.list(B, X, without="n")


def left_out_of_a_node_that_was_there_before(story: Story) -> None:
    story.nodes["/root/old"] = Node(1, "")
    for name in ("a", "b"):
        story.nodes[f"{ROOT}/old/{name}"] = Node(1, "")
    story.list(A, f"{ROOT}/old")
    story.create(A, f"{ROOT}/old/c")
    story.list(A, f"{ROOT}/old")
    story.list(A, f"{ROOT}/old", without="b")


def invented(story: Story) -> None:
    story.list(B, X, also=["nobody's"])


def removed(story: Story) -> None:
    story.create(A, N)
    story.delete(A, N)
    story.list(B, X, also=["n"])


def exchanged(story: Story) -> None:
    story.create(A, N)
    story.list(B, X, without="n", also=["m"])


def kept_after_its_session(story: Story) -> None:
    story.create(C, EPHEMERAL_N, "", history.EPHEMERAL)
    story.close(C)
    story.list(B, X, also=["e"])


def gone_before_its_session(story: Story) -> None:
    story.create(C, EPHEMERAL_N, "", history.EPHEMERAL)
    story.list(B, X, without="e")
    story.get(B, X)
    story.close(C)


def left_out_before_it_was_undecided(story: Story) -> None:
    story.create(A, N)
    story.list(B, X, without="n")
    story.get(B, X)
    story.get(C, X)
    story.fail(C, history.DELETE, N)


def left_out_at_the_end(story: Story) -> None:
    story.create(A, N)
    story.nodes.pop(N)


@pytest.mark.parametrize("in_parts", [False, True], ids=["at once", "in parts"])
@pytest.mark.parametrize(
    ("plant", "text"),
    [
        (left_out, "lacks a node that was created"),
        (left_out_of_a_node_that_was_there_before, "names other nodes"),
        (invented, "names other nodes"),
        (removed, "names a node that was removed"),
        (exchanged, "names other nodes"),
        (kept_after_its_session, "names a node that was removed"),
        (gone_before_its_session, "lacks a node that was created"),
        (left_out_before_it_was_undecided, "lacks a node that was created"),
        (left_out_at_the_end, "lacks a node that was created"),
    ],
)
def test_a_list_with_other_names_is_found(
    plant: Callable[[Story], None], text: str, in_parts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if in_parts:
        monkeypatch.setattr(checking, "MOST_RECORDS", 2)
    story = begun()
    plant(story)
    final = story.read_all()
    final.list(0xF, X)
    checked = story.check(tmp_path, final)
    (violation,) = checked.found.violations[found.CHILDREN]
    assert text in violation.text
    told = excerpt(violation, checked.files, checking.clocks_of(checked.files, {}))
    assert len(told) == 2
    assert "get children" in told[1]
    assert "names" in told[1]


def right(story: Story) -> None:
    """All that may happen to children, and a list after each."""
    changes: list[Callable[[], object]] = [
        lambda: story.create(A, N),
        lambda: story.create(C, EPHEMERAL_N, "", history.EPHEMERAL),
        lambda: story.create(A, f"{X}/q0000000001", "", history.SEQUENCE),
        lambda: story.delete(A, N),
        lambda: story.close(C),
        lambda: story.create(B, N),
    ]
    for change in changes:
        change()
        story.list(B, X)
        story.list(A, ROOT)


def undecided(story: Story, *, done: bool, kind: int, path: str) -> None:
    story.fail(A, kind, path)
    if done and kind == history.CREATE:
        story.nodes[path] = Node(story.zxid + 1, "")
    elif done:
        del story.nodes[path]
    story.zxid += 1


def an_undecided_create(story: Story, *, done: bool) -> None:
    undecided(story, done=done, kind=history.CREATE, path=N)
    story.list(B, X)


def an_undecided_sequential_create(story: Story, *, done: bool) -> None:
    story.fail(A, history.CREATE | history.SEQUENCE, f"{X}/q")
    story.nodes.update({f"{X}/q0000000000": Node(story.zxid + 1, "")} if done else {})
    story.zxid += 1
    story.list(B, X)


def an_undecided_removal(story: Story, *, done: bool) -> None:
    story.create(A, N)
    undecided(story, done=done, kind=history.DELETE, path=N)
    story.list(B, X)


def an_error_after_which_it_may_be_there(story: Story, *, done: bool) -> None:
    story.fail(A, history.CREATE, N, result=-1, zxid=story.zxid)
    story.nodes.update({N: Node(story.zxid + 1, "")} if done else {})
    story.zxid += 1
    story.list(B, X)


def a_create_without_a_transaction(story: Story, *, done: bool) -> None:
    story.create(A, N, zxid=0)
    story.list(B, X, without="" if done else "n")


def a_session_whose_end_is_not_known(story: Story, *, done: bool) -> None:
    story.create(C, EPHEMERAL_N, "", history.EPHEMERAL)
    story.note(C, history.EXPIRED)
    story.zxid += 1
    if done:
        del story.nodes[EPHEMERAL_N]
    story.list(B, X)


def a_session_that_has_ended_in_between(story: Story, *, done: bool) -> None:
    story.create(C, EPHEMERAL_N, "", history.EPHEMERAL)
    story.zxid += 1
    if done:
        del story.nodes[EPHEMERAL_N]
        story.list(B, X)
        story.create(B, EPHEMERAL_N)
    story.list(B, X)


WITHOUT_A_REPLY = (
    an_undecided_create,
    an_undecided_sequential_create,
    an_undecided_removal,
    an_error_after_which_it_may_be_there,
)


@pytest.mark.parametrize("done", [False, True], ids=["not carried out", "carried out"])
@pytest.mark.parametrize(
    "happens",
    [
        *WITHOUT_A_REPLY,
        a_create_without_a_transaction,
        a_session_whose_end_is_not_known,
        a_session_that_has_ended_in_between,
    ],
)
def test_what_is_not_known_is_no_violation(happens: Callable[..., None], done: bool, tmp_path: Path) -> None:
    story = begun()
    right(story)
    story.delete(B, N)
    happens(story, done=done)
    checked = story.check(tmp_path)
    assert found.CHILDREN not in checked.found.counts, checked.found


@pytest.mark.parametrize("left_out", ["", "m"], ids=["right", "left out"])
@pytest.mark.parametrize("done", [False, True], ids=["not carried out", "carried out"])
@pytest.mark.parametrize("happens", WITHOUT_A_REPLY)
def test_after_a_later_write_of_its_session_lists_are_compared_again(
    happens: Callable[..., None], done: bool, left_out: str, tmp_path: Path
) -> None:
    story = begun()
    story.create(A, f"{X}/m")
    happens(story, done=done)
    story.list(B, X, without="m")  # nothing is known yet
    story.set(A, Y, "all is carried out that was sent before")
    for without in ("", "", left_out):
        story.list(B, X, without=without)
    assert set(story.check(tmp_path).found.counts) == ({found.CHILDREN} if left_out else set())


def of_a_session_that_is_closed_later(story: Story, *, done: bool) -> None:
    story.fail(C, history.CREATE | history.EPHEMERAL, EPHEMERAL_N)
    story.zxid += 1
    if done:
        story.nodes[EPHEMERAL_N] = Node(story.zxid, "", C)
    story.set(C, Y, "all is carried out that was sent before")
    story.list(B, X)
    story.list(B, X)
    story.close(C)


def of_an_ephemeral_node(story: Story, *, done: bool) -> None:
    story.create(C, EPHEMERAL_N, "", history.EPHEMERAL)
    undecided(story, done=done, kind=history.DELETE, path=EPHEMERAL_N)
    story.set(A, Y, "all is carried out that was sent before")
    story.list(B, X)
    story.list(B, X)
    story.close(C)


@pytest.mark.parametrize("done", [False, True], ids=["not carried out", "carried out"])
@pytest.mark.parametrize("happens", [of_a_session_that_is_closed_later, of_an_ephemeral_node])
def test_an_ephemeral_node_may_go_long_after_a_change_without_a_reply(
    happens: Callable[..., None], done: bool, tmp_path: Path
) -> None:
    story = begun()
    happens(story, done=done)
    story.list(B, X)
    assert found.CHILDREN not in story.check(tmp_path).found.counts


def test_a_write_that_was_sent_before_settles_nothing(tmp_path: Path) -> None:
    story = begun()
    story.create(A, N)
    story.delete(A, N)
    story.records[-1] |= {"result": history.UNDECIDED, "zxid": 0, "xid": 0}
    sent = story.records[-1]["sent"]
    story.nodes[N] = Node(1, "")
    story.set(A, Y, "1", sent=sent - 1)
    story.list(B, X)
    story.list(B, X)
    story.list(B, X, without="n")
    assert story.check(tmp_path).found.counts == {}


def test_the_write_that_settles_may_come_much_later() -> None:
    settled = Settled()
    first, then = (np.zeros(2, RECORD) for _ in range(2))
    first["sent"], first["session"], first["result"] = (10, 11), (A, B), history.UNDECIDED
    then["sent"], then["session"], then["zxid"], then["what"] = (12, 13), (C, A), (7, 8), history.SET
    settled.take(first, np.arange(2), np.arange(2))
    assert settled.until(np.arange(2)).tolist() == [NEVER, NEVER]
    settled.take(then, np.arange(2, 4), np.arange(0))
    assert settled.until(np.arange(2)).tolist() == [8, NEVER]


def test_all_that_may_happen_to_children_is_no_violation(tmp_path: Path) -> None:
    story = begun()
    right(story)
    final = story.read_all()
    final.list(0xF, ROOT)
    final.list(0xF, X)
    final.list(0xF, Y)
    checked = story.check(tmp_path, final)
    assert checked.found.counts == {}


@pytest.mark.parametrize("next_told", [0, 1], ids=["of the same state", "of the new state"])
def test_a_list_may_be_newer_than_its_transaction_until_the_next_reply(next_told: int, tmp_path: Path) -> None:
    story = begun()
    before = story.zxid
    story.create(A, N)
    story.list(B, X, zxid=before)
    story.get(B, X, zxid=before + next_told)
    assert set(story.check(tmp_path).found.counts) == (set() if next_told else {found.CHILDREN})


def test_a_list_that_was_cut_off_by_a_lost_connection_may_be_of_a_later_state(tmp_path: Path) -> None:
    story = begun()
    before = story.zxid
    story.create(A, N)
    story.create(A, f"{X}/m")
    story.list(B, X, zxid=before)
    story.note(B, history.LOST)
    story.note(B, history.CONNECTED)
    story.get(B, X, zxid=before)
    assert story.check(tmp_path).found.counts == {}


@pytest.mark.parametrize("lacks", ["its end", "a path", "a file", "names"])
def test_without_what_it_needs_nothing_is_said(lacks: str, tmp_path: Path) -> None:
    story = begun()
    left_out(story)
    if lacks == "a path":
        story.create(A, "/\ufffd/20000 characters, 0")
    if lacks == "names":  # as of an earlier version
        story.records[-1] |= {"what": history.GET_CHILDREN, "version": 0, "digest": 0}
    checked = story.check(tmp_path, ended=lacks != "its end", complete=lacks != "a file")
    assert checked.found.counts == {}
