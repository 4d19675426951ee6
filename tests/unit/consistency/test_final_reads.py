"""The final reads ask each member: what one of them lacks is found, and a member that was not read is named."""

from pathlib import Path

import pytest

from reporting.consistency import found, result
from reporting.consistency.states import CONSISTENT, PARTLY, VIOLATED
from reporting.read.manifest import Manifest
from reporting.read.plan import Plan
from tests.unit.consistency.histories import ROOT, A, B, Story, X, Y, begun
from zk_locust.contract import history_format as history

OTHER = "zk2:2181"
PLANNED = Manifest(plan=Plan(workers={"load1": 1}))


def answer(folder: Path, story: Story, final: Story) -> result.Consistency:
    story.write(folder / "history/load1/history-worker-1.bin")
    final.write(folder / "history/load1/history-final.bin", process="final")
    return result.of_run(folder, PLANNED)


def test_a_node_that_one_member_lacks_is_a_lost_write(tmp_path: Path) -> None:
    story = begun()
    told = answer(tmp_path, story, story.read_all(OTHER, "zk3:2181", without=Y))
    assert (told.state, dict(told.counts)) == (VIOLATED, {found.WRITES: 2})
    assert set(told.violations[found.WRITES]) == {
        f"a node that was written last is not there at the end at {member}" for member in (OTHER, "zk3:2181")
    }
    assert any("create /root/y" in line for line in told.excerpt)


def test_a_node_that_all_members_lack_is_one_lost_write(tmp_path: Path) -> None:
    story = begun()
    del story.nodes[Y]
    told = answer(tmp_path, story, story.read_all(OTHER))
    assert dict(told.counts) == {found.WRITES: 1}
    assert told.violations[found.WRITES] == ["a node that was written last is not there at the end"]


def test_a_value_that_one_member_lacks_is_a_lost_write(tmp_path: Path) -> None:
    story = begun()
    before = story._stat(story.nodes[X])
    story.set(A, X, "new")
    final = story.read_all(OTHER, without=X)
    final.get(0xF0, X, **before)
    assert story.check(tmp_path, final).found.counts == {found.WRITES: 1}


@pytest.mark.parametrize(
    ("lacking", "counts"),
    [((X, Y), {found.WRITES: 2}), ((Y,), {found.MULTI: 1})],
    ids=["all of it", "one step"],
)
def test_a_transaction_that_a_member_lacks_is_halved_only_where_a_step_is_there(
    lacking: tuple[str, ...], counts: dict[str, int], tmp_path: Path
) -> None:
    story = begun()
    before = {path: story._stat(story.nodes[path]) for path in lacking}
    for path in (X, Y):
        story.set(A, path, "both")
        story.records[-1]["what"] |= history.IN_MULTI
        story.zxid -= path == X  # of one transaction
    final = story.read_all()
    final.members.append(OTHER)
    final.sync(0xF0)
    for path in final.nodes:
        final.get(0xF0, path, **before.get(path, {}))
    final.note(0xF0, history.ALL_READ, OTHER)
    told = answer(tmp_path, story, final)
    assert dict(told.counts) == counts
    assert [*told.violations.values()] == [
        [f"a node does not have its last write at the end at {OTHER}"] * len(lacking)
    ]


def test_all_members_with_all_nodes_are_consistent(tmp_path: Path) -> None:
    story = begun()
    told = answer(tmp_path, story, story.read_all(OTHER))
    assert (told.state, told.notes, told.reason) == (CONSISTENT, (), "")


def test_a_member_whose_sync_was_too_early_does_not_lack_what_came_later(tmp_path: Path) -> None:
    story = begun()
    early = story.zxid
    story.create(B, f"{ROOT}/z")
    final = story.read_all()
    final.members.append(OTHER)
    final.sync(0xF0, zxid=early)
    for path in (ROOT, X, Y):
        final.get(0xF0, path, zxid=early)
    final.note(0xF0, history.ALL_READ, OTHER)
    told = answer(tmp_path, story, final)
    assert (told.state, dict(told.counts)) == (CONSISTENT, {}), "a sync that misses a write is a note"


@pytest.mark.parametrize("read", [True, False], ids=["one of two", "none"])
def test_a_member_that_was_not_read_is_named(read: bool, tmp_path: Path) -> None:
    story = begun()
    final = story.read_all()
    final.members.append(OTHER)
    if not read:
        final.records.pop()
    told = answer(tmp_path, story, final)
    where = f"state of {OTHER} at the end, so acknowledged writes may be lost there"
    where = where if read else "state at the end, so acknowledged writes may be lost"
    assert (told.state, told.reason) == (PARTLY, f"Not recorded: the {where}.")
    whose = f"nodes of {OTHER} were" if read else "nodes were"
    assert [note.partition(" not all read at the end")[0] for note in told.notes] == [f"The {whose}"]


def test_a_reading_that_went_on_in_another_session_does_not_count(tmp_path: Path) -> None:
    story = begun()
    final = story.read_all()
    final.members.append(OTHER)
    final.sync(0xF0)
    final.note(0xF1, history.ALL_READ, OTHER)
    assert answer(tmp_path, story, final).reason.startswith(f"Not recorded: the state of {OTHER} at the end")


def test_final_reads_that_do_not_tell_of_which_members_are_not_all(tmp_path: Path) -> None:
    story = begun()
    final = story.read_all()
    final.members.clear()
    told = answer(tmp_path, story, final)
    assert told.state == PARTLY
    assert told.reason.startswith("Not recorded: which members the state at the end is of")
