"""An ephemeral node that stays after its session has expired is found once it certainly has to be gone."""

from pathlib import Path

import pytest

from reporting.consistency import found
from reporting.consistency.check import clocks_of
from reporting.consistency.excerpt import excerpt
from tests.unit.consistency.histories import ROOT, A, B, C, Story, X, begun
from zk_locust.contract import history_format as history

E = f"{ROOT}/e"
SECOND = 1_000_000_000
EPOCH = 1 << 32


def wait(story: Story, seconds: float) -> None:
    story.now += round(seconds * SECOND)


def expired(timeout_ms: int = 4_000) -> Story:
    """The client of C was told that its session has expired, and its ephemeral node is still there."""
    story = begun()
    wait(story, 60)  # of this leader
    story.note(C, history.CONNECTED, xid=timeout_ms)
    story.create(C, E, "", history.EPHEMERAL)
    story.note(C, history.EXPIRED)
    return story


@pytest.mark.parametrize(
    ("waited_s", "is_found"), [(17, False), (19, True)], ids=["too early to say", "after twice its time and 10 s"]
)
def test_an_ephemeral_node_that_stays_after_its_session_has_expired_is_found(
    waited_s: float, is_found: bool, tmp_path: Path
) -> None:
    story = expired(timeout_ms=4_096)
    wait(story, waited_s)
    story.set(A, X, "later")
    story.get(B, X)
    story.exists(B, E)
    checked = story.check(tmp_path)
    assert set(checked.found.counts) == ({found.EPHEMERALS} if is_found else set())
    for violation in checked.found.violations.get(found.EPHEMERALS, []):
        lines = excerpt(violation, checked.files, clocks_of(checked.files, {}))
        for line, word in zip(lines, ("create", "session expired", "exists"), strict=True):
            assert f": {word}" in line


def test_without_a_write_after_its_end_nothing_is_known(tmp_path: Path) -> None:
    story = expired()
    wait(story, 60)
    story.get(B, X)
    story.exists(B, E)
    assert story.check(tmp_path).found.counts == {}


def test_a_node_of_a_session_whose_time_limit_is_not_known_may_stay(tmp_path: Path) -> None:
    story = expired(timeout_ms=0)
    wait(story, 600)
    story.set(A, X, "later")
    story.exists(B, E)
    assert story.check(tmp_path).found.counts == {}


def test_a_new_leader_lets_the_session_live_for_its_time_limit_once_more(tmp_path: Path) -> None:
    story = expired()
    wait(story, 60)
    story.zxid += EPOCH
    story.set(A, X, "the first of a leader")
    story.set(A, X, "at once")
    story.exists(B, E)
    assert story.check(tmp_path / "at once").found.counts == {}
    wait(story, 60)
    story.set(A, X, "later")
    story.exists(B, E)
    assert set(story.check(tmp_path / "later").found.counts) == {found.EPHEMERALS}


def test_another_node_of_that_name_may_be_there(tmp_path: Path) -> None:
    story = expired()
    wait(story, 60)
    story.zxid += 1
    del story.nodes[E]
    story.create(A, E)
    story.set(A, X, "later")
    story.exists(B, E)
    assert story.check(tmp_path / "acknowledged", story.read_all()).found.counts == {}
    story.records = [each for each in story.records if each["what"] != history.CREATE or each["session"] != A]
    story.fail(A, history.CREATE, E)
    story.exists(B, E)
    assert story.check(tmp_path / "without a reply", complete=False).found.counts == {}
