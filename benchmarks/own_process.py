"""A measurement in a process of its own on the first core: the memory of one does not enter the figures of another."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

# Not from `lab`, whose libraries would be in the memory that is measured.
CHECKOUT = Path(__file__).resolve().parents[1]
ON_FIRST_CORE = ("taskset", "-c", "0")


def measured(benchmark: str, *arguments: object) -> Any:
    """Run `python -m benchmarks.BENCHMARK --measure ARGUMENTS` and return the JSON that it prints."""
    command = [*ON_FIRST_CORE, sys.executable, "-m", f"benchmarks.{benchmark}", "--measure", *map(str, arguments)]
    done = subprocess.run(command, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE, text=True, timeout=600)
    return json.loads(done.stdout)
