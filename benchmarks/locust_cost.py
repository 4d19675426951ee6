"""What an operation costs inside a real Locust process, by client, next to the floor of raw frames.

    python -m benchmarks.locust_cost [--users 32] [--seconds 6] [--rounds 3]

A headless Locust on the first core runs the gets of `locust_workload.py` without waiting, with the statistics series on
as the playbooks have it. A standalone ZooKeeper server runs on the last core. All figures come from one run, in turns;
each is the best of its rounds. The CPU is that of the complete process in the measured stage, after a warm-up.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.client_cost import CLIENTS, VALUE, compile_floor, measure_floor_in_c, prepare
from benchmarks.own_process import ON_FIRST_CORE
from benchmarks.standalone_server import standalone_server
from lab.locust_processes import LOCUST, clean_environment
from lab.places import PROJECT

LOCUSTFILE = Path(__file__).with_name("measured_workload.py")
FLOOR = "raw frames, C"
WORKLOAD = {"operations": {"get": 1}, "nodes": 1000, "values": len(VALUE)}


def measure(
    client: str,
    hosts: str,
    users: int,
    seconds: int,
    folder: Path | None,
    locustfile: Path = LOCUSTFILE,
    *,
    slowest: bool = True,
    workload: Mapping[str, object] | None = None,
    more: Sequence[str] = (),
) -> float:
    """Return CPU seconds per 10,000 gets, or operations of another workload; `more` are arguments for Locust.

    The files of the statistics go to the folder, if there is one. Without `slowest`, the slowest operations are not
    kept.
    """
    command = [
        *ON_FIRST_CORE, *LOCUST, "-f", str(locustfile), "--headless", "--only-summary",
        "--hosts", hosts, "--client", client, "--workload", json.dumps(workload or WORKLOAD), "--users", str(users),
        "--spawn-rate", str(users), "--warm-up", "1s", "--run-time", f"{seconds}s", "--stop-timeout", "5",
        *more,
    ]  # fmt: skip
    if folder is not None:
        command += [
            "--stats-collect", "1s", "--stats-csv", str(folder / "stats.csv"),
            "--stats-distrib", str(folder / "distrib.jsonl"), "--stats-hlog", str(folder / "latency.hlog"),
            "--stats-progress", str(folder / "progress.json"),
            *(("--stats-slowest", str(folder / "slow-operations.csv")) if slowest else ()),
        ]  # fmt: skip
    done = subprocess.run(
        command,
        cwd=folder or PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
        env=clean_environment(),
        check=False,
    )
    if done.returncode != 0:
        sys.exit(done.stderr)
    (line,) = (line for line in done.stdout.splitlines() if line.startswith('{"cpu_s"'))
    answer = json.loads(line)
    return float(answer["cpu_s"]) / int(answer["requests"]) * 10_000


def aims(costs: dict[str, float]) -> list[tuple[str, float, str]]:
    """Return name, figure and aim of each aim whose rival was measured."""
    found = [("native, CPU s per 10,000 gets", costs["native"], "under 0.25")] if "native" in costs else []
    for rival, name, aim in ((FLOOR, "floor", "at most 3.5"), ("kazoo", "kazoo", "under 0.167, a sixth")):
        if "native" in costs and costs.get(rival):
            found.append((f"native / {name}", costs["native"] / costs[rival], aim))
    return found


def report(costs: dict[str, float], users: int) -> None:
    """Print the table and the aims."""
    print(f"\nCPU seconds per 10,000 gets inside Locust, statistics on; {len(VALUE)}-byte values, {users} users")
    print(f"{'':<16}{'CPU s':>10}{'/ floor':>10}{'/ native':>10}{'kazoo /':>10}")
    for name, cost in costs.items():
        print(f"{name:<16}{cost:>10.3f}", end="")
        print("".join(f"{costs[to] and cost / costs[to]:>10.2f}" for to in (FLOOR, "native") if to in costs), end="")
        print(f"{costs['kazoo'] / cost:>10.2f}" if "kazoo" in costs else "")
    print()
    for what, figure, aim in aims(costs):
        print(f"{what:<30}{figure:>10.3f}   aim: {aim}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--users", type=int, default=32)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", default=",".join(CLIENTS), help="names, separated by commas")
    options = parser.parse_args()
    costs: dict[str, float] = {}
    with standalone_server() as servers:
        program = compile_floor(servers.folder)
        if program is None:
            print("the floor is left out, because there is no C compiler: apt install gcc", file=sys.stderr)
        prepare(servers.hosts, options.users, 60_000)
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            found: dict[str, float] = {}
            if program is not None:
                figures = measure_floor_in_c(program, servers.members[0].client_port, options.users, 60_000)
                found[FLOOR] = figures["get"]
            for name in options.clients.split(","):
                found[name] = measure(name, servers.hosts, options.users, options.seconds, servers.folder)
            costs = {name: min(cost, costs.get(name, cost)) for name, cost in found.items()}
    report(costs, options.users)


if __name__ == "__main__":
    main()
