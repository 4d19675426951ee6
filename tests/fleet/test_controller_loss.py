"""The controller is lost, interrupted or met by another, and a load host is hostile: no figure is lost, nothing stays.

Each case is a fault. `pytest -s` shows what was counted at the end: faults, survived, figures lost, processes left.
"""

import contextlib
import csv
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fleet.lab_fleet import LOAD_FOLDER, LabFleet, until

pytestmark = pytest.mark.fleet

SCENARIO = {"users": 4, "spawn_rate": 4, "warmup": "1s", "run_time": "5s", "parameters": {"client": "native"}}
LOAD_AND_AFTER = ("--tags", "run,collect,stop,report")
SAMPLERS = (
    "for p in /proc/[0-9]*; do tr '\\0' '\\n' <$p/cmdline | grep -qx host_metrics && echo ${p#/proc/}; done; true"
)
counts: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def count() -> Iterator[None]:
    yield
    print(f"\nfaults tried: {counts['tried']}, survived: {counts['survived']}, figures lost: {counts['figures lost']},"
          f" processes left: {counts['processes left']}")  # fmt: skip


@pytest.fixture(autouse=True)
def counted(fleet: LabFleet) -> None:
    fleet.set_scenario(**SCENARIO)
    counts["tried"] += 1


def samplers(fleet: LabFleet) -> list[str]:
    """Return the samplers on members, by member and process id."""
    found = [(name, fleet.lab.hosts[name].run(SAMPLERS).stdout.split()) for name in fleet.members]
    return [f"{name}/{pid}" for name, pids in found for pid in pids]


def assert_nothing_is_left(fleet: LabFleet) -> None:
    def left() -> list[Any]:
        return [pid for name in fleet.load_hosts for pid in fleet.run_processes(name)] + samplers(fleet)

    until(lambda: not left(), limit_s=30)
    counts["processes left"] += len(left())
    assert left() == []
    assert fleet.leases() == {}
    counts["survived"] += 1  # each test ends with this


def assert_figures_are_complete(fleet: LabFleet, *stages: str) -> None:
    """The series goes on into each stage, and the events say when it began."""
    run = fleet.the_run()
    with (run / "locust-stats.csv").open() as file:
        recorded = {row["stage"] for row in csv.DictReader(file)}
    with (run / "events.csv").open() as file:
        begun = {row["subject"] for row in csv.DictReader(file) if row["event"] == "stage-start"}
    counts["figures lost"] += len(set(stages) - recorded) + len(set(stages) - begun)
    assert set(stages) <= recorded
    assert set(stages) <= begun
    assert (run / "latency.hlog").stat().st_size > 500


def begin(
    fleet: LabFleet, until_it_says: str, *arguments: str, playbook: str = "benchmark"
) -> "subprocess.Popen[bytes]":
    """Start a playbook, and return when it says something."""
    play = fleet.begin(playbook, *arguments)

    def said() -> bool:
        assert play.poll() is None or until_it_says in fleet.screen(), fleet.screen()
        return until_it_says in fleet.screen()

    until(said, limit_s=120, pause_s=0.05, explain=fleet.screen)
    return play


def kill(play: "subprocess.Popen[bytes]") -> None:
    """End a controller with all its processes, as a power loss does."""
    # Ansible's workers have sessions of their own.
    import psutil

    for process in [*psutil.Process(play.pid).children(recursive=True), psutil.Process(play.pid)]:
        with contextlib.suppress(psutil.NoSuchProcess):  # a worker that has just ended
            process.kill()
    play.wait(60)


def test_killed_in_preflight_nothing_was_begun(fleet: LabFleet) -> None:
    kill(begin(fleet, "PLAY [Probe every host]"))
    assert "no run was left behind" in " ".join(fleet.play("collect").failed().screen.split())
    assert fleet.runs() == set()
    assert_nothing_is_left(fleet)


def test_killed_in_provision_the_run_is_closed_as_failed_and_the_hosts_are_free(fleet: LabFleet) -> None:
    kill(begin(fleet, "PLAY [Bring up the members]"))
    assert fleet.leases() != {}
    fleet.play("collect").succeeded()
    assert fleet.manifest()["state"] in ("failed", "interrupted")
    assert_nothing_is_left(fleet)


def test_killed_in_run_and_in_collect_the_load_ends_by_itself_and_the_next_collect_brings_all_of_it(
    fleet: LabFleet,
) -> None:
    kill(begin(fleet, "  measured ", *LOAD_AND_AFTER))
    assert len(samplers(fleet)) == 3
    kill(begin(fleet, "PLAY [Collect from the members]", playbook="collect"))
    counts["tried"] += 1
    # What a power loss may leave of a file that was being written.
    (folder,) = (fleet.results / ".unfinished").iterdir()
    (folder / "manifest.json").write_text("")
    collected = fleet.play("collect").succeeded()
    assert "manifest.json is empty or damaged" in collected.screen
    assert fleet.manifest()["state"] == "complete"
    assert_figures_are_complete(fleet, "measured", "cool-down")
    assert f"`fab report --run {fleet.the_run().name} --results-dir {fleet.results}`" in collected.screen
    assert_nothing_is_left(fleet)
    counts["survived"] += 1


