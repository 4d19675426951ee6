"""A benchmark as users call it, from the inventory to the report, and runs that are interrupted."""

import contextlib
import csv
import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from lab.zookeeper_server import QUICK_JVM
from tests.integration.local_fleet import LocalFleet, local_fleet
from tests.needs import require_zookeeper

pytestmark = pytest.mark.integration

SCENARIO = {
    "description": "A small load.",
    "locustfile": "locust_set_and_get.py",
    "users": 8,
    "spawn_rate": 8,
    "warmup": "1s",
    "run_time": "4s",
    "parameters": {"min-wait": "10ms", "max-wait": "20ms", "val-size": 64, "stats-collect": 500},
}
CONTRACT = (
    "manifest.json", "locust-stats.csv", "locust-distrib.jsonl", "latency.hlog", "zk-metrics.csv", "host-metrics.csv",
    "events.csv",
)  # fmt: skip


@pytest.fixture(scope="module")
def fleet() -> Iterator[LocalFleet]:
    require_zookeeper()
    with local_fleet(SCENARIO) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def single() -> Iterator[LocalFleet]:
    """A fleet of one member: what becomes of a controller does not depend on their number."""
    require_zookeeper()
    with local_fleet(SCENARIO, members=("zk1",)) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def run(fleet: LocalFleet) -> Path:
    """Return the run folder of one complete benchmark, whose members log each fsync as slow."""
    options = [*QUICK_JVM, "-Dfsync.warningthresholdms=0"]
    play = fleet.play("benchmark", benchmark_report_figures=True, zookeeper_java_options=options).succeeded()
    (fleet.folder / "screen.txt").write_text(play.screen)
    return (fleet.results / "latest").resolve()


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as source:
        return list(csv.DictReader(source))


def events(run: Path) -> list[tuple[str, str]]:
    return [(row["event"], row["subject"]) for row in rows(run / "events.csv")]


def manifest(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "manifest.json").read_text())
    return content


def measured_operations(run: Path) -> int:
    lines = (run / "locust-distrib.jsonl").read_text().splitlines()
    return sum(line["requests"] for line in map(json.loads, lines) if line["stage"] == "measured")


def wait_for(condition: Callable[[], bool], limit_s: float, what: str) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} within {limit_s:g} s"
        time.sleep(0.2)


def test_a_run_folder_has_all_of_the_contract(run: Path) -> None:
    names = {file.name for file in run.iterdir()}
    assert {*CONTRACT, "logs", "report.html", "report.md", "figures"} <= names
    assert {folder.name for folder in (run / "logs").iterdir()} == {"zk1", "zk2", "zk3", "load1"}
    assert not list(run.glob(".*")), "something temporary was left"
    assert re.fullmatch(r"\d{8}T\d{6}Z-small", run.name)


def test_three_counts_of_the_run_agree(run: Path) -> None:
    summary = json.loads((run / "logs/load1/locust-summary.json").read_text())
    stats = {
        row["name"]: int(row["requests"])
        for row in rows(run / "locust-stats.csv")
        if row["stage"] == "measured" and row["worker"] == "all" and row["type"]
    }
    assert stats == {entry["name"]: entry["num_requests"] for entry in summary}
    assert measured_operations(run) == sum(stats.values()) > 100


def test_every_member_was_measured(run: Path) -> None:
    metrics = rows(run / "zk-metrics.csv")
    assert {row["member"] for row in metrics} == {"zk1", "zk2", "zk3"}
    assert {row["reachable"] for row in metrics} == {"1"}
    assert all(row[metric] for row in metrics for metric in ("avg_latency", "znode_count", "num_alive_connections"))
    assert all(float(row["bytes_received_count"] or 0) > 0 for row in metrics[-3:]), "what is not shown is recorded too"


def test_every_machine_and_process_was_sampled_while_the_load_was_on_its_way(fleet: LocalFleet, run: Path) -> None:
    samples = rows(run / "host-metrics.csv")
    load = [("load1", "master"), ("load1", "sampler"), ("load1", "worker-1")]
    members = [(name, "zookeeper") for name in ("zk1", "zk2", "zk3")]
    machines = [(name, "") for name in ("load1", "zk1", "zk2", "zk3")]
    found = {(row["host"], row["process"]) for row in samples}
    assert found >= {*load, *members, *machines}
    assert len({row["machine"] for row in samples}) == 1, "all of them are this machine"
    for host, process in found:
        times = [row["timestamp"] for row in samples if (row["host"], row["process"]) == (host, process)]
        measured = next(
            row["timestamp"]
            for row in rows(run / "events.csv")
            if row["event"] == "stage-start" and row["subject"] == "measured"
        )
        assert sum(time > measured for time in times) >= 4, (host, process)
    assert not list(fleet.state.glob("zookeeper/*/samples/*")), "the controller has them now"


def test_what_the_members_log_stands_among_the_events(run: Path) -> None:
    told = [row for row in rows(run / "events.csv") if row["clock"]]
    assert all(row["clock"] == row["subject"] for row in told)
    stages = {row["subject"]: row["timestamp"] for row in rows(run / "events.csv") if row["event"] == "stage-start"}
    slow = [row for row in told if row["event"] == "slow-fsync"]
    during = [row for row in slow if stages["measured"] <= row["timestamp"] <= stages["cool-down"]]
    assert {row["subject"] for row in during} == {"zk1", "zk2", "zk3"}, "the load writes"
    hosts = json.loads((run / "manifest.json").read_text())["hosts"]
    assert all(abs(host["clock_offset_after_ms"]) <= host["clock_error_after_ms"] + 5 for host in hosts.values()), hosts


