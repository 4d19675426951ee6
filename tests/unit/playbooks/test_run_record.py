"""The record of a run: opened, kept, left behind, taken over, closed."""

import csv
import io
import json
import os
import re
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from playbooks.action_plugins import run_record
from playbooks.action_plugins.run_record import (
    CONTROLLER,
    EVENT_COLUMNS,
    MANIFEST,
    UNFINISHED,
    close_record,
    is_held,
    left_behind,
    note_phase,
    open_record,
    process_start,
    read,
    run_id,
    update,
    write,
)
from tests.plays import PROJECT, Fleet, Play, environment

STARTED = datetime(2026, 11, 24, 3, 15, 7, 999999, tzinfo=UTC)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "results"


@pytest.fixture
def folder(results: Path) -> Path:
    return open_record(results, "quick", "", os.getpid(), ["benchmark.yml"])


@pytest.fixture
def ended() -> int:
    """Return the id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(30)
    return process.pid


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
    names = [open_record(results, "quick", "", os.getpid(), []).name for _ in range(3)]
    assert names == ["20261124T031507Z-quick", "20261124T031507Z-quick-3", "20261124T031507Z-quick-4"]


@pytest.mark.usefixtures("_stopped_clock")
def test_two_controllers_do_not_get_the_same_folder(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_record(results, "quick", "", os.getpid(), [])
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: path != first and exists(path))  # the other is made just now
    second = open_record(results, "quick", "", os.getpid(), [])
    assert second.name == f"{first.name}-2"


@pytest.mark.parametrize(
    "change",
    [
        lambda _: {"pid": 0, "start": None},
        lambda controller: {"start": str(int(controller["start"]) + 1)},
    ],
)
def test_a_record_whose_controller_is_gone_is_left_behind(results: Path, folder: Path, change: Any) -> None:
    controller = read(folder / CONTROLLER)
    write(folder / CONTROLLER, controller | change(controller))
    assert not is_held(folder)
    assert left_behind(results) == [folder]


def test_a_process_that_has_ended_holds_nothing(results: Path, ended: int) -> None:
    assert process_start(ended) is None
    assert not is_held(open_record(results, "quick", "", ended, []))


def test_the_record_of_another_machine_is_held(folder: Path) -> None:
    write(
        folder / CONTROLLER, read(folder / CONTROLLER) | {"host": socket.gethostname() + "-2", "pid": 0, "start": None}
    )
    assert is_held(folder)


def test_a_machine_that_is_called_alike_is_another(results: Path, ended: int) -> None:
    folder = open_record(results, "quick", "", ended, [])
    controller = read(folder / CONTROLLER)
    boot, processes = controller["machine"].split()
    for machine in (f"another {processes}", f"{boot} pid:[1]"):
        write(folder / CONTROLLER, controller | {"machine": machine})
        assert is_held(folder)
        assert left_behind(results) == []
        assert left_behind(results, take=True) == [folder]
    del controller["machine"]
    write(folder / CONTROLLER, controller)
    assert left_behind(results) == [folder], "an older record goes by the name"


def test_what_tells_machines_apart(tmp_path: Path) -> None:
    assert run_record.machine() == run_record.machine() != ""
    assert run_record.machine(tmp_path) == "", "without /proc there is nothing to go by"


def test_the_run_of_another_machine_is_named_and_taken_over_only_when_that_is_asked(
    results: Path, folder: Path, ended: int
) -> None:
    elsewhere = open_record(results, "other", "", ended, [])
    write(elsewhere / CONTROLLER, read(elsewhere / CONTROLLER) | {"host": "ci-4711", "user": "ada"})
    own = open_record(results, "a", "", ended, [])
    own = own.rename(own.with_name("20250101T000000Z-a"))
    assert left_behind(results) == [own]
    assert left_behind(results, take=True) == [own, elsewhere], (
        "the own comes first, and what is at work here not at all"
    )
    here, there = sorted(run_record.who_holds(results), key=lambda line: "another machine" in line)
    since = read(elsewhere / MANIFEST)["started"]
    assert there.startswith(
        f"run {elsewhere.name} is held by ada@ci-4711 since {since}, on another machine or before a boot: if"
    )
    assert "-e run_record_take=true" in there
    assert here.endswith(f"whose ansible-playbook (process {os.getpid()}) is still at work")


def test_collecting_says_whose_run_it_could_take_over(results: Path, folder: Path, ended: int) -> None:
    write(folder / CONTROLLER, read(folder / CONTROLLER) | {"host": "ci-4711", "user": "ada", "pid": ended})

    def play(*more: str) -> str:
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "playbooks/collect.yml", "-i", "localhost,"]
        done = subprocess.run(
            [*command, "-e", f"benchmark_results_dir={results}", *more],
            cwd=PROJECT, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        return done.stdout

    refused = " ".join(play().split())
    assert "no run was left behind there, so there is nothing to collect" in refused
    assert f"run {folder.name} is held by ada@ci-4711 since" in refused
    assert "run_record_take" in play("-e", "run_record_take=perhaps")
    assert f"Finishing {folder.name}" in play("-e", "run_record_take=true")
    assert not folder.exists() or read(folder / CONTROLLER)["host"] == socket.gethostname()


def test_an_older_run_is_finished_and_the_figures_of_a_lost_master_are_given_up(
    results: Path, ended: int, tmp_path: Path
) -> None:
    names = ("20250101T000000Z-a", "20250102T000000Z-b")
    for name in names:
        folder = open_record(results, "x", "", ended, [])
        folder.rename(folder.with_name(name))
    gone = {"hosts": {"load1": {"ansible_host": "127.0.0.1", "ansible_port": 9}}}  # nobody answers there
    fleet = Fleet(tmp_path, {"zookeeper": {"hosts": {}}, "locust_master": gone, "locust_workers": gone})

    def play(**variables: Any) -> Play:
        return fleet.play("collect", benchmark_results_dir=str(results), **variables)

    unknown = " ".join(play(run_record_run="20250101T000000Z").failed().screen.split())
    assert (
        f"run_record_run [20250101T000000Z]: no such run was left behind; give one of {names[1]}, {names[0]}" in unknown
    )
    refused = " ".join(play(run_record_run=names[0]).failed().screen.split())
    assert f"Finishing {names[0]}" in refused
    assert "-e benchmark_collect_without_master=true closes the run as failed" in refused
    assert "-e run_record_run=ID" in refused
    play(run_record_run=names[0], benchmark_collect_without_master=True).succeeded()
    manifest = read(results / names[0] / MANIFEST)
    reason = "the master's figures were given up: load1: its files could not be fetched, it cannot be reached"
    assert (manifest["state"], manifest["reason"], manifest["missing"]) == ("failed", reason, [reason])
    assert (results / UNFINISHED / names[1]).exists()


PROCESSES = [
    {"name": "master", "environment": {"ZK_LOCUST_ZK_METRICS_COLLECT": "1000.0"}},
    {"name": "worker-1", "environment": {}},
]
FIGURES = ["locust-stats.csv", "locust-distrib.jsonl", "latency.hlog", "zk-metrics.csv", "events.csv"]
BEGUN = {"events.csv": b"timestamp,source,event,subject,detail\n1,master,part-start,measured,\n"}
RUNNING: dict[str, Any] = {"problem": None, "processes": {"master": {"exit_code": 1}, "worker-1": {}}}
ALL = dict.fromkeys(["supervisor.log", "master.log", "worker-1.log", "locustfile.py", *FIGURES], b"") | BEGUN


def taken_in(
    folder: Path,
    without: Iterable[str] = (),
    *,
    status: Any = RUNNING,
    processes: Any = PROCESSES,
    figures: list[str] = FIGURES,
    more: Mapping[str, bytes] = MappingProxyType({}),
) -> dict[str, list[str]]:
    documents = {"spec.json": {"processes": processes}} | ({"status.json": status} if status else {})
    files = ALL | {name: json.dumps(content).encode() for name, content in documents.items()} | dict(more)
    pack = folder / "pack.tar"
    with tarfile.open(pack, "w") as archive:
        for name in files.keys() - set(without):
            member = tarfile.TarInfo(name)
            member.size = len(files[name])
            archive.addfile(member, io.BytesIO(files[name]))
    found = run_record.take_in(folder, pack, "load1", figures)
    assert found.pop("taken") == sorted(files.keys() - set(without))
    return found


def test_a_host_that_has_all_its_files_lacks_none(folder: Path) -> None:
    assert taken_in(folder) == {"missing": [], "unknown": []}
    assert (folder / "latency.hlog").exists()
    assert not (folder / "logs/load1/latency.hlog").exists()
    assert (folder / "logs/load1/worker-1.log").exists()
    assert not (folder / "pack.tar").exists()


@pytest.mark.parametrize("name", [*FIGURES, "master.log", "worker-1.log", "supervisor.log", "status.json"])
def test_a_file_that_a_load_host_should_have_had_is_missing(folder: Path, name: str) -> None:
    assert taken_in(folder, [name]) == {"missing": [name], "unknown": []}


def test_a_master_that_ended_well_without_a_figure_lacks_all(folder: Path) -> None:
    status = RUNNING | {"processes": {"master": {"exit_code": 0}}}
    assert taken_in(folder, FIGURES, status=status)["missing"] == FIGURES


def test_what_a_run_does_not_write_is_not_missing(folder: Path) -> None:
    for asked in ("0", "0.0", "0ms", "web"):
        processes = [{"name": "master", "environment": {"ZK_LOCUST_ZK_METRICS_COLLECT": asked}}, PROCESSES[1]]
        assert taken_in(folder, ["zk-metrics.csv"], processes=processes)["missing"] == []
        (folder / "logs/load1/zk-metrics.csv").unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("the load has not begun", {"without": FIGURES[:-1], "more": {"events.csv": b"timestamp,source\n"}}),
        ("the master has not come so far", {"without": FIGURES}),
        ("a worker host has no figures", {"without": FIGURES, "figures": [], "processes": PROCESSES[1:]}),
        ("nothing was started", {"without": [*ALL], "status": None}),
        (
            "the second process could not be started",
            {"without": [*FIGURES, "worker-1.log"], "status": {"problem": "x", "processes": {"master": {}}}},
        ),
    ],
)
def test_a_file_that_is_rightly_not_there_is_not_missing(folder: Path, case: str, changes: Any) -> None:
    assert taken_in(folder, **changes)["missing"] == [], case


def test_files_that_nobody_expects_are_said_of_load_hosts_only(folder: Path) -> None:
    assert taken_in(folder, more={"core.4711": b""})["unknown"] == ["core.4711"]
    assert (folder / "logs/load1/core.4711").exists()
    member = open_record(folder.parent.parent, "member", "", os.getpid(), [])
    found = taken_in(member, ["spec.json"], status=None, figures=[], more={"zoo.cfg": b""})
    assert found == {"missing": [], "unknown": []}


def test_samples_are_missing_where_a_load_host_had_a_sampler(folder: Path) -> None:
    sampled: dict[str, Any] = {"processes": [*PROCESSES, {"name": "sampler"}], "more": {"sampler.log": b""}}
    assert taken_in(folder, **sampled) == {"missing": ["host-metrics.csv"], "unknown": []}
    sampled["more"] |= {"host-metrics.csv": b"timestamp\n"}
    assert taken_in(folder, **sampled) == {"missing": [], "unknown": []}


def test_a_record_that_lost_its_controller_in_a_crash_is_left_behind(results: Path, folder: Path) -> None:
    (folder / CONTROLLER).write_text("{")
    assert left_behind(results) == [folder]
    (folder / CONTROLLER).unlink()
    assert left_behind(results) == [folder]
    taken = run_record.ActionModule._operate({"operation": "take_over", "folder": str(folder)})
    assert taken["run_id"] == folder.name
    assert read(folder / CONTROLLER)["pid"] == os.getppid()


def test_a_folder_in_which_nothing_was_begun_is_nobodys_run(results: Path, folder: Path) -> None:
    (results / UNFINISHED / "20261124T031507Z-husk").mkdir()
    (results / UNFINISHED / "a file").write_text("")
    assert left_behind(results) == []
    assert folder.exists()


def test_the_newest_of_those_left_behind_comes_first(results: Path, ended: int) -> None:
    folders = [open_record(results, name, "", ended, []) for name in ("a", "b", "c")]
    assert left_behind(results) == sorted(folders, reverse=True)
    assert left_behind(results.parent / "none") == []


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
    old, new = (open_record(results, name, "", os.getpid(), []) for name in ("a", "b"))
    old = old.rename(old.with_name("20250101T000000Z-a"))
    close_record(new)
    close_record(old)
    assert (results / "latest").readlink().name == new.name
    assert (results / old.name).is_dir()
    newest = open_record(results, "c", "", os.getpid(), [])
    close_record(newest)
    assert (results / "latest").readlink().name == newest.name


def test_latest_is_mended_where_it_shows_nothing(results: Path, folder: Path) -> None:
    (results / "latest").symlink_to("99991231T235959Z-gone")
    assert (close_record(folder).parent / "latest").readlink().name == folder.name


def test_another_unfinished_run_stays_where_it_is(results: Path, folder: Path) -> None:
    other = open_record(results, "other", "", os.getpid(), [])
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
        ("2026-01-01T00:00:02+00:00", "master", "worker-lost", "w/1", 'it said "no", and\nleft'),
        ("2026-01-01T00:00:00+00:00", "master", "part-start", "measured", ""),
        ("2026-01-01T00:00:04", "master", "cut sho"),
    ]
    with (folder / "events.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    note_phase(folder, "run", "2026-01-01T00:00:01+00:00", "2026-01-01T00:00:03+00:00")
    merged = events(close_record(folder))
    assert merged == [list(EVENT_COLUMNS), list(rows[2]),
        ["2026-01-01T00:00:01+00:00", "controller", "phase-start", "run", ""], list(rows[1]),
        ["2026-01-01T00:00:03+00:00", "controller", "phase-end", "run", ""],
    ]  # fmt: skip


def test_a_run_without_events_of_its_hosts_has_those_of_the_controller(folder: Path) -> None:
    note_phase(folder, "preflight", "2026-01-01T00:00:01+00:00", "2026-01-01T00:00:03+00:00")
    assert [row[2] for row in events(close_record(folder))[1:]] == ["phase-start", "phase-end"]


def test_events_that_a_crash_has_left_in_pieces_do_not_keep_the_record_open(folder: Path) -> None:
    (folder / "events.csv").write_bytes(b"timestamp,source,event,subject,detail\n2026,m,part-start,\xff\xfe,\n\0\0\0")
    assert len(events(close_record(folder))) == 2
    empty = open_record(folder.parent.parent, "next", "", os.getpid(), [])
    (empty / "events.csv").write_bytes(b"")
    assert events(close_record(empty)) == [list(EVENT_COLUMNS)]


def test_samples_of_all_hosts_are_in_one_file_when_a_record_is_closed(folder: Path) -> None:
    files = {
        "load1/host-metrics.csv": b"timestamp,host\r\n1,load1\r\n2,loa",
        "zk1/host-metrics.csv": b"timestamp,host\r\n3,zk1 too\r\n",
        "zk1/zookeeper-host-metrics.csv": b"timestamp,host\r\n3,zk1\r\n",
        "zk2/zookeeper-host-metrics.csv": b"time,other\r\n4,zk2\r\n",
        "zk3/zookeeper-host-metrics.csv": b"times",
        "zk3/zookeeper.log": b"",
    }
    for name, content in files.items():
        (folder / "logs" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "logs" / name).write_bytes(content)
    # Who judges the run needs them before it is closed, and a controller that dies in between must lose nothing.
    for _ in range(2):
        run_record.merge_samples(folder)
        before = (folder / "host-metrics.csv").read_bytes()
    closed = close_record(folder)
    merged = (closed / "host-metrics.csv").read_bytes()
    assert merged == before
    assert merged == b"timestamp,host\r\n1,load1\r\n2,loa\n3,zk1 too\r\n3,zk1\r\n"
    left = sorted(str(path.relative_to(closed / "logs")) for path in (closed / "logs").rglob("*.*"))
    # What is of another make, or has no line, is kept as it is.
    assert left == ["zk2/zookeeper-host-metrics.csv", "zk3/zookeeper-host-metrics.csv", "zk3/zookeeper.log"]


def test_a_run_without_samples_has_no_file_of_them(folder: Path) -> None:
    closed = close_record(folder)
    assert not list(closed.glob("host-metrics*"))


def test_files_are_replaced_at_once(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    write(file, {"ä": Path("/x")})
    assert json.loads(file.read_text(encoding="utf-8")) == {"ä": "/x"}
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]


def test_the_columns_are_those_of_the_collector() -> None:
    from locust_extra.columns import EVENT_COLUMNS as COLLECTED

    assert EVENT_COLUMNS == COLLECTED


def test_the_action_opens_and_closes_and_drops(results: Path) -> None:
    operate = run_record.ActionModule._operate
    asked: dict[str, Any] = {
        "folder": None,
        "results_dir": str(results),
        "scenario": "quick",
        "label": "",
        "playbooks": [],
    }
    opened = operate(asked | {"operation": "open"})
    assert Path(opened["folder"]).name == opened["run_id"]
    phase = {"operation": "phase", "folder": opened["folder"], "name": "run", "start": None}
    operate(phase | {"end": None})
    operate(phase | {"end": "now"})
    left = operate(asked | {"operation": "left_behind", "take": False})
    assert left["folders"] == []
    assert len(left["held"]) == 1
    closed = operate({"operation": "close", "folder": opened["folder"]})
    assert read(Path(closed["folder"]) / MANIFEST)["phases"][0]["end"] is not None
    second = operate(asked | {"operation": "open"})
    operate({"operation": "drop", "folder": second["folder"]})
    assert not Path(second["folder"]).exists()
