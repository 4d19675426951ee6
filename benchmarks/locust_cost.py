"""What an operation costs inside a real Locust process, by client, next to the floor of raw frames.

    python -m benchmarks.locust_cost [--users 32] [--seconds 6] [--rounds 3]

A headless Locust on the first core runs the gets of `locust_workload.py` without waiting, with the statistics series on
as the playbooks have it; a standalone ZooKeeper server has the last core. All figures come from one run, in turns; each
is the best of its rounds. The CPU is that of the whole process in the measured stage, after a warm-up.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.client_cost import PATH, VALUE, compile_floor, end, in_a_process, measure_floor_in_c, native
from tests.integration.zookeeper_server import ZooKeeperServers, class_path
from zk_locust.clients.interface import ClientSettings

REPOSITORY = Path(__file__).resolve().parents[1]
LOCUSTFILE = Path(__file__).with_name("measured_workload.py")
CLIENTS = ("native", "libzookeeper", "kazoo")
FLOOR = "raw frames, C"
WORKLOAD = {"operations": {"get": 1}, "nodes": 1000, "values": len(VALUE)}


def measure(client: str, hosts: str, users: int, seconds: int, folder: Path) -> float:
    """Return CPU seconds per 10,000 gets."""
    command = [
        "taskset", "-c", "0", sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary",
        "--hosts", hosts, "--client", client, "--workload", json.dumps(WORKLOAD), "--users", str(users),
        "--spawn-rate", str(users), "--warm-up", "1s", "--run-time", f"{seconds}s", "--stop-timeout", "5",
        "--stats-collect", "1s", "--stats-csv", str(folder / "stats.csv"),
        "--stats-distrib", str(folder / "distrib.jsonl"), "--stats-hlog", str(folder / "latency.hlog"),
        "--stats-progress", str(folder / "progress.json"),
    ]  # fmt: skip
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ZK_", "KAZOO_", "LOCUST_"))}
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, env=clean, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)
    (line,) = (line for line in done.stdout.splitlines() if line.startswith('{"cpu_s"'))
    answer = json.loads(line)
    return float(answer["cpu_s"]) / int(answer["requests"]) * 10_000


def aims(costs: dict[str, float]) -> list[tuple[str, float, str]]:
    """Return what the project aims at: what it is, the figure, the aim; without those whose rival was not measured."""
    found = [("native, CPU s per 10,000 gets", costs["native"], "under 0.25")] if "native" in costs else []
    for rival, name, aim in ((FLOOR, "floor", "at most 3.5"), ("kazoo", "kazoo", "under 0.167, a sixth")):
        if "native" in costs and costs.get(rival):
            found.append((f"native / {name}", costs["native"] / costs[rival], aim))
    return found


def report(costs: dict[str, float], users: int) -> None:
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
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--users", type=int, default=32)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", default=",".join(CLIENTS), help="names, separated by commas")
    options = parser.parse_args()
    if class_path() is None or not shutil.which("java"):
        sys.exit("needs a Java runtime and ZooKeeper: apt install zookeeper default-jre-headless")
    server_core = str(max(os.sched_getaffinity(0)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = compile_floor(folder)
        if program is None:
            print("without a C compiler there is no floor: apt install gcc", file=sys.stderr)
        with ZooKeeperServers(1, folder, heap="512m", prefix=("taskset", "-c", server_core)) as servers:
            client = native(ClientSettings(servers.hosts))
            client.start()
            client.create(PATH, VALUE)
            end([client])
            in_a_process("operations", "native", servers.hosts, options.users, 60_000)  # warms the server up
            costs: dict[str, float] = {}
            for number in range(options.rounds):
                print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
                found: dict[str, float] = {}
                if program is not None:
                    figures = measure_floor_in_c(program, servers.members[0].client_port, options.users, 60_000)
                    found[FLOOR] = figures["get"]
                for client_name in options.clients.split(","):
                    found[client_name] = measure(client_name, servers.hosts, options.users, options.seconds, folder)
                costs = {name: min(cost, costs.get(name, cost)) for name, cost in found.items()}
        report(costs, options.users)


if __name__ == "__main__":
    main()
