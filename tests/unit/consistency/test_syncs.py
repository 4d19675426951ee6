"""A sync that misses an acknowledged write is a violation only where it certainly went through a follower."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reporting.consistency import found, result
from reporting.consistency.states import CONSISTENT, VIOLATED
from reporting.read.manifest import Manifest
from reporting.read.plan import Plan
from tests.unit.consistency.histories import ROOT, WALL_NS, Story, X
from zk_locust.contract import history_format as history
from zk_locust.contract.run_files import HISTORY, METRICS

SECOND = 1_000_000_000
EPOCH = 1 << 32
WRITER, AT_ONE, AT_TWO = ((member << 56) + member for member in (3, 1, 2))
"""Sessions, by the members that made them."""
POLLS: list[tuple[float, str, str]] = [
    (second, member, state) for second in (5, 15) for member, state in (("zk1", "leader"), ("zk2", "follower"))
]


def wait(story: Story, until_s: float) -> None:
    story.now = round(until_s * SECOND)


def missed(session: int = AT_TWO, *, before: Callable[[Story], object] = lambda _: None, leader: int = 0) -> Story:
    """A sync after 20 s shows an older state than a write before, of a `leader` since."""
    story = Story()
    story.zxid = 5 * EPOCH
    for each in (WRITER, AT_ONE, AT_TWO):
        story.note(each, history.CONNECTED, xid=4_000)
    story.create(WRITER, ROOT)
    story.create(WRITER, X, "0")
    wait(story, 20)
    before(story)
    shown = story.zxid
    story.zxid += leader * EPOCH
    story.set(WRITER, X, "1")
    story.sync(session, zxid=shown)
    wait(story, 30)
    story.set(WRITER, X, "2")
    return story


def answer(
    folder: Path,
    story: Story,
    polls: list[tuple[float, str, str]],
    *,
    error_ms: float | None = 1.0,
    parameters: dict[str, Any] | None = None,
    ids: tuple[Any, ...] = (1, 2, 3),
) -> result.Consistency:
    """Check a run of three members that have been asked at some seconds for their state."""
    story.write(folder / HISTORY / "load1" / "history-worker-1.bin")
    story.read_all().write(folder / HISTORY / "load1" / "history-final.bin", process="final", about={"workers": 1})
    rows = [f"{stamp(second)},{second},{member},1,,,{state}" for second, member, state in polls]
    header = "timestamp,elapsed_s,member,reachable,poll_ms,detail,server_state"
    (folder / METRICS).write_text("\n".join([header, *rows]) + "\n")
    names = ["zk1", "zk2", "zk3"]
    clock = {} if error_ms is None else {"clock_offset_ms": 0.0, "clock_error_ms": error_ms}
    manifest = Manifest(
        plan=Plan(workers={"load1": 1}),
        groups={"zookeeper": names},
        host_variables={name: {"zookeeper_id": each} for name, each in zip(names, ids, strict=True)},
        hosts={"load1": clock},
        scenario={"parameters": parameters or {}},
    )
    return result.of_run(folder, manifest)


def stamp(second: float) -> str:
    at = WALL_NS // SECOND + int(second)
    return f"2023-11-14T22:13:{at - 1_699_999_980:02d}.000000+00:00"


def test_a_sync_through_a_follower_that_misses_a_write_is_a_violation(tmp_path: Path) -> None:
    told = answer(tmp_path, missed(), POLLS)
    assert (told.state, told.counts) == (VIOLATED, {found.SYNC: 1})
    assert "sync through a follower" in told.sentence
    assert [word for line in told.excerpt for word in ("set", "sync") if f": {word} " in line] == ["set", "sync"]


def lost_its_connection(story: Story) -> None:
    story.note(AT_TWO, history.LOST)
    story.note(AT_TWO, history.CONNECTED, xid=4_000)


def is_connected_again(story: Story) -> None:
    story.note(AT_TWO, history.CONNECTED, xid=4_000)


def polled(*polls: tuple[float, str]) -> list[tuple[float, str, str]]:
    return [(second, "zk2", state) for second, state in polls]


@pytest.mark.parametrize(
    ("story", "polls", "more"),
    [
        (lambda: missed(AT_ONE), POLLS, {}),
        (lambda: missed(before=lost_its_connection), POLLS, {}),
        (lambda: missed(before=is_connected_again), POLLS, {}),
        (lambda: missed(leader=1), polled((22, "follower"), (28, "follower")), {}),
        (missed, [], {}),
        (missed, polled((15, "follower")), {}),
        (missed, polled((5, "follower"), (15, "")), {}),
        (missed, polled((5, "leader"), (31, "follower")), {}),
        (missed, POLLS, {"error_ms": 20_000.0}),
        (missed, POLLS, {"error_ms": None}),
        (missed, POLLS, {"parameters": {"hosts": "other:2181"}}),
        (missed, POLLS, {"ids": (1, 1, 3)}),
        (missed, POLLS, {"ids": (2, "x", 3)}),
    ],
    ids=[
        "at the leader", "moved", "connected twice", "of a leader before", "no polls", "asked since nobody knows when",
        "no state", "after the last write", "clocks apart", "clock not measured", "an ensemble of others", "ids twice",
        "no id",
    ],
)  # fmt: skip
def test_where_the_role_is_not_certain_it_is_a_note(
    story: Callable[[], Story], polls: list[tuple[float, str, str]], more: dict[str, Any], tmp_path: Path
) -> None:
    told = answer(tmp_path, story(), polls, **more)
    assert (told.state, told.counts) == (CONSISTENT, {})
    assert [note for note in told.notes if note.startswith("1 times: a sync has not reached a write")]
