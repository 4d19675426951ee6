"""How long provisioning, a second pass and the start of a load take as the fleet grows.

    python -m benchmarks.fleet_growth [--load-hosts 3,6,12,24]

Needs root on Debian. Every fleet is a lab of its own: three members, a master host, and worker hosts up to the number
of load hosts, all on this machine. The controller and all hosts compete for its CPU. Real hosts do their work side by
side, so the growth measured here is the worst case. The CPU time of the controller (ansible-playbook and its forks) is
the same in a real fleet; it is printed too.
"""

import argparse
import csv
import json
import os
import resource
import tempfile
from datetime import datetime
from pathlib import Path

from lab import Lab, LabOptions
from lab.fleet import DrivenLab
from lab.plays import Play

_SCENARIO = {"warmup": "2s", "run_time": "4s", "parameters": {"client": "native", "stats-collect": 250}}


def start_s(run: Path, workers: int) -> float:
    """Return the seconds from the start of the run phase until every worker has sent a request."""
    manifest = json.loads((run / "manifest.json").read_text())
    began = next(phase["start"] for phase in manifest["phases"] if phase["name"] == "run")
    first: dict[str, str] = {}
    with (run / "locust-stats.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["worker"] != "all" and int(row["requests"]) > 0:
                first.setdefault(row["worker"], row["timestamp"])
    if len(first) != workers:
        raise SystemExit(f"{len(first)} of {workers} workers have sent a request: {run}")
    return (datetime.fromisoformat(max(first.values())) - datetime.fromisoformat(began)).total_seconds()


def played(fleet: DrivenLab, name: str) -> tuple[Play, float]:
    """Run a playbook. Return the run, and the CPU seconds that the controller has spent on it."""

    def spent_s() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before_s = spent_s()
    play = fleet.play(name).succeeded()
    return play, spent_s() - before_s


def measure(load_hosts: int) -> dict[str, float]:
    """Return seconds of the first and the second provisioning, with the controller's CPU time for each, and from the
    start of the run phase to the first request of the last worker.
    """
    options = LabOptions(name=f"growth-{os.getpid()}", workers=load_hosts - 1)
    with tempfile.TemporaryDirectory() as folder, Lab.up(options) as lab:
        # Two users for each worker, all at once.
        users = 2 * (load_hosts - 1)
        fleet = DrivenLab(lab, Path(folder))
        fleet.set_scenario(**_SCENARIO, users=users, spawn_rate=users)
        first, first_cpu_s = played(fleet, "provision")
        second, second_cpu_s = played(fleet, "provision")
        if second.changed:
            raise SystemExit(f"the second pass has changed something:\n{second.screen}")
        fleet.play("benchmark").succeeded()
        return {
            "provisioning": first.seconds,
            "its CPU on the controller": first_cpu_s,
            "second pass": second.seconds,
            "second pass's CPU on the controller": second_cpu_s,
            "to the first request": start_s(fleet.the_run(), load_hosts - 1),
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--load-hosts", default="3,6,12,24", help="[%(default)s]")
    options = parser.parse_args()
    sizes = [int(word) for word in options.load_hosts.split(",")]
    figures = {}
    for size in sizes:
        figures[size] = measure(size)
        times = ", ".join(f"{name} {value:.1f} s" for name, value in figures[size].items())
        print(f"{size} load hosts: {times}", flush=True)
    smallest = figures[sizes[0]]
    print(f"\nratio to {sizes[0]} load hosts")
    for size in sizes[1:]:
        ratios = (f"{name} {value / smallest[name]:.2f}" for name, value in figures[size].items())
        print(f"{size:>4} ({size / sizes[0]:.1f} times the hosts): {', '.join(ratios)}")


if __name__ == "__main__":
    main()
