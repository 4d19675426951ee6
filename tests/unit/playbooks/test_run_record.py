"""The record of a run: opened, kept, closed."""

import csv
import errno
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail, AnsibleError

from fleet import run_record
from fleet.merging import merge_events, merge_samples
from fleet.record_holders import is_held, left_behind, take_over, who_holds
from fleet.run_record import close_record, note_phase, open_record, read, run_id, update, write
from lab.places import PROJECT
from playbooks.action_plugins.run_record import ActionModule
from zk_locust.contract.events import EVENT_COLUMNS
from zk_locust.contract.run_files import CONTROLLER, MANIFEST, UNFINISHED
from zk_locust.contract.run_plan import run_plan

STARTED = datetime(2026, 11, 24, 3, 15, 7, 999999, tzinfo=UTC)


@pytest.fixture
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have all runs begin in the same second."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Clock":
            return cls(2026, 11, 24, 3, 15, 7, tzinfo=tz)

    monkeypatch.setattr(run_record, "datetime", Clock)


def events(folder: Path) -> list[list[str]]:
    with (folder / "events.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    ("scenario", "label", "expected"),
    [
        ("quick", "", "20261124T031507Z-quick"),
        ("quick", "3.8.0 vs 3.9", "20261124T031507Z-quick-3.8.0-vs-3.9"),
        ("a/b", "../../etc", "20261124T031507Z-a-b-etc"),
        ("quick", " - ", "20261124T031507Z-quick"),
        ("quick", "größe\n", "20261124T031507Z-quick-gr-e"),
        ("quick", ".hidden.", "20261124T031507Z-quick-hidden"),
    ],
)
def test_a_run_is_named_for_its_start_scenario_and_label(scenario: str, label: str, expected: str) -> None:
    assert run_id(STARTED, scenario, label) == expected


def test_an_open_record_says_what_it_is_and_who_holds_it(results: Path, folder: Path) -> None:
    assert folder.parent == results / UNFINISHED
    assert re.fullmatch(r"\d{8}T\d{6}Z-quick", folder.name)
    manifest = read(folder / MANIFEST)
    assert manifest["run_id"] == folder.name
    assert manifest["state"] == "unfinished"
    assert (manifest["ended"], manifest["phases"]) == (None, [])
    assert read(folder / CONTROLLER)["pid"] == os.getpid()
    assert is_held(folder)
    assert left_behind(results) == []


@pytest.mark.usefixtures("_stopped_clock")
def test_runs_that_begin_at_the_same_time_get_names_of_their_own(results: Path) -> None:
    (results / "20261124T031507Z-quick-2").mkdir(parents=True)
    names = [open_record(results, "quick", "", os.getpid()).name for _ in range(3)]
    assert names == ["20261124T031507Z-quick", "20261124T031507Z-quick-3", "20261124T031507Z-quick-4"]


@pytest.mark.usefixtures("_stopped_clock")
def test_two_controllers_do_not_get_the_same_folder(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_record(results, "quick", "", os.getpid())
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: path != first and exists(path))  # the other is made just now
    second = open_record(results, "quick", "", os.getpid())
    assert second.name == f"{first.name}-2"


def test_phases_begin_and_end(folder: Path) -> None:
    note_phase(folder, "run", None, None)
    note_phase(folder, "collect", "2026-01-01T00:00:00+00:00", None)
    note_phase(folder, "run", None, "2026-01-01T00:00:01+00:00")
    note_phase(folder, "provision", "2026-01-01T00:00:02+00:00", "2026-01-01T00:00:03+00:00")
    run, collect, provision = read(folder / MANIFEST)["phases"]
    assert datetime.fromisoformat(run["start"]).utcoffset() is not None
    assert run["end"] == "2026-01-01T00:00:01+00:00"
    assert collect == {"name": "collect", "start": "2026-01-01T00:00:00+00:00", "end": None}
    assert provision["end"] == "2026-01-01T00:00:03+00:00"


def test_only_the_running_phase_of_that_name_ends(folder: Path) -> None:
    for end in ("1", "2"):
        note_phase(folder, "run", None, None)
        note_phase(folder, "run", None, end)
    assert [phase["end"] for phase in read(folder / MANIFEST)["phases"]] == ["1", "2"]