def test_the_manifest_says_what_was_run_on_what(run: Path) -> None:
    content = manifest(run)
    assert content["state"] == "complete"
    assert content["scenario"]["users"] == SCENARIO["users"]
    assert content["scenario"]["parameters"]["val-size"] == 64
    assert [phase["name"] for phase in content["phases"]][:4] == ["preflight", "provision", "run", "collect"]
    modes = sorted(content["hosts"][name]["zookeeper_mode"] for name in ("zk1", "zk2", "zk3"))
    assert modes == ["follower", "follower", "leader"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", content["hosts"][name]["zookeeper_version"]) for name in ("zk1", "zk2"))
    assert {"locust", "kazoo", "zk_locust", "python", "ansible"} <= set(content["versions"])
    assert content["verdict"]["verdict"] in ("valid", "inconclusive")
    report = json.loads((run / "report.json").read_text())
    assert content["verdict"] == report["verdict"] | {"figures": report["figures"]}
    assert {"rate", "p50", "p99", "p99.9"} == {figure["figure"] for figure in report["figures"]}
    assert content["missing"] == []


def test_the_load_leaves_no_node_behind(fleet: LocalFleet, run: Path) -> None:
    assert "Removed the load's" in (run / "logs/load1/master.log").read_text()


def test_the_screen_shows_progress_and_ends_with_the_result(fleet: LocalFleet, run: Path) -> None:
    screen = (fleet.folder / "screen.txt").read_text()
    assert re.search(r"^  measured +\d:\d\d left +8 users +[\d,]+ op/s +p99 .+ 0 failures$", screen, re.MULTILINE)
    end = screen[screen.index("PLAY RECAP") :]
    for word in ("operation", "rate/s", "p99.9", "failures", "all operations", "Verdict:", f"{run}/report.html"):
        assert word in end, word


def test_everything_is_stopped(fleet: LocalFleet, run: Path) -> None:
    assert fleet.processes() == []


def test_ctrl_c_stops_the_load_and_keeps_the_figures(single: LocalFleet) -> None:
    before = single.runs()
    ansible = single.begin("benchmark", benchmark_run_time="120s")
    try:
        wait_for(lambda: "measured " in single.screen(), 90, "no measured stage")
        time.sleep(3)
        ansible.send_signal(signal.SIGINT)
        assert ansible.wait(90) == 99, single.screen()
    finally:
        single.end_process(ansible)
    (run,) = single.runs() - before
    assert manifest(single.results / run)["state"] == "interrupted"
    assert measured_operations(single.results / run) > 50
    assert manifest(single.results / run)["verdict"]["verdict"] == "inconclusive"
    assert (single.results / run / "report.html").exists()
    assert not (single.results / run / "figures").exists(), "pictures are drawn on demand"
    assert single.processes() == []
    assert not (single.results / ".unfinished").exists()


def test_ctrl_c_after_the_record_is_closed_completes_the_benchmark(single: LocalFleet) -> None:
    before = single.runs()
    ansible = single.begin("benchmark", benchmark_run_time="2s")
    try:
        wait_for(lambda: "PLAY [Tidy the load hosts]" in single.screen(), 120, "no record was closed")
        ansible.send_signal(signal.SIGINT)
        assert ansible.wait(90) == 99, single.screen()
    finally:
        single.end_process(ansible)
    (run,) = single.runs() - before
    assert manifest(single.results / run)["state"] == "complete"
    assert (single.results / run / "report.html").exists()
    assert "Verdict:" in single.screen()
    assert "playbooks/tidy.yml" in single.screen()
    assert single.processes() == []
    single.play("tidy").succeeded()
    assert not list((single.state / "load" / "load" / "runs").iterdir())


def test_a_load_outlives_its_controller_ends_by_itself_and_is_collected_by_the_next_command(single: LocalFleet) -> None:
    before = single.runs()
    ansible = single.begin("benchmark", benchmark_run_time="6s")
    try:
        wait_for(lambda: "measured " in single.screen(), 90, "no measured stage")
        for process in [*psutil.Process(ansible.pid).children(recursive=True), psutil.Process(ansible.pid)]:
            with contextlib.suppress(psutil.NoSuchProcess):  # a worker that has just ended
                if "ansible-playbook" in " ".join(process.cmdline()):
                    process.kill()
        ansible.wait(60)
    finally:
        single.end_process(ansible)
    assert single.runs() == before
    wait_for(lambda: not single.load_processes(), 60, "the load goes on")
    single.play("collect").succeeded()
    (run,) = single.runs() - before
    assert manifest(single.results / run)["state"] == "complete"
    assert ("stage-start", "cool-down") in events(single.results / run)
    assert measured_operations(single.results / run) > 100
    single.play("stop").succeeded()
    assert single.processes() == []


def test_a_run_without_an_ensemble_says_so_and_starts_nothing(single: LocalFleet) -> None:
    play = single.play("run").failed()
    assert "  warning: load1: load and members share the controller: " in play.screen
    assert "no member of [" in play.screen
    assert "playbooks/provision.yml" in play.screen
    assert single.processes() == []


def test_the_list_of_runs_has_this_one(fleet: LocalFleet, run: Path) -> None:
    report = Path(fleet.python).with_name("zk-locust-report")
    done = subprocess.run(
        [report, "runs", "--results-dir", str(fleet.results)], capture_output=True, text=True, timeout=60, check=True
    )
    assert run.name in done.stdout


def test_teardown_leaves_nothing(fleet: LocalFleet) -> None:
    fleet.play("teardown").succeeded()
    assert not [path for path in fleet.state.rglob("*") if path.is_file()]
    assert fleet.play("teardown").succeeded().changed == 0
