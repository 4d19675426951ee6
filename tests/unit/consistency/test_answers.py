"""The answer in the report, on the screen and in lists, and what it says about a history that is not complete."""

import json
import shutil
from pathlib import Path

import pytest

from reporting import judge_run, list_runs, summary, write_report
from reporting.consistency import found, result
from reporting.consistency.result import Consistency
from reporting.consistency.states import CONSISTENT, NOT_CHECKED, PARTLY, VIOLATED
from reporting.read.manifest import Manifest
from reporting.read.plan import Plan
from tests.unit.consistency import histories
from tests.unit.consistency.histories import ROOT, B, Story, X, begun
from tests.unit.reporting.synthetic import RUN_ID, Synthetic
from zk_locust.contract import history_format as history

A = 0xA
HOST = "history/load1"


def story(*, broken: bool = False) -> Story:
    told = Story()
    told.create(A, ROOT)
    told.create(A, f"{ROOT}/<b>x", "0")
    told.set(A, f"{ROOT}/<b>x", "1")
    if broken:
        told.get(A, f"{ROOT}/<b>x", mzxid=told.zxid - 1, version=0)
    return told


def written(folder: Path, *, broken: bool = False) -> Path:
    told = story(broken=broken)
    told.write(folder / HOST / "history-worker-1.bin")
    told.read_all().write(folder / HOST / "history-final.bin", process="final")
    return folder


def planned(workers: int) -> Manifest:
    return Manifest(plan=Plan(workers={"load1": workers}))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    load = Synthetic(warm_up_s=1, run_time_s=3, stall_at_s=None, members=1, workers=1)
    return load.write(tmp_path_factory.mktemp("results") / RUN_ID)


@pytest.mark.parametrize("broken", [False, True])
def test_the_answer_stands_beside_the_verdict(broken: bool, run: Path, tmp_path: Path) -> None:
    folder = tmp_path / RUN_ID
    shutil.copytree(run, folder)
    written(folder, broken=broken)
    for worker in range(2, 9):  # as many as the run has, or more
        (folder / HOST / f"history-worker-{worker}.bin").write_bytes(b"")
    state = VIOLATED if broken else NOT_CHECKED
    judged = judge_run(folder)
    page = write_report(judged).read_text()
    markdown, screen = (folder / "report.md").read_text(), "\n".join(summary(judged, None))
    answer = json.loads((folder / "report.json").read_text())["consistency"]
    assert answer["state"] == state
    assert f"Consistency: {state}" in page
    assert f"Consistency: {state}." in screen
    assert f"**Consistency: {state}.**" in markdown
    if broken:
        assert answer["counts"][found.SESSIONS] == 1
        assert page.index("Consistency: violated") < page.index("Verdict: ")
        assert markdown.index("**The ensemble was not consistent.** sessions never go back") < markdown.index("Verdict")
        assert "get /root/<b>x -&gt;" not in page, "what a host sends is not markup"
        assert "get /root/&lt;b&gt;x -&gt; zxid 0x103, mzxid 0x102, version 0" in page
        assert "get /root/<b>x -> zxid 0x103, mzxid 0x102, version 0" in screen
        assert "violated" in "\n".join(list_runs(tmp_path))


def test_a_run_without_a_history_is_not_checked(run: Path) -> None:
    judged = judge_run(run)
    assert judged.consistency.state == NOT_CHECKED
    assert "Consistency: not checked. No history was recorded (--history)." in "\n".join(summary(judged, None))
    assert not (run / "consistency.json").exists()


def test_a_complete_history_is_consistent_and_the_answer_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = result.of_run(written(tmp_path), planned(1))
    assert (first.state, first.notes, first.operations) == (CONSISTENT, (), 6)
    with monkeypatch.context() as context:
        context.setattr(result, "_check", None)
        assert result.of_run(tmp_path, planned(1)) == first
    story(broken=True).write(tmp_path / HOST / "history-worker-1.bin")
    assert result.of_run(tmp_path, planned(1)).state == VIOLATED


def test_a_missing_history_is_named(tmp_path: Path) -> None:
    answer = result.of_run(written(tmp_path), planned(2))
    assert answer.state == NOT_CHECKED
    assert answer.reason == "Parts of the history cannot be used: load1/history-worker-2.bin."


def test_a_history_that_ends_early_and_missing_final_reads_are_told(tmp_path: Path) -> None:
    written(tmp_path)
    story().write(tmp_path / HOST / "history-worker-1.bin", ended=False)
    (tmp_path / HOST / "history-final.bin").unlink()
    other = Story()
    other.sync(0xB)
    other.write(tmp_path / HOST / "history-worker-2.bin")
    answer = result.of_run(tmp_path, planned(2))
    assert answer.state == PARTLY
    assert answer.sentence.endswith(
        "Not recorded: the state at the end, so acknowledged writes may be lost; the end of load1/history-worker-1.bin."
    )
    assert [note.partition(" ends early")[0] for note in answer.notes] == [
        "The history load1/history-worker-1.bin",
        "The nodes were not all read at the end: a write that nobody read later may be lost",
    ]


def test_what_was_not_judged_is_counted(tmp_path: Path) -> None:
    told = begun()
    told.watch(A, X)
    told.note(A, history.LOST)
    told.note(A, history.WATCHES_ENDED)
    told.fail(B, history.DELETE, X)
    told.carry_out_removal(X)
    told.write(tmp_path / HOST / "history-worker-1.bin")
    told.read_all().write(tmp_path / HOST / "history-final.bin", process="final")
    answer = result.of_run(tmp_path, planned(1))
    assert answer.state == CONSISTENT
    assert answer.notes == (
        "Sessions whose watches were not checked, as their client ended them with a lost connection: 1",
        "Not judged, as an operation without a reply may be why: acknowledged writes stay, 1 time",
    )


