"""All figures of a load on one machine: what an operation, a session, a watch and a tree cost.

    python -m benchmarks.load [--quick]

Runs one benchmark after the other, each in a process of its own with a server of its own.
"""

import argparse
import subprocess
import sys

from lab.places import PROJECT

# Each with options for a short run, which shows that it works and gives no meaningful figures.
BENCHMARKS = {
    "locust_cost": ("--rounds", "1", "--seconds", "1"),
    "client_cost": ("--rounds", "1", "--operations", "3200", "--idle", "50"),
    "watches": ("--watchers", "1,10", "--changes", "10"),
    "fill": ("--nodes", "1000"),
}


def main() -> None:
    """Run all benchmarks. Exits with the names of those that failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="only check that all of them work: the figures mean nothing"
    )
    options = parser.parse_args()
    failed = []
    for name, short in BENCHMARKS.items():
        print(f"\n==== {name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", *(short if options.quick else ())]
        if subprocess.run(command, cwd=PROJECT, check=False).returncode != 0:
            failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}; the reasons are printed above")


if __name__ == "__main__":
    main()
