"""Full disks, lost power and cut connections of load hosts in mid-run, on real hosts: what becomes of the figures."""

import csv
import itertools
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from reporting import judge_run
from tests.fleet.lab_fleet import LOAD_FOLDER, LabFleet, until

pytestmark = pytest.mark.fleet

RUNS = f"{LOAD_FOLDER}/runs"
SCENARIO = {"users": 8, "spawn_rate": 8, "warmup": "1s", "parameters": {"client": "native"}}
CUT = (
    "nft add table inet cut && nft 'add chain inet cut in { type filter hook input priority 0; }' && "
    "nft 'add chain inet cut out { type filter hook output priority 0; }' && "
    "nft add rule inet cut in tcp sport 5557 drop && nft add rule inet cut out tcp dport 5557 drop"
)
HEAL = "nft delete table inet cut"
UNTIL_WRITTEN = (
    f"cd $(ls -td {RUNS}/*/ | head -1) && size=$(stat -c %s locust-distrib.jsonl) && "
    "while [ $(stat -c %s locust-distrib.jsonl) = $size ]; do sleep 0.05; done; sleep 0.3"
)


def mount_small_disk(fleet: LabFleet, name: str) -> None:
    """Put a small disk in place of the one that run folders are on."""
    fleet.lab.hosts[name].run(f"mount -t tmpfs -o size=64m none {RUNS}")


def fill(fleet: LabFleet, name: str) -> None:
    fleet.lab.hosts[name].run(f"cat /dev/zero >{RUNS}/ballast 2>/dev/null; test -s {RUNS}/ballast")


def free(fleet: LabFleet, name: str) -> None:
    fleet.lab.hosts[name].run(f"rm {RUNS}/ballast")


def is_full(fleet: LabFleet, name: str) -> bool:
    return any(found["until"] is None for found in fleet.status(name).get("disk_full", []))


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def figures_lost(run: Path) -> int:
    """Return how many operations of the measured stage the workers have recorded and the distributions have not."""
    said = r"Recorded here in the stage measured: (\d+) successful operations"
    logs = sorted((run / "logs").glob("*/worker-*.log"))
    recorded = [re.findall(said, log.read_text(errors="replace")) for log in logs]
    assert all(len(found) == 1 for found in recorded), recorded
    evaluated = judge_run(run)
    assert evaluated.run.problems == ()
    return sum(int(found[0]) for found in recorded) - evaluated.headline.total.operations


def intervals_missing(run: Path) -> int:
    """Return how many intervals of the measured stage have no row."""
    stats = rows(run / "locust-stats.csv")
    numbers = {int(row["interval"]) for row in stats if row["stage"] == "measured" and row["worker"] == "all"}
    return max(numbers) + 1 - len(numbers)


def longest_gap_s(run: Path, host: str) -> float:
    """Return the longest time between two samples of a host's machine, seconds."""
    samples = [row for row in rows(run / "host-metrics.csv") if row["host"] == host and not row["process"]]
    at_s = [float(row["elapsed_s"]) for row in samples]
    return max(later - earlier for earlier, later in itertools.pairwise(at_s))


def processes_left(fleet: LabFleet) -> int:
    until(lambda: not any(fleet.run_processes(name) for name in fleet.load_hosts), limit_s=60)
    return sum(len(fleet.run_processes(name)) for name in fleet.load_hosts)


def reasons(fleet: LabFleet) -> dict[str, str]:
    return {reason["rule"]: reason["text"] for reason in fleet.manifest()["verdict"]["reasons"]}


def events(run: Path) -> list[tuple[str, str]]:
    return [(row["event"], row["subject"]) for row in rows(run / "events.csv")]