@pytest.mark.parametrize("end", [None, 9 * 10**9, 11 * 10**9], ids=["unknown", "shortly after", "long after"])
def test_a_history_that_ends_long_before_the_load_is_not_enough(
    end: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = story()
    told.write(tmp_path / HOST / "history-worker-1.bin", ended=False)
    final = told.read_all()
    if end is not None:
        monkeypatch.setattr(histories, "WALL_NS", histories.WALL_NS + end)
        final.write(tmp_path / HOST / "history-final.bin", process="final")
    answer = result.of_run(tmp_path, planned(1))
    assert answer.state == (PARTLY if end == 9 * 10**9 else NOT_CHECKED)
    when = "at an unknown time" if end is None else "11 s"
    assert (f"load1/history-worker-1.bin ends {when} before the load" in answer.reason) == (answer.state == NOT_CHECKED)


def test_operations_that_were_not_recorded_are_told(tmp_path: Path) -> None:
    told = story()
    told.note(0, history.UNRECORDED)
    told.write(tmp_path / HOST / "history-worker-1.bin")
    told.read_all().write(tmp_path / HOST / "history-final.bin", process="final")
    answer = result.of_run(tmp_path, planned(1))
    assert (answer.state, answer.sessions) == (PARTLY, 2)
    assert answer.reason == "Not recorded: some operations of load1/history-worker-1.bin."


@pytest.mark.parametrize(
    ("workers", "reason"),
    [
        (1, ""),
        (2, "2 processes took part, and histories of 1 are here"),
        (None, "history-final.bin, which tells how many processes with users took part"),
    ],
)
def test_a_local_load_tells_how_many_histories_it_has(workers: int | None, reason: str, tmp_path: Path) -> None:
    told, folder = story(), tmp_path / "history/local"
    told.write(folder / "history-process-one-7.bin")
    told.read_all().write(
        folder / "history-final.bin", process="final", about={} if workers is None else {"workers": workers}
    )
    answer = result.of_run(tmp_path, Manifest())
    assert answer.state == (NOT_CHECKED if reason else CONSISTENT)
    assert answer.reason == (f"Parts of the history cannot be used: {reason}." if reason else "")


def test_a_sync_that_is_too_early_is_a_note(tmp_path: Path) -> None:
    told = story()
    told.sync(0xB, zxid=told.zxid - 1)
    told.write(tmp_path / HOST / "history-worker-1.bin")
    told.read_all().write(tmp_path / HOST / "history-final.bin", process="final")
    answer = result.of_run(tmp_path, planned(1))
    assert answer.state == CONSISTENT
    (note,) = answer.notes
    assert note.startswith("1 times: a sync has not reached a write that was acknowledged before it was sent. ")


def test_a_history_without_a_write_proves_nothing(tmp_path: Path) -> None:
    told = Story()
    told.sync(A)
    told.write(tmp_path / HOST / "history-worker-1.bin")
    assert result.of_run(tmp_path, planned(1)).reason == "The history has 1 operations and no acknowledged write."


def of_two_hosts(folder: Path, **clock: float) -> Consistency:
    one = story()
    one.write(folder / HOST / "history-worker-1.bin")
    other = Story()
    other.nodes, other.zxid, other.now = one.nodes, one.zxid, one.now
    other.set(0xB, ROOT, "by another host")
    other.write(folder / "history/load2/history-worker-1.bin")
    other.read_all().write(folder / HOST / "history-final.bin", process="final")
    plan = Plan(workers={"load1": 1, "load2": 1})
    return result.of_run(folder, Manifest(plan=plan, hosts={"load1": MEASURED, "load2": clock}))


MEASURED = {"clock_offset_ms": 0.0, "clock_error_ms": 1.0}
APART = (
    "Not recorded: how far the clocks of hosts differ, so real time is not compared between "
    "load1/history-worker-1.bin, load2/history-worker-1.bin."
)


@pytest.mark.parametrize(
    ("clock", "reason"),
    [
        (MEASURED, ""),
        ({}, APART),
        (MEASURED | {"clock_error_ms": 998.0}, ""),
        (MEASURED | {"clock_error_ms": 1001.0}, APART),
        (MEASURED | {"clock_offset_after_ms": 1001.0}, APART),
    ],
    ids=["measured", "not measured", "within a second", "beyond a second", "stepped"],
)
def test_hosts_that_cannot_be_compared_in_real_time_are_told(
    clock: dict[str, float], reason: str, tmp_path: Path
) -> None:
    answer = of_two_hosts(tmp_path, **clock)
    assert (answer.state, answer.reason) == (PARTLY if reason else CONSISTENT, reason)


def test_an_answer_is_of_the_clocks_that_it_was_found_with(tmp_path: Path) -> None:
    assert of_two_hosts(tmp_path).state == PARTLY
    assert of_two_hosts(tmp_path, **MEASURED).state == CONSISTENT


@pytest.mark.parametrize("more", [0, 5_000], ids=["short", "long"])
def test_another_file_of_the_same_size_is_checked(more: int, tmp_path: Path) -> None:
    told = story()
    for number in range(more):
        told.set(A, f"{ROOT}/<b>x", str(number))
    told.get(A, f"{ROOT}/<b>x")
    file = tmp_path / HOST / "history-worker-1.bin"
    told.read_all().write(tmp_path / HOST / "history-final.bin", process="final")
    told.write(file)
    size = file.stat().st_size
    assert result.of_run(tmp_path, planned(1)).state == CONSISTENT
    told.records[-1] |= {"mzxid": told.zxid - 1, "version": more}
    told.write(file)
    assert file.stat().st_size == size
    assert result.of_run(tmp_path, planned(1)).state == VIOLATED
