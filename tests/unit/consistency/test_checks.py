"""Each check finds what is planted, and nothing in a history that an ensemble without faults would give."""

from collections.abc import Callable
from pathlib import Path

import pytest

from reporting.consistency import check as checking
from reporting.consistency import found
from tests.unit.consistency.histories import ROOT, A, B, C, Story, X, Y, begun, digest, two_holders
from zk_locust.contract import history_format as history


def test_a_history_without_faults_has_no_violation(tmp_path: Path) -> None:
    story = begun()
    for turn in range(5):
        story.watch(B, X)
        story.event(B, X)
        story.set(A, X, f"x{turn}")
        story.get(B, X)
        story.set(B, Y, f"y{turn}")
        story.fail(A, history.SET, Y, "never", result=-103, zxid=story.zxid)
        story.create(C, f"{ROOT}/e", "here", history.EPHEMERAL)
        story.exists(A, f"{ROOT}/e")
        story.delete(C, f"{ROOT}/e")
        story.exists(A, f"{ROOT}/e")
        story.create(A, f"{ROOT}/n{turn:010d}", "", history.SEQUENCE)
    story.create(C, f"{ROOT}/e", "here", history.EPHEMERAL)
    story.close(C)
    story.exists(A, f"{ROOT}/e")
    checked = story.check(tmp_path, story.read_all())
    assert checked.found.counts == {}
    assert (checked.refused, checked.cut, checked.final.zxid) == ([], [], story.zxid)
    assert checked.events == 5


@pytest.mark.parametrize("was_carried_out", [False, True])
def test_a_write_without_a_reply_may_have_been_carried_out_or_not(was_carried_out: bool, tmp_path: Path) -> None:
    story = begun()
    story.fail(A, history.SET, X, "perhaps")
    if was_carried_out:
        story.set(A, X, "perhaps")
        story.records.pop()  # its reply has not come
    story.get(B, X)
    story.set(B, X, "after")
    checked = story.check(tmp_path, story.read_all())
    assert (checked.found.counts, checked.undecided) == ({}, 1)


def stale_read(story: Story) -> None:
    before = story.records[story.get(B, X)]
    story.set(A, X, "new")
    story.get(B, X)
    story.get(B, X, **{name: before[name] for name in ("mzxid", "version", "digest")})


def older_state(story: Story) -> None:
    story.set(A, X, "new")
    story.get(B, X)
    story.get(B, Y, zxid=story.zxid - 1)


def replies_out_of_order(story: Story) -> None:
    story.get(B, X, xid=90)
    story.get(B, X, xid=89)


def lost_write(story: Story) -> None:
    node = story.nodes[X]
    kept = (node.mzxid, node.version, node.value)
    story.set(A, X, "lost")
    node.mzxid, node.version, node.value = kept


def lost_node(story: Story) -> None:
    story.create(A, f"{ROOT}/new", "")
    del story.nodes[f"{ROOT}/new"]


def undone_removal(story: Story) -> None:
    kept = story.nodes[Y]
    story.delete(A, Y)
    story.nodes[Y] = kept
    story.get(A, Y)


def version_twice(story: Story) -> None:
    story.set(A, X, "one")
    story.set(B, X, "two", version=1)


def version_left_out(story: Story) -> None:
    story.set(A, X, "one")
    story.nodes[X].version += 1
    story.set(B, X, "two")


def failed_write_that_took_effect(story: Story) -> None:
    story.set(A, X, "refused")
    story.records[-1] |= {"what": history.SET, "result": -103, "mzxid": 0, "czxid": 0, "version": 0}
    story.get(B, X)


def undecided_write_twice(story: Story) -> None:
    story.fail(A, history.SET, X, "once")
    for value in ("once", "once"):
        story.set(A, X, value)
        story.records.pop()
        story.get(B, X)


def another_value(story: Story) -> None:
    story.set(A, X, "written")
    story.get(B, X, digest=digest("read"))


def created_twice(story: Story) -> None:
    story.create(A, X, "again")


def one_transaction_twice(story: Story) -> None:
    story.set(A, X, "one")
    story.zxid -= 1
    story.set(B, Y, "two")


