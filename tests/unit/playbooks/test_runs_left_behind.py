"""Runs whose controller is gone: which they are, who still holds one, and how another takes it over."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fleet import record_tasks
from fleet.controllers import machine, process_start
from fleet.record_holders import is_held, left_behind, who_holds
from fleet.run_record import open_record, read, write
from lab.places import PROJECT
from lab.plays import Fleet, Play, environment
from zk_locust.contract.run_files import CONTROLLER, MANIFEST, UNFINISHED


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
    assert not is_held(open_record(results, "quick", "", ended))


def test_the_record_of_another_machine_is_held(folder: Path) -> None:
    write(
        folder / CONTROLLER, read(folder / CONTROLLER) | {"host": socket.gethostname() + "-2", "pid": 0, "start": None}
    )
    assert is_held(folder)


def test_a_machine_that_is_called_alike_is_another(results: Path, ended: int) -> None:
    folder = open_record(results, "quick", "", ended)
    controller = read(folder / CONTROLLER)
    boot, processes = controller["machine"].split()
    for other in (f"another {processes}", f"{boot} pid:[1]"):
        write(folder / CONTROLLER, controller | {"machine": other})
        assert is_held(folder)
        assert left_behind(results) == []
        assert left_behind(results, take=True) == [folder]
    del controller["machine"]
    write(folder / CONTROLLER, controller)
    assert left_behind(results) == [folder], "an older record goes by the name"


def test_what_tells_machines_apart(tmp_path: Path) -> None:
    assert machine() == machine() != ""
    assert machine(tmp_path) == "", "without /proc there is nothing to go by"


def test_the_run_of_another_machine_is_named_and_taken_over_only_when_that_is_asked(
    results: Path, folder: Path, ended: int
) -> None:
    elsewhere = open_record(results, "other", "", ended)
    write(elsewhere / CONTROLLER, read(elsewhere / CONTROLLER) | {"host": "ci-4711", "user": "ada"})
    own = open_record(results, "a", "", ended)
    own = own.rename(own.with_name("20250101T000000Z-a"))
    assert left_behind(results) == [own]
    assert left_behind(results, take=True) == [own, elsewhere], (
        "the own comes first, and what is at work here not at all"
    )
    here, there = sorted(who_holds(results), key=lambda line: "another machine" in line)
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
        folder = open_record(results, "x", "", ended)
        folder.rename(folder.with_name(name))
    nobody = {"ansible_host": "127.0.0.1", "ansible_port": 9}
    gone = {"hosts": {"load1": nobody}}
    members = {"hosts": {"zk1": nobody, "external1": {**nobody, "zookeeper_managed": False}}}
    fleet = Fleet(tmp_path, {"zookeeper": members, "locust_master": gone, "locust_workers": gone})

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
    missing = [reason, "zk1: its logs could not be fetched, it cannot be reached"]
    assert (manifest["state"], manifest["reason"], manifest["missing"]) == ("failed", reason, missing)
    assert (results / UNFINISHED / names[1]).exists()


def test_a_record_that_lost_its_controller_in_a_crash_is_left_behind(results: Path, folder: Path) -> None:
    (folder / CONTROLLER).write_text("{")
    assert left_behind(results) == [folder]
    (folder / CONTROLLER).unlink()
    assert left_behind(results) == [folder]
    taken = record_tasks.take_over(results_dir=results, run="", adopt="", take=False)
    assert taken["run_id"] == folder.name
    assert read(folder / CONTROLLER)["pid"] == os.getppid()


def test_a_folder_in_which_nothing_was_begun_is_nobodys_run(results: Path, folder: Path) -> None:
    (results / UNFINISHED / "20261124T031507Z-husk").mkdir()
    (results / UNFINISHED / "a file").write_text("")
    assert left_behind(results) == []
    assert folder.exists()


def test_the_newest_of_those_left_behind_comes_first(results: Path, ended: int) -> None:
    folders = [open_record(results, name, "", ended) for name in ("a", "b", "c")]
    assert left_behind(results) == sorted(folders, reverse=True)
    assert left_behind(results.parent / "none") == []
