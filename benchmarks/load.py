"""All figures of a load on one machine, in one run: what an operation, a session, a watch and a tree cost.

    python -m benchmarks.load [--quick]

One benchmark after the other, each in a process of its own and with servers of its own: they share the same two cores.
"""

import argparse
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
# Each with what makes it short: enough to see that it works, too little for a figure.
BENCHMARKS = {
    "locust_cost": ("--rounds", "1", "--seconds", "1"),
    "client_cost": ("--rounds", "1", "--operations", "3200", "--idle", "50"),
    "watches": ("--watchers", "1,10", "--changes", "10"),
    "fill": ("--nodes", "1000"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="see that all of them work; the figures mean nothing")
    options = parser.parse_args()
    failed = []
    for name, short in BENCHMARKS.items():
        print(f"\n==== {name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", *(short if options.quick else ())]
        if subprocess.run(command, cwd=REPOSITORY, check=False).returncode != 0:
            failed.append(name)
    if failed:
        sys.exit(f"no figures, or not all of them, from {', '.join(failed)}; what went wrong is said above")


if __name__ == "__main__":
    main()
