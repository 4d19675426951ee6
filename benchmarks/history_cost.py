"""What a history costs: an operation inside Locust with `--history` and without, in turns.

    python -m benchmarks.history_cost [--users 32] [--seconds 6] [--rounds 5] [--mixes get,set] [--client native]

All figures come from one run; each is the best of its rounds, as in `locust_cost`. The aim: at most 10 % more CPU.
"""

import argparse
import shutil
from collections.abc import Sequence

from benchmarks.client_cost import VALUE
from benchmarks.locust_cost import measure
from benchmarks.standalone_server import standalone_server

MIXES = {
    "get": {"get": 1},
    "set": {"set": 1},
    "get and set": {"get": 1, "set": 1},
    "create and delete": {"create": 1, "delete": 1},
    "lists of 1000": {"get_children": 1},
}


def costs(
    users: int = 32,
    seconds: int = 6,
    rounds: int = 5,
    mixes: Sequence[str] = tuple(MIXES),
    client: str = "native",
) -> dict[str, dict[bool, float]]:
    """Return CPU seconds per 10,000 operations by mix, without a history and with one."""
    found: dict[str, dict[bool, float]] = {name: {} for name in mixes}
    with standalone_server() as servers:
        for _ in range(rounds):
            for name in mixes:
                mix = MIXES[name]
                for with_history in (False, True):
                    folder = servers.folder / "report"
                    shutil.rmtree(folder, ignore_errors=True)
                    folder.mkdir()
                    workload = {"operations": mix, "nodes": 1000, "values": len(VALUE)}
                    more = ["--history"] if with_history else []
                    cost = measure(client, servers.hosts, users, seconds, folder, workload=workload, more=more)
                    found[name][with_history] = min(cost, found[name].get(with_history, cost))
    return found


def report(found: dict[str, dict[bool, float]], client: str = "native") -> None:
    """Print the table."""
    print(f"\nCPU seconds per 10,000 operations inside Locust, {client}   aim: a ratio of at most 1.10")
    print(f"{'':<20}{'without':>10}{'history':>10}{'ratio':>8}")
    for name, cost in found.items():
        print(f"{name:<20}{cost[False]:>10.3f}{cost[True]:>10.3f}{cost[True] / cost[False]:>8.2f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--users", type=int, default=32)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mixes", default=",".join(MIXES), help="names, separated by commas")
    parser.add_argument("--client", default="native", choices=["native", "kazoo", "libzookeeper"])
    options = parser.parse_args()
    mixes = options.mixes.split(",")
    if unknown := set(mixes) - set(MIXES):
        parser.error(f"--mixes [{','.join(sorted(unknown))}]: choose from {', '.join(MIXES)}")
    report(costs(options.users, options.seconds, options.rounds, mixes, options.client), options.client)


if __name__ == "__main__":
    main()
