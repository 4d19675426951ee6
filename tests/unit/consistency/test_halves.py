"""A transaction without a reply took effect with all of its steps or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reporting.consistency import check as checking
from reporting.consistency import found
from tests.unit.consistency.histories import ROOT, A, B, C, Node, Story, X, Y, begun
from zk_locust.contract import history_format as history

Z, N = f"{ROOT}/z", f"{ROOT}/n"
Step = tuple[int, str]


def transaction(story: Story, *steps: Step, done: tuple[int, ...]) -> None:
    """Send a transaction that gets no reply; `done` are the places of the steps that are carried out."""
    story.zxid += 1
    sent = story.now
    for place, (what, path) in enumerate(steps):
        kind = what & history.KIND_MASK
        value = f"{place} of it" if kind != history.DELETE else ""
        story.fail(A, what | history.IN_MULTI, path, value, sent=sent)
        if place in done:
            _carry_out(story, kind, path, value)


def _carry_out(story: Story, kind: int, path: str, value: str) -> None:
    if kind == history.DELETE:
        del story.nodes[path]
    elif kind == history.CREATE:
        story.nodes[path] = Node(story.zxid, value, A)
    else:
        node = story.nodes[path]
        node.mzxid, node.version, node.value = story.zxid, node.version + 1, value


BOTH: tuple[Step, ...] = ((history.SET, X), (history.SET, Y))


def read_without(story: Story) -> None:
    transaction(story, *BOTH, done=(0,))
    story.get(B, X)
    story.get(B, Y)


def read_by_another_session_without(story: Story) -> None:
    transaction(story, *BOTH, done=(1,))
    story.get(B, Y)
    story.get(C, X)


def versions_without_room(story: Story) -> None:
    transaction(story, *BOTH, done=(0,))
    story.get(B, X)
    story.set(A, Y, "the first write of this node")


def in_two_transactions(story: Story) -> None:
    transaction(story, *BOTH, done=(0,))
    story.get(B, X)
    story.zxid += 1
    _carry_out(story, history.SET, Y, "1 of it")
    story.get(B, Y)


def not_removed(story: Story) -> None:
    story.create(A, Z)
    transaction(story, (history.SET, X), (history.DELETE, Z), done=(0,))
    story.get(B, X)
    story.get(B, Z)


def not_created(story: Story) -> None:
    transaction(story, (history.SET, X), (history.CREATE, N), done=(0,))
    story.get(B, X)
    story.exists(B, N)


def not_there_at_the_end(story: Story) -> None:
    transaction(story, (history.CREATE, Z), (history.CREATE, N), done=(0,))


@pytest.mark.parametrize("in_parts", [False, True], ids=["at once", "in parts"])
@pytest.mark.parametrize(
    "plant",
    [
        read_without, read_by_another_session_without, versions_without_room, in_two_transactions, not_removed,
        not_created, not_there_at_the_end,
    ],
)  # fmt: skip
def test_half_a_transaction_is_found(
    plant: Callable[[Story], None], in_parts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if in_parts:
        monkeypatch.setattr(checking, "MOST_RECORDS", 2)
    story = begun()
    plant(story)
    checked = story.check(tmp_path, story.read_all())
    assert set(checked.found.counts) == {found.MULTI}
    assert "by half" in checked.found.violations[found.MULTI][0].text
    assert checked.found.violations[found.MULTI][0].records


def test_a_transaction_that_one_member_has_by_half_is_found(tmp_path: Path) -> None:
    story = begun()
    transaction(story, (history.CREATE, Z), (history.CREATE, N), done=(0, 1))
    assert story.check(tmp_path / "all", story.read_all("zk2:2181")).found.counts == {}
    assert story.check(tmp_path / "half", story.read_all("zk2:2181", without=Z)).found.counts == {found.MULTI: 1}


def all_of_it(story: Story) -> None:
    transaction(story, *BOTH, done=(0, 1))
    story.get(B, X)
    story.get(B, Y)
    story.set(C, Y, "after")


def not_at_all(story: Story) -> None:
    transaction(story, *BOTH, done=())
    story.get(B, X)
    story.get(B, Y)
    story.set(C, Y, "after")


def seen_before_it(story: Story) -> None:
    before, told = story.zxid, story._stat(story.nodes[Y])
    transaction(story, *BOTH, done=(0, 1))
    story.get(B, X)
    story.get(C, Y, zxid=before, **told)


def a_value_that_another_one_may_have_written(story: Story) -> None:
    transaction(story, *BOTH, done=(0,))
    story.fail(C, history.SET, X, "0 of it")
    story.get(B, X)
    story.get(B, Y)


def removed_again(story: Story) -> None:
    transaction(story, (history.SET, X), (history.CREATE, N), done=(0, 1))
    story.get(B, X)
    story.delete(B, N)
    story.exists(B, N)


def perhaps_removed_again(story: Story) -> None:
    transaction(story, (history.SET, X), (history.CREATE, N), done=(0,))
    story.fail(C, history.DELETE, N)
    story.get(B, X)
    story.exists(B, N)


def an_ephemeral_node(story: Story) -> None:
    transaction(story, (history.SET, X), (history.CREATE | history.EPHEMERAL, N), done=(0,))
    story.get(B, X)
    story.exists(B, N)


def a_sequential_node(story: Story) -> None:
    transaction(story, (history.SET, X), (history.CREATE | history.SEQUENCE, N), done=(0,))
    story.get(B, X)
    story.exists(B, N)


def two_steps_on_a_node(story: Story) -> None:
    transaction(story, (history.SET, X), (history.CREATE, N), (history.DELETE, N), done=(0, 1, 2))
    story.get(B, X)
    story.exists(B, N)


@pytest.mark.parametrize(
    "happens",
    [
        all_of_it, not_at_all, seen_before_it, a_value_that_another_one_may_have_written, removed_again,
        perhaps_removed_again, an_ephemeral_node, a_sequential_node, two_steps_on_a_node,
    ],
)  # fmt: skip
def test_what_may_be_right_is_no_violation(happens: Callable[[Story], None], tmp_path: Path) -> None:
    story = begun()
    happens(story)
    checked = story.check(tmp_path, story.read_all())
    assert checked.found.counts == {}


@pytest.mark.parametrize("told", [{"ended": False}, {"complete": False}], ids=["its end", "a file"])
def test_without_the_complete_history_a_value_may_be_of_another_write(told: dict[str, Any], tmp_path: Path) -> None:
    story = begun()
    read_without(story)
    assert story.check(tmp_path, **told).found.counts == {}