def against_real_time(story: Story) -> None:
    story.set(A, X, "one", zxid=story.zxid + 2, mzxid=story.zxid + 2)
    story.set(B, Y, "two", zxid=story.zxid, mzxid=story.zxid)


def sync_too_early(story: Story) -> None:
    story.sync(C)
    story.set(A, X, "new")
    story.sync(C, zxid=story.zxid - 1)


def lost_event(story: Story) -> None:
    story.watch(B, X)
    story.set(A, X, "new")
    story.get(B, Y)


def lost_event_of_children(story: Story) -> None:
    story._read(B, history.GET_CHILDREN | history.WATCH, X, {})
    story.create(A, f"{X}/n")
    story.get(B, Y)


def event_lost_over_a_reconnect(story: Story) -> None:
    story.watch(B, X)
    story.note(B, history.LOST)
    story.set(A, X, "new")
    story.note(B, history.CONNECTED)
    story.get(B, Y)


def late_event(story: Story) -> None:
    story.watch(B, X)
    story.set(A, X, "new")
    story.get(B, X)
    story.event(B, X)


def doubled_event(story: Story) -> None:
    story.watch(B, X)
    story.event(B, X)
    story.event(B, X)
    story.set(A, X, "new")


def unasked_event(story: Story) -> None:
    story.event(C, X)


def kept_ephemeral(story: Story) -> None:
    story.create(C, f"{ROOT}/e", "", history.EPHEMERAL)
    shown = story.records[story.exists(A, f"{ROOT}/e")]
    story.close(C)
    story.get(A, X)
    story.exists(A, f"{ROOT}/e", **{name: shown[name] for name in ("what", "mzxid", "czxid")}, result=0)


def kept_second_ephemeral(story: Story) -> None:
    story.create(C, f"{ROOT}/e", "", history.EPHEMERAL)
    story.delete(C, f"{ROOT}/e")
    kept_ephemeral(story)


def lost_ephemeral(story: Story) -> None:
    story.create(C, f"{ROOT}/e", "", history.EPHEMERAL)
    story.exists(C, f"{ROOT}/e", what=history.EXISTS, result=history.NO_NODE)


def sequence_number_again(story: Story) -> None:
    story.create(A, f"{ROOT}/n0000000007", "", history.SEQUENCE)
    story.create(B, f"{ROOT}/m0000000007", "", history.SEQUENCE)


def halved_transaction(story: Story) -> None:
    kept = story.nodes[Y].mzxid
    for path in (X, Y):
        story.set(A, path, "both")
        story.records[-1]["what"] |= history.IN_MULTI
    story.get(A, Y, mzxid=kept, version=0, digest=digest("0"))


PLANTED: list[tuple[Callable[[Story], None], str]] = [
    (stale_read, found.SESSIONS),
    (older_state, found.SESSIONS),
    (replies_out_of_order, found.SESSIONS),
    (lost_write, found.WRITES),
    (lost_node, found.WRITES),
    (undone_removal, found.SESSIONS),
    (version_twice, found.ORDER),
    (version_left_out, found.ORDER),
    (failed_write_that_took_effect, found.ORDER),
    (undecided_write_twice, found.ORDER),
    (another_value, found.ORDER),
    (created_twice, found.ORDER),
    (one_transaction_twice, found.ORDER),
    (against_real_time, found.REAL_TIME),
    (sync_too_early, found.LEADERS_SYNC),
    (lost_event, found.WATCHES),
    (lost_event_of_children, found.WATCHES),
    (event_lost_over_a_reconnect, found.WATCHES),
    (late_event, found.WATCHES),
    (doubled_event, found.WATCHES),
    (unasked_event, found.WATCHES),
    (kept_ephemeral, found.EPHEMERALS),
    (kept_second_ephemeral, found.EPHEMERALS),
    (lost_ephemeral, found.EPHEMERALS),
    (sequence_number_again, found.SEQUENCES),
    (halved_transaction, found.MULTI),
    (two_holders, found.LOCKS),
]


