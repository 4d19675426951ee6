"""An operation without a reply explains what is wrong with its node only while it may have been carried out."""

from collections.abc import Callable
from pathlib import Path

import pytest

from reporting.consistency import check as checking
from reporting.consistency import found
from tests.unit.consistency.histories import ROOT, A, B, C, Node, Story, X, Y, begun
from zk_locust.contract import history_format as history

N = f"{ROOT}/n"


def removal_without_effect(story: Story, path: str = X) -> None:
    """Send a removal that is not carried out, and after it a write that is."""
    story.fail(C, history.DELETE, path)
    story.set(C, Y, "the next write")


def not_decided(story: Story, *numbers: int) -> None:
    """Lose the replies to operations that were carried out."""
    for number in numbers:
        story.records[number] |= {"result": history.UNDECIDED, "zxid": 0, "xid": 0}


def sequential(story: Story, number: int, **changes: object) -> int:
    return story.create(A, f"{X}/n{number:010d}", "", history.SEQUENCE, **changes)


def half(story: Story) -> None:
    """Carry out one step of a transaction without a reply, and read its value; the other one was to create a node."""
    sent = story.now
    story.zxid += 1
    story.fail(A, history.SET | history.IN_MULTI, X, "by half", sent=sent)
    story.fail(A, history.CREATE | history.IN_MULTI, N, "the other step", sent=sent)
    node = story.nodes[X]
    node.mzxid, node.version, node.value = story.zxid, node.version + 1, "by half"
    story.get(B, X)


def created_twice_after(story: Story) -> None:
    removal_without_effect(story)
    story.set(B, X, "still there")
    story.create(B, X)


def created_twice_before(story: Story) -> None:
    story.create(B, X)
    story.get(C, Y)
    story.fail(C, history.DELETE, X)


def created_at_another_time(story: Story) -> None:
    removal_without_effect(story)
    story.set(B, X, "still there")
    story.nodes[X].czxid = story.zxid
    story.set(B, X, "of another node")


def written_after_its_removal(story: Story) -> None:
    story.fail(C, history.CREATE, N)
    story.set(C, Y, "the next write")
    story.create(B, N)
    kept = story.nodes[N]
    story.delete(B, N)
    story.nodes[N] = kept
    story.set(B, N, "again")


def a_version_left_out_beside_a_removal(story: Story) -> None:
    story.fail(C, history.DELETE, X)
    story.set(B, X, "one")
    story.nodes[X].version += 1
    story.set(B, X, "two")


def a_number_again_after(story: Story) -> None:
    removal_without_effect(story)
    sequential(story, 7)
    sequential(story, 6)


def a_number_again_before(story: Story) -> None:
    sequential(story, 7)
    sequential(story, 6)
    story.get(C, Y)
    story.fail(C, history.DELETE, X)


def a_number_again_below_a_new_node(story: Story) -> None:
    story.delete(A, X)
    story.create(A, X)
    sequential(story, 7)
    sequential(story, 6)


def half_read_after_a_removal(story: Story) -> None:
    removal_without_effect(story, N)
    half(story)
    story.exists(B, N)


def half_at_the_end_after_a_removal(story: Story) -> None:
    removal_without_effect(story, N)
    half(story)


def half_read_before_a_removal(story: Story) -> None:
    half(story)
    story.exists(B, N)
    story.set(B, Y, "so that there is a later state")
    story.get(C, Y)
    story.fail(C, history.DELETE, N)
    story.create(B, N)


PLANTED: list[tuple[Callable[[Story], None], str]] = [
    (created_twice_after, found.ORDER),
    (created_twice_before, found.ORDER),
    (created_at_another_time, found.ORDER),
    (written_after_its_removal, found.ORDER),
    (a_version_left_out_beside_a_removal, found.ORDER),
    (a_number_again_after, found.SEQUENCES),
    (a_number_again_before, found.SEQUENCES),
    (a_number_again_below_a_new_node, found.SEQUENCES),
    (half_read_after_a_removal, found.MULTI),
    (half_at_the_end_after_a_removal, found.MULTI),
    (half_read_before_a_removal, found.MULTI),
]


