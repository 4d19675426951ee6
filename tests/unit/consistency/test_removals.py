"""A removal without a reply may explain a missing node from when it was sent until its session's next write only."""

from collections.abc import Callable
from pathlib import Path

import pytest

from reporting.consistency import check as checking
from reporting.consistency import found
from tests.unit.consistency.histories import A, B, Node, Story, X, Y, begun
from zk_locust.contract import history_format as history


def lost_after_the_next_write(story: Story) -> None:
    story.fail(A, history.DELETE, X)
    story.set(A, Y, "the next write")
    story.set(B, X, "still there")
    del story.nodes[X]


def lost_after_the_end_of_the_session(story: Story) -> None:
    story.fail(A, history.DELETE, X)
    story.close(A)
    story.set(B, X, "still there")
    del story.nodes[X]


def created_again_and_lost(story: Story) -> None:
    story.fail(A, history.DELETE, X)
    story.carry_out_removal(X)
    story.set(A, Y, "the next write")
    story.create(B, X)
    del story.nodes[X]


@pytest.mark.parametrize(
    "plant", [lost_after_the_next_write, lost_after_the_end_of_the_session, created_again_and_lost]
)
@pytest.mark.parametrize("in_parts", [False, True], ids=["at once", "in parts"])
def test_a_node_that_is_lost_later_is_found(
    plant: Callable[[Story], None], in_parts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if in_parts:
        monkeypatch.setattr(checking, "MOST_RECORDS", 2)
    story = begun()
    plant(story)
    assert story.check(tmp_path / "end", story.read_all()).found.counts == {found.WRITES: 1}
    story.get(B, Y)
    story.exists(B, X)
    assert found.SESSIONS in story.check(tmp_path / "load").found.counts


def test_a_node_that_is_missing_before_its_removal_was_sent_is_found(tmp_path: Path) -> None:
    story = begun()
    story.exists(B, X, result=history.NO_NODE, what=history.EXISTS, mzxid=0, czxid=0, version=0, digest=0)
    story.fail(A, history.DELETE, X)
    story.carry_out_removal(X)
    assert set(story.check(tmp_path, story.read_all()).found.counts) == {found.SESSIONS}


def carried_out_at_once(story: Story) -> None:
    story.fail(A, history.DELETE, X)
    story.carry_out_removal(X)
    story.exists(B, X)
    story.set(A, Y, "the next write")


def carried_out_after_a_later_write_of_the_node(story: Story) -> None:
    story.fail(A, history.DELETE, X)
    story.set(B, X, "still there")
    story.carry_out_removal(X)
    story.set(A, Y, "the next write")


def of_a_session_that_writes_nothing_more(story: Story) -> None:
    story.fail(A, history.DELETE, X)
    story.set(B, X, "still there")
    story.get(A, X)
    story.carry_out_removal(X)


def one_of_two_carried_out(story: Story) -> None:
    story.fail(A, history.DELETE, X)
    story.set(A, Y, "the next write")
    story.fail(B, history.DELETE, X)
    story.set(A, X, "still there")
    story.carry_out_removal(X)
    story.set(B, Y, "the next write")


def an_ephemeral_node_of_this_name(story: Story) -> None:
    story.delete(A, X)
    story.fail(B, history.CREATE | history.EPHEMERAL, X, "mine")
    story.zxid += 1
    story.nodes[X] = Node(story.zxid, "mine", B)
    story.set(B, Y, "the next write")
    story.set(A, X, "still there")
    story.close(B)
    story.get(A, Y)
    story.exists(A, X)


@pytest.mark.parametrize(
    "happens",
    [
        carried_out_at_once, carried_out_after_a_later_write_of_the_node, of_a_session_that_writes_nothing_more,
        one_of_two_carried_out, an_ephemeral_node_of_this_name,
    ],
)  # fmt: skip
def test_a_removal_that_may_have_been_carried_out_is_no_violation(
    happens: Callable[[Story], None], tmp_path: Path
) -> None:
    story = begun()
    happens(story)
    story.get(B, Y)
    story.exists(B, X)
    assert story.check(tmp_path, story.read_all()).found.counts == {}