@pytest.mark.parametrize("in_parts", [False, True], ids=["at once", "in parts"])
@pytest.mark.parametrize(("plant", "check"), PLANTED, ids=[plant.__name__ for plant, _ in PLANTED])
def test_what_is_planted_is_found(
    plant: Callable[[Story], None], check: str, in_parts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if in_parts:  # as the reads of a node that all users read
        monkeypatch.setattr(checking, "MOST_RECORDS", 2)
    story = begun()
    plant(story)
    checked = story.check(tmp_path, story.read_all())
    assert checked.found.counts.get(check, 0) >= 1, checked.found.counts
    assert checked.found.violations[check][0].records


def test_hosts_are_compared_only_beyond_the_error_of_their_clocks(tmp_path: Path) -> None:
    one, other = begun(), Story()
    other.nodes, other.zxid, other.now = one.nodes, one.zxid + 1, one.now + 1_000_000
    first = one.set(A, X, "one", zxid=one.zxid + 2, mzxid=one.zxid + 2)
    other.set(0xD, Y, "two", zxid=other.zxid - 1, mzxid=other.zxid - 1)
    assert one.records[first]["arrived"] < other.records[0]["sent"]
    sure, unsure = {"host-0": (0.0, 1e-7), "host-1": (0.0, 1e-7)}, {"host-0": (0.0, 1e-3), "host-1": (0.0, 1e-3)}
    assert found.REAL_TIME in one.check(tmp_path, other, clocks=sure).found.counts
    assert found.REAL_TIME not in one.check(tmp_path, other, clocks=unsure).found.counts


def test_an_incomplete_history_does_not_blame_the_ensemble_for_what_it_lacks(tmp_path: Path) -> None:
    story = begun()
    version_left_out(story)
    story.set(A, Y, "not in the history")
    story.records.pop()
    story.get(B, Y)
    assert story.check(tmp_path, complete=False).found.counts == {}
    assert found.ORDER in story.check(tmp_path).found.counts


def test_a_watch_whose_setting_was_undecided_may_fire(tmp_path: Path) -> None:
    story = begun()
    story.fail(B, history.GET | history.WATCH, X)
    story.event(B, X)
    story.set(A, X, "new")
    assert story.check(tmp_path).found.counts == {}


def test_an_ephemeral_node_of_a_session_whose_end_is_not_known_may_be_gone(tmp_path: Path) -> None:
    story = begun()
    story.create(C, f"{ROOT}/e", "", history.EPHEMERAL)
    story.exists(A, f"{ROOT}/e")
    story.note(C, history.EXPIRED)
    story.zxid += 1  # the end of a session is a transaction
    del story.nodes[f"{ROOT}/e"]
    story.exists(A, f"{ROOT}/e")
    assert story.check(tmp_path, story.read_all()).found.counts == {}


def test_changes_of_children_are_kept_only_where_a_check_needs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[int] = []
    monkeypatch.setattr(
        checking, "_check_nodes", lambda _, children, __, ___, first, *____: kept.append(len(first.wanted(children)))
    )
    story = begun()
    for turn in range(5):
        story.create(A, f"{X}/n{turn}")
        story.create(A, f"{Y}/n{turn}")
    story.create(A, f"{X}/n0000000005", "", history.SEQUENCE)
    story._read(B, history.GET_CHILDREN | history.WATCH, Y, {})
    story.check(tmp_path)
    assert kept == [5 + 1]


def test_what_is_shown_is_checked_where_no_transactions_are_told(tmp_path: Path) -> None:
    story = begun()
    story.watch(B, Y)
    old = story.get(B, X)
    story.set(A, X, "1")
    story.set(A, Y, "1")
    story.get(B, X)
    story.get(B, Y)  # the watch has not fired
    story.get(B, X)
    story.records[-1] |= {name: story.records[old][name] for name in ("mzxid", "version", "digest")}
    for record in story.records:
        if record["session"] == B:
            record |= {"zxid": 0, "xid": 0}
    assert set(story.check(tmp_path, story.read_all()).found.counts) == {found.SESSIONS, found.WATCHES}