def test_values_are_laid_over_the_manifest_dictionaries_within_dictionaries(folder: Path) -> None:
    update(folder, {"versions": {"controller": {"python": "3.11"}}, "state": "complete"})
    update(folder, {"versions": {"m1": {"zookeeper": "3.8.0"}, "controller": {"python": "3.12"}}, "hosts": ["a"]})
    manifest = read(folder / MANIFEST)
    assert manifest["versions"] == {"controller": {"python": "3.12"}, "m1": {"zookeeper": "3.8.0"}}
    assert (manifest["state"], manifest["hosts"], manifest["run_id"]) == ("complete", ["a"], folder.name)


def test_a_closed_record_has_its_name_and_its_end_and_latest_shows_it(results: Path, folder: Path) -> None:
    note_phase(folder, "run", None, None)
    final = close_record(folder)
    assert final == results / folder.name
    assert not folder.exists()
    assert not (results / UNFINISHED).exists()
    manifest = read(final / MANIFEST)
    assert manifest["phases"][0]["end"] == manifest["ended"] is not None
    assert not (final / CONTROLLER).exists()
    assert (results / "latest").resolve() == final
    assert (results / "latest").readlink() == Path(final.name), "the results folder may be moved"


def test_latest_shows_the_newest_run_whatever_was_closed_last(results: Path) -> None:
    old, new = (open_record(results, name, "", os.getpid()) for name in ("a", "b"))
    old = old.rename(old.with_name("20250101T000000Z-a"))
    close_record(new)
    close_record(old)
    assert (results / "latest").readlink().name == new.name
    assert (results / old.name).is_dir()
    newest = open_record(results, "c", "", os.getpid())
    close_record(newest)
    assert (results / "latest").readlink().name == newest.name


def test_latest_is_mended_where_it_shows_nothing(results: Path, folder: Path) -> None:
    (results / "latest").symlink_to("99991231T235959Z-gone")
    assert (close_record(folder).parent / "latest").readlink().name == folder.name


def test_another_unfinished_run_stays_where_it_is(results: Path, folder: Path) -> None:
    other = open_record(results, "other", "", os.getpid())
    close_record(folder)
    assert is_held(other)


def test_a_finished_run_is_never_overwritten(results: Path, folder: Path) -> None:
    finished = results / folder.name
    finished.mkdir()
    (finished / MANIFEST).write_text("precious")
    with pytest.raises(OSError, match="not empty"):
        close_record(folder)
    assert (finished / MANIFEST).read_text() == "precious"
    assert (folder / MANIFEST).exists(), "and nothing of the other is lost"