def test_killed_after_the_record_was_closed_and_in_report_nothing_is_lost(fleet: LabFleet) -> None:
    kill(begin(fleet, "PLAY [Tidy the load hosts]", *LOAD_AND_AFTER))
    run = fleet.the_run().name
    assert_figures_are_complete(fleet, "measured", "cool-down")
    assert "nothing to collect" in " ".join(fleet.play("collect").failed().screen.split())
    left = [name for name in fleet.load_hosts if fleet.lab.hosts[name].run(f"ls {LOAD_FOLDER}/runs").stdout]
    tidied = fleet.play("tidy").succeeded()
    for name in left:
        assert f"{name}: removed, all of it is here: {run}" in tidied.screen
    assert not any(fleet.lab.hosts[name].run(f"ls {LOAD_FOLDER}/runs").stdout for name in fleet.load_hosts)
    kill(begin(fleet, "PLAY [Report]", playbook="report"))
    counts["tried"] += 1
    assert_figures_are_complete(fleet, "measured", "cool-down")
    assert "nothing to collect" in " ".join(fleet.play("collect").failed().screen.split())
    fleet.play("report").succeeded()
    assert (fleet.the_run() / "report.html").exists()
    assert_nothing_is_left(fleet)
    counts["survived"] += 1


@pytest.mark.parametrize(
    "signals", [[signal.SIGINT, signal.SIGINT], [signal.SIGHUP], [signal.SIGTERM]], ids=["two Ctrl-C", "HUP", "TERM"]
)
def test_interrupted_the_load_is_ended_now_and_its_figures_are_kept(
    fleet: LabFleet, signals: list[signal.Signals]
) -> None:
    fleet.set_scenario(**SCENARIO | {"run_time": "300s"})
    play = begin(fleet, "  measured ", *LOAD_AND_AFTER)
    try:
        time.sleep(2)  # some figures
        for number in signals:
            play.send_signal(number)
            time.sleep(0.1)
        play.wait(120)
    finally:
        fleet.end_process(play)
    assert play.returncode == 99, fleet.screen()  # Ansible's code for an interruption
    assert fleet.manifest()["state"] == "interrupted"
    assert_figures_are_complete(fleet, "measured")
    assert (fleet.the_run() / "report.html").exists()
    assert_nothing_is_left(fleet)


def test_two_controllers_share_a_results_folder(fleet: LabFleet) -> None:
    fleet.set_scenario(**SCENARIO | {"run_time": "10s"})
    first = begin(fleet, "  measured ", *LOAD_AND_AFTER)
    try:
        screen = fleet.screen()
        second = fleet.play("run").failed()
        assert screen in fleet.screen()
        assert first.wait(120) == 0, fleet.screen()
    finally:
        fleet.end_process(first)
    assert "is held by run 2" in second.screen
    states = {run: (fleet.results / run / "report.html").exists() for run in fleet.runs()}
    assert sorted(states.values()) == [False, True]
    assert (fleet.results / "latest").readlink().name == max(states)
    assert os.listdir(fleet.results) and not (fleet.results / ".unfinished").exists()  # noqa: PTH208, PT018
    assert_nothing_is_left(fleet)


def test_a_hostile_load_host_sends_links_huge_files_and_odd_names(fleet: LabFleet) -> None:
    fleet.vars["benchmark_collect_max_file_mib"] = 5
    play = begin(fleet, "  measured ", *LOAD_AND_AFTER)
    host = fleet.lab.hosts["load2"]
    host.run(
        f"cd {LOAD_FOLDER}/runs/*/ && ln -s /etc/shadow evil && ln -s /etc events.csv && ln locustfile.py hard"
        " && mkfifo fifo && touch 'a b' \"$(printf 'x\\033[2Jx')\" .hidden && mkdir sub && touch sub/file"
        " && head -c 6M /dev/zero >huge.log"
    )
    try:
        assert play.wait(120) == 0, fleet.screen()
    finally:
        fleet.end_process(play)
    assert_figures_are_complete(fleet, "measured", "cool-down")
    run = fleet.the_run()
    refused = "\n".join(fleet.manifest()["missing"])
    for name, reason in (
        ("evil", "it is a symbolic link"), ("events.csv", "it is a symbolic link"), ("fifo", "it is a FIFO"),
        ("a b", "its name is not a plain file name"), ("x?[2Jx", "its name is not a plain file name"),
        ("sub/file", "its name is not a plain file name"), ("huge.log", "it has 6 MiB, more than 5 MiB"),
    ):  # fmt: skip
        assert f"load2: [{name}] was refused: {reason}" in refused
    assert "\x1b[2J" not in fleet.screen()
    assert not [path for path in run.rglob("*") if path.is_symlink() or not (path.is_file() or path.is_dir())]
    assert {path.name for path in fleet.folder.iterdir()} <= {
        "results",
        "hosts.yml",
        "small.yml",
        "screen-of-the-last.txt",
    }
    # They are only there now, so that host keeps them until somebody has looked.
    assert fleet.lab.hosts["load1"].run(f"ls {LOAD_FOLDER}/runs").stdout == ""
    host.run(f"cd {LOAD_FOLDER}/runs/*/ && rm -r evil events.csv hard fifo a* x* .hidden sub huge.log")
    tidied = fleet.play("tidy").succeeded()
    assert f"of {run.name} came late, into {run}/logs/load2/late" in tidied.screen
    assert host.run(f"ls {LOAD_FOLDER}/runs").stdout == ""
    assert_nothing_is_left(fleet)