def test_disks_are_full_for_a_while_and_connections_are_cut_and_no_figure_is_lost(fleet: LabFleet) -> None:
    fleet.set_scenario(**SCENARIO | {"run_time": "80s"})
    for name in ("load1", "load2"):
        mount_small_disk(fleet, name)
    for name in fleet.load_hosts:
        # TCP's pause between two tries doubles to 2 min; here it tries more often, and as long.
        fleet.lab.hosts[name].run("sysctl -qw net.ipv4.tcp_rto_max_ms=3000 net.ipv4.tcp_retries2=100", check=False)
    play = fleet.begin("run")
    try:
        fleet.wait_for_stage(play, limit_s=300)
        fleet.lab.hosts["load3"].run(CUT)
        cut_s = time.monotonic()
        fill(fleet, "load1")
        fill(fleet, "load2")
        until(lambda: is_full(fleet, "load1") and is_full(fleet, "load2"), limit_s=15)
        full_s = time.monotonic()
        until(lambda: "the master's disk is full" in fleet.screen(), limit_s=20, explain=fleet.screen)
        until(lambda: "1 of 2 workers lost" in fleet.screen(), limit_s=30, explain=fleet.screen)
        free(fleet, "load2")
        time.sleep(max(0.0, full_s + 20 - time.monotonic()))
        free(fleet, "load1")
        until(lambda: not is_full(fleet, "load1") and not is_full(fleet, "load2"), limit_s=15)
        fleet.lab.hosts["load2"].run(CUT)
        time.sleep(5)
        fleet.lab.hosts["load2"].run(HEAL)
        time.sleep(max(0.0, cut_s + 60 - time.monotonic()))
        fleet.lab.hosts["load3"].run(HEAL)
        play.wait(180)
    finally:
        fleet.end_process(play)
        for name in ("load1", "load2"):
            fleet.lab.hosts[name].run(f"umount -l {RUNS}; {HEAL} 2>/dev/null", check=False)
        fleet.lab.hosts["load3"].run(HEAL, check=False)
    run = fleet.the_run()
    happened = events(run)
    counts = {
        "figures lost": figures_lost(run),
        "intervals missing": intervals_missing(run),
        "longest gap of the samples, s": max(longest_gap_s(run, name) for name in ("load1", "load2")),
        "processes left": processes_left(fleet),
        "operations": judge_run(run).headline.total.operations,
    }
    print(f"master's disk full for 20 s, a load host's disk full, workers cut off for 5 s and 60 s: {counts}")
    assert counts["figures lost"] == counts["intervals missing"] == counts["processes left"] == 0
    assert counts["longest gap of the samples, s"] < 5
    for name in ("locust-stats.csv", "locust-distrib.jsonl", "latency.hlog", "zk-metrics.csv"):
        assert ("write-failed", name) in happened
        assert ("write-resumed", name) in happened
    assert "records-lost" not in {event for event, _ in happened}
    assert {subject for event, subject in happened if event == "worker-lost"} == {"load3/worker-1"}
    assert {subject for event, subject in happened if event == "worker-returned"} == {"load3/worker-1"}
    manifest = fleet.manifest()
    assert manifest["state"] == "complete"
    assert len(manifest["hosts"]["load2"]["disk_full"]) == 1
    assert "Everything was written later" in json.dumps(manifest["verdict"])
    assert "The disk of load host load2 was full for" in json.dumps(manifest["verdict"])
    assert "worker-lost" in reasons(fleet)


def test_the_masters_host_loses_its_power_and_the_next_run_finds_what_it_left(fleet: LabFleet) -> None:
    fleet.set_scenario(**SCENARIO | {"run_time": "40s"})
    fleet.vars["benchmark_patience_s"] = 15
    play = fleet.begin("run")
    try:
        fleet.wait_for_stage(play, limit_s=300)
        time.sleep(5)  # some figures
        fleet.lab.hosts["load1"].run(
            UNTIL_WRITTEN
        )  # in the middle of a write, one file has an interval more than others
        fleet.lab.hosts["load1"].power_off()
        assert play.wait(180) != 0, fleet.screen()
    finally:
        fleet.end_process(play)
    until(lambda: not any(fleet.run_processes(name) for name in fleet.load_hosts), limit_s=120)
    fleet.lab.hosts["load1"].start()
    fleet.play("collect").succeeded()
    run = fleet.the_run()
    assert fleet.manifest()["state"] == "failed"
    evaluated = judge_run(run)
    stats = rows(run / "locust-stats.csv")
    total = [row for row in stats if (row["stage"], row["worker"], row["name"]) == ("measured", "all", "Aggregated")]
    counts = {
        "figures lost of those recorded": int(total[-1]["requests"]) - evaluated.headline.total.operations,
        "intervals missing": intervals_missing(run),
        "processes left": processes_left(fleet),
        "operations": evaluated.headline.total.operations,
    }
    print(f"the master's host powered off in mid-run: {counts}")
    assert counts["figures lost of those recorded"] == counts["intervals missing"] == counts["processes left"] == 0
    assert counts["operations"] > 0
    assert fleet.leases() == {}

    # Its tree is still on the ensemble: the next run removes it, and says so.
    fleet.set_scenario(**SCENARIO | {"run_time": "3s"})
    next_run = fleet.play("run")
    (second,) = fleet.runs() - {run.name}
    left = [row for row in rows(fleet.results / second / "events.csv") if row["event"] == "left-tree-removed"]
    assert [row["subject"] for row in left] == [f"/zk-locust-{run.name}"], next_run.screen
    print(f"left by the dead master and removed by the next run: {left[0]['detail']}")
    verdict: dict[str, Any] = json.loads((fleet.results / second / "manifest.json").read_text())["verdict"]
    assert f"/zk-locust-{run.name} ({left[0]['detail']})" in json.dumps(verdict)