def test_phases_are_put_among_the_hosts_events_by_time(folder: Path) -> None:
    rows = [
        EVENT_COLUMNS,
        ("2026-01-01T00:00:02+00:00", "master", "worker-lost", "w/1", 'it said "no", and\nleft', "", ""),
        ("2026-01-01T00:00:00+00:00", "master", "stage-start", "measured", ""),  # as older versions wrote it
        ("2026-01-01T00:00:04", "master", "cut sho"),
    ]
    with (folder / "events.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    note_phase(folder, "run", "2026-01-01T00:00:01+00:00", "2026-01-01T00:00:03+00:00")
    merged = events(close_record(folder))
    assert merged == [list(EVENT_COLUMNS), [*rows[2], "", ""],
        ["2026-01-01T00:00:01+00:00", "controller", "phase-start", "run", "", "", ""], list(rows[1]),
        ["2026-01-01T00:00:03+00:00", "controller", "phase-end", "run", "", "", ""],
    ]  # fmt: skip


def test_a_run_without_events_of_its_hosts_has_those_of_the_controller(folder: Path) -> None:
    note_phase(folder, "preflight", "2026-01-01T00:00:01+00:00", "2026-01-01T00:00:03+00:00")
    assert [row[2] for row in events(close_record(folder))[1:]] == ["phase-start", "phase-end"]


def test_events_that_a_crash_has_left_in_pieces_do_not_keep_the_record_open(folder: Path) -> None:
    (folder / "events.csv").write_bytes(b"timestamp,source,event,subject,detail\n2026,m,stage-start,\xff\xfe,\n\0\0\0")
    assert len(events(close_record(folder))) == 2
    empty = open_record(folder.parent.parent, "next", "", os.getpid())
    (empty / "events.csv").write_bytes(b"")
    assert events(close_record(empty)) == [list(EVENT_COLUMNS)]


def test_files_are_replaced_at_once(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    write(file, {"ä": Path("/x")})
    assert json.loads(file.read_text(encoding="utf-8")) == {"ä": "/x"}
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]


def test_the_columns_are_those_of_the_collector(tmp_path: Path) -> None:
    from locust_extra.files import EventFile

    EventFile(str(tmp_path / "events.csv"), "master").close()
    with (tmp_path / "events.csv").open(newline="") as file:
        assert tuple(next(csv.reader(file))) == EVENT_COLUMNS


def test_the_action_opens_and_closes(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getppid", os.getpid)  # a task runs in a child of the controller
    began = "2026-01-01T00:00:01+00:00"
    opened = called(operation="open", results_dir=str(results), scenario="quick", label="", preflight_began=began)
    assert Path(opened["folder"]).name == opened["run_id"]
    for moment in ("start", "end"):
        called(operation="note_phase", folder=opened["folder"], name="run", moment=moment)
    assert left_behind(results) == []
    assert len(who_holds(results)) == 1
    closed = called(operation="close", folder=opened["folder"], state="failed", reason="no load")
    manifest = read(Path(closed["folder"]) / MANIFEST)
    assert [phase["name"] for phase in manifest["phases"]] == ["preflight", "run"]
    assert manifest["phases"][0]["start"] == began
    assert all(phase["end"] is not None for phase in manifest["phases"])
    assert (manifest["state"], manifest["reason"]) == ("failed", "no load")
    assert manifest["verdict"]["verdict"] == "void"


def test_what_hosts_have_told_is_noted_as_plain_text(folder: Path) -> None:
    told = {"hosts": {"zk1": {"java": "17\x1b[2J"}}, "versions": {"python": "3.11\x1b[2J"}, "warnings": ["as it is"]}
    called(operation="note", folder=str(folder), values=told)
    manifest = read(folder / MANIFEST)
    assert manifest["hosts"] == {"zk1": {"java": "17 [2J"}}
    assert manifest["versions"] == {"python": "3.11 [2J"}


def test_the_plan_is_noted_with_what_was_measured_before_the_load(folder: Path) -> None:
    load = {
        "name": "quick", "locustfile": "/kit/locust_get.py", "users": 8, "spawn_rate": 4.0, "warmup": "5s",
        "run_time_s": 30.0, "parameters": {"client": "kazoo"}, "planned_s": 37.0, "deadline_s": 77.0, "lease_s": 997.0,
        "members": [{"name": "10.0.0.1:2181", "address": "10.0.0.1", "client_port": 2181}],
    }  # fmt: skip
    given: dict[str, Any] = {
        "workers": {"load1": 2, "load2": "3"},
        "sample_intervals_s": {"zk1": 1, "load1": "0.5", "load2": 0},
        "members": [],
        "clocks": {"load1": {"offset_ms": 1.5, "error_ms": 0.2}, "load2": {"offset_ms": None}, "zk1": {}},
    }
    answer = called(operation="note_plan", folder=str(folder), load=load, **given)
    manifest = read(folder / MANIFEST)
    assert manifest["plan"] == answer["plan"]
    assert manifest["plan"] == {
        "scenario": "quick",
        "locustfile": "locust_get.py",
        "client": "kazoo",
        "users": 8,
        "user_stages": None,
        "spawn_rate_per_s": 4.0,
        "stages": [
            {"name": "warm-up", "planned_s": 5.0},
            {"name": "measured", "planned_s": 30.0},
            {"name": "cool-down", "planned_s": None},
        ],
        "arrival": None,
        "workers": {"load1": 2, "load2": 3},
        "expected_workers": 5,
        "sampled_hosts": ["load1", "zk1"],
        "members": ["10.0.0.1:2181"],
        "deadline_s": 77.0,
    }
    assert manifest["hosts"] == {"load1": {"clock_offset_ms": 1.5, "clock_error_ms": 0.2}}
    assert set(manifest["scenario"]) == set(load) - {"members", "deadline_s", "lease_s"}


def test_the_plan_says_that_a_warm_up_is_automatic() -> None:
    load = {
        "name": "quick", "locustfile": "locust_get.py", "users": 8, "spawn_rate": 4.0, "warmup": "auto:90s",
        "run_time_s": 30.0, "parameters": {"client": "native"}, "deadline_s": 162.0, "members": [],
    }  # fmt: skip
    plan = run_plan(load, {"load1": 1}, [], ["zk1"])
    assert plan["stages"][0] == {"name": "warm-up", "planned_s": None, "limit_s": 90.0}
    assert run_plan(load | {"warmup": "0s"}, {"load1": 1}, [], ["zk1"])["stages"][0]["name"] == "measured"


def test_check_mode_notes_nothing_and_opens_nothing(results: Path, folder: Path) -> None:
    before = read(folder / MANIFEST)
    opened = called(check=True, operation="open", results_dir=str(results), scenario="x", label="", preflight_began="")
    assert opened["folder"] == ""
    called(check=True, operation="close", folder="", state="failed", reason="")
    assert [record.name for record in (results / UNFINISHED).iterdir()] == [folder.name]
    assert read(folder / MANIFEST) == before


def test_notes_at_the_same_time_do_not_lose_each_other(folder: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from fleet.run_record import note_phase, update\n"
        "for n in range(10):\n"
        "    update(Path(sys.argv[1]), {'hosts': {f'h{sys.argv[2]}-{n}': {'noted': True}}})\n"
        "    note_phase(Path(sys.argv[1]), f'p{sys.argv[2]}-{n}', None, None)\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script, folder, str(n)], cwd=PROJECT) for n in range(5)]
    assert [writer.wait(60) for writer in writers] == [0] * 5
    manifest = read(folder / MANIFEST)
    assert (len(manifest["hosts"]), len(manifest["phases"])) == (50, 50)
    assert sorted(file.name for file in folder.iterdir()) == [".lock", CONTROLLER, MANIFEST]


def test_runs_that_are_closed_at_the_same_time_leave_latest_at_the_newest(results: Path) -> None:
    script = "import sys; from pathlib import Path; from fleet.run_record import close_record\n" + (
        "for name in sys.argv[1:]: close_record(Path(name))"
    )
    folders = [
        folder.rename(folder.with_name(f"202501{day:02}T000000Z-a"))
        for day, folder in enumerate((open_record(results, f"r{n}", "", os.getpid()) for n in range(20)), 1)
    ]
    closers = [subprocess.Popen([sys.executable, "-c", script, *folders[n::4]], cwd=PROJECT) for n in range(4)]
    assert [closer.wait(60) for closer in closers] == [0] * 4
    assert (results / "latest").readlink() == Path(folders[-1].name)
    assert {path.name for path in results.iterdir()} == {"latest", *(folder.name for folder in folders)}


@pytest.mark.parametrize("make", [lambda path: os.mkfifo(path), lambda path: path.mkdir()])
def test_a_lock_that_is_no_file_is_refused_and_not_waited_for(folder: Path, make: Any) -> None:
    make(folder / ".lock")
    with pytest.raises(OSError, match=r"(Is a directory|it is not a regular file): '.*\.lock'"):
        update(folder, {"state": "complete"})


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"run_id": "x', b"\xff\xfe", b"\0" * 200])
def test_a_manifest_that_a_power_loss_has_damaged_is_said_and_begun_anew(
    results: Path, ended: int, content: bytes
) -> None:
    folder = open_record(results, "quick", "", ended)
    (folder / MANIFEST).write_bytes(content)
    with pytest.raises(OSError, match=r"manifest\.json is (empty or )?damaged"):
        update(folder, {"state": "complete"})
    assert left_behind(results) == [folder], "its figures are still on the hosts"
    (note,) = take_over(folder, os.getpid())
    assert "manifest.json is " in note
    assert "damaged" in note
    manifest = read(folder / MANIFEST)
    assert (manifest["run_id"], manifest["state"]) == (folder.name, "unfinished")
    assert datetime.fromisoformat(manifest["started"]).strftime("%Y%m%dT%H%M%SZ") == folder.name[:16]
    close_record(folder)


def test_one_of_two_controllers_takes_a_run_over(results: Path, ended: int) -> None:
    folder = open_record(results, "quick", "", ended)
    take_over(folder, os.getpid())
    take_over(folder, os.getpid())
    with pytest.raises(OSError, match=rf"run {folder.name} is held by .* \(process {os.getpid()}\) is still at work"):
        take_over(folder, os.getppid())


def test_a_record_whose_closing_was_cut_off_is_closed_by_the_next(folder: Path) -> None:
    note_phase(folder, "run", "2026-01-01T00:00:01+00:00", "2026-01-01T00:00:03+00:00")
    merge_events(folder, read(folder / MANIFEST)["phases"])  # as far as the one before came
    assert len(events(close_record(folder))) == 3


def test_what_killed_controllers_have_left_is_not_in_a_closed_record(folder: Path) -> None:
    (folder / "logs" / "load1").mkdir(parents=True)
    for name in (".0123abcd.new", ".manifest.json.0123abcd.new", "logs/load1/.0123abcd.new"):
        (folder / name).write_text("stage")
    (folder / "logs" / "load1" / "locust.log").write_text("")
    closed = close_record(folder)
    assert sorted(path.name for path in closed.rglob("*") if path.is_file()) == [
        "events.csv", "locust.log", "manifest.json",
    ]  # fmt: skip


@pytest.mark.parametrize("merge", [lambda folder: merge_events(folder, []), merge_samples])
def test_a_full_disk_leaves_no_stage_of_a_merged_file(folder: Path, monkeypatch: Any, merge: Any) -> None:
    (folder / "logs" / "zk1").mkdir(parents=True)
    (folder / "logs" / "zk1" / "host-metrics.csv").write_text("timestamp,host\n1,zk1\n")
    before = sorted(folder.rglob("*"))

    def full(_: int) -> None:  # a stand-in for a disk that is full
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        merge(folder)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("length", [200_000, 3_000_000])
def test_a_long_text_of_an_event_does_not_break_the_record(folder: Path, length: int) -> None:
    rows = [
        EVENT_COLUMNS,
        ("2026-01-01T00:00:01", "master", "stage-start", "measured", ""),
        ("2026-01-01T00:00:02", "load1", "stranger", "a", "x" * length),
        ("2026-01-01T00:00:03", "master", "stage-start", "cool-down", ""),
    ]
    with (folder / "events.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    merged = events(close_record(folder))  # with the field limit that all readers have
    assert [row[2] for row in merged[1:]] == ["stage-start", "stranger", "stage-start"]
    assert merged[2][4].startswith("x" * 1000)
    assert len(merged[2][4]) < 131_072


@pytest.mark.parametrize("folder", ["", ".", "/", "results"])
def test_a_folder_that_is_no_open_record_is_refused(folder: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / MANIFEST).write_text("precious")
    results: dict[str, Any] = {"without_master": True, "taken_over": False, "interruption": "", "members": {}}
    asked: dict[str, dict[str, Any]] = {
        "note_phase": {"name": "run", "moment": "end"},
        "note": {"values": {}},
        "add_results": {"host": "a", "role": "master", "pack": "/x", "problem": "", "told": {}},
        "note_results": results | {"load_hosts": {"a": {}}},
        "close": {"state": "complete", "reason": ""},
    }
    for operation, arguments in asked.items():
        with pytest.raises(AnsibleActionFail, match="is no open record of a run"):
            called(operation=operation, folder=str(folder), **arguments)
    assert (tmp_path / MANIFEST).read_text() == "precious"


@pytest.mark.parametrize("operation", ["drop", "remove", ""])
def test_there_is_no_operation_that_removes_a_record(operation: str, tmp_path: Path) -> None:
    with pytest.raises(AnsibleError, match="value of operation must be one of: open, "):
        called(operation=operation, folder=str(tmp_path))
    assert tmp_path.is_dir()


@pytest.mark.parametrize(
    ("operation", "missing"),
    [
        ("close", "folder, reason, state"),
        ("note_phase", "folder, moment, name"),
        ("add_results", "folder, host, pack, problem, role, told"),
        ("open", "label, preflight_began, results_dir, scenario"),
    ],
)
def test_an_operation_without_what_it_works_on_is_refused(operation: str, missing: str) -> None:
    with pytest.raises(AnsibleError, match="missing") as refused:
        called(operation=operation)
    assert sorted(re.split(r", |: ", str(refused.value))[-len(missing.split(", ")) :]) == missing.split(", ")


def called(check: bool = False, **arguments: Any) -> dict[str, Any]:
    """Call the action as a task does."""
    from types import SimpleNamespace

    task = SimpleNamespace(args=arguments, async_val=0, action="run_record", check_mode=check, diff=False)
    action = ActionModule(
        task, SimpleNamespace(_shell=SimpleNamespace(tmpdir="")), SimpleNamespace(check_mode=False), None, None, None
    )
    answer: dict[str, Any] = action.run(task_vars={})
    return answer


def test_the_time_of_the_second_clock_offset_is_noted(folder: Path) -> None:
    given: dict[str, Any] = {"host": "load1", "role": "worker", "pack": "", "problem": "none"}
    clock = {"offset_ms": 3, "error_ms": 0.2}
    result = called(operation="add_results", folder=str(folder), told={"clock": clock}, **given)["result"]
    assert result["machine"]["clock_offset_after_ms"] == 3.0
    assert datetime.fromisoformat(result["machine"]["clock_offset_after_at"]).tzinfo is not None
    unknown = {"offset_ms": None, "error_ms": None}
    result = called(operation="add_results", folder=str(folder), told={"clock": unknown}, **given)["result"]
    assert not any(name.startswith("clock") for name in result["machine"])