@pytest.mark.parametrize("in_parts", [False, True], ids=["at once", "in parts"])
@pytest.mark.parametrize(("plant", "check"), PLANTED, ids=[plant.__name__ for plant, _ in PLANTED])
def test_what_no_removal_explains_is_found(
    plant: Callable[[Story], None], check: str, in_parts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if in_parts:
        monkeypatch.setattr(checking, "MOST_RECORDS", 2)
    story = begun()
    plant(story)
    assert check in story.check(tmp_path, story.read_all()).found.counts


def removed_and_created_again(story: Story) -> None:
    not_decided(story, story.delete(C, X), story.create(C, X, "new"))
    story.set(B, X, "of the new node")
    story.set(C, Y, "the next write")


def removed_late_and_created_again(story: Story) -> None:
    story.fail(C, history.DELETE, X)
    story.set(B, X, "still there")
    story.carry_out_removal(X)
    story.create(B, X)
    story.set(C, Y, "the next write")


def created_late(story: Story) -> None:
    story.fail(C, history.CREATE, N, "late")
    story.create(B, N)
    story.delete(B, N)
    story.zxid += 1
    story.nodes[N] = Node(story.zxid, "late")
    story.set(B, N, "again")


def an_ephemeral_node_that_goes_with_its_session(story: Story) -> None:
    not_decided(story, story.create(C, N, "mine", history.EPHEMERAL))
    story.set(C, Y, "the next write")
    story.set(B, N, "still there")
    story.close(C)
    story.create(B, N)


def numbers_begin_anew(story: Story) -> None:
    number = sequential(story, 7)
    story.delete(A, story.paths[story.records[number]["path"]])
    story.delete(A, X)
    story.create(A, X)
    sequential(story, 0)


def numbers_begin_anew_without_a_reply(story: Story) -> None:
    number = sequential(story, 7)
    story.delete(A, story.paths[story.records[number]["path"]])
    not_decided(story, story.delete(C, X), story.create(C, X))
    sequential(story, 0)
    story.set(C, Y, "the next write")
    sequential(story, 1)


def numbers_begin_anew_in_the_transaction_of_the_first(story: Story) -> None:
    path, begin = f"{X}/n0000000000", len(story.records)
    zxid = story.zxid + 1
    sequential(story, 0)
    story.delete(A, path)
    story.delete(A, X)
    story.create(A, X)
    story.zxid = zxid
    story.nodes[X].czxid = story.nodes[X].mzxid = zxid
    for record in story.records[begin:]:
        record |= {"zxid": zxid, "xid": 100, "what": record["what"] | history.IN_MULTI}
    story.get(A, Y, xid=101)
    sequential(story, 0, xid=102)


def a_sequential_name_again_without_a_reply(story: Story) -> None:
    path = f"{X}/n0000000000"
    sequential(story, 0)
    for gone in (path, X):
        story.delete(A, gone)
    story.create(A, X)
    story.zxid += 1
    story.nodes[path] = Node(story.zxid, "")
    story.fail(C, history.CREATE | history.SEQUENCE, f"{X}/n")
    story.delete(B, path)


def half_whose_node_was_removed(story: Story) -> None:
    half(story)
    story.zxid += 1  # it is there with the other step
    story.fail(C, history.DELETE, N)
    story.exists(B, N)


MAY_BE: list[tuple[Callable[[Story], None], dict[str, int]]] = [
    (removed_and_created_again, {found.ORDER: 1}),
    (removed_late_and_created_again, {found.ORDER: 1}),
    (created_late, {found.ORDER: 1}),
    (an_ephemeral_node_that_goes_with_its_session, {found.ORDER: 1}),
    (numbers_begin_anew, {}),
    (numbers_begin_anew_without_a_reply, {found.SEQUENCES: 1}),
    (numbers_begin_anew_in_the_transaction_of_the_first, {}),
    (a_sequential_name_again_without_a_reply, {found.ORDER: 1}),
    (half_whose_node_was_removed, {found.MULTI: 2}),
]


@pytest.mark.parametrize(("happens", "left_out"), MAY_BE, ids=[happens.__name__ for happens, _ in MAY_BE])
def test_what_may_be_right_is_no_violation_and_counted(
    happens: Callable[[Story], None], left_out: dict[str, int], tmp_path: Path
) -> None:
    story = begun()
    happens(story)
    told = story.check(tmp_path, story.read_all()).found
    assert told.counts == {}
    assert told.left_out == left_out
