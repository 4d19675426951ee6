"""The measured stage's distributions of a run, added up while they are read: an experiment has many runs."""

from collections import defaultdict
from pathlib import Path
from typing import Final

from reporting.read.distributions import Distribution
from reporting.read.load_files import read_distributions
from reporting.read.problems import ProblemLog
from zk_locust.contract.run_files import DISTRIBUTIONS
from zk_locust.contract.stage_names import MEASURED

_HELD: Final = 200  # distributions of an operation before they are added up


def measured(folder: Path) -> dict[str, Distribution]:
    """Return the distribution of each operation. What cannot be read is left out: the run's own report says so."""
    parts: dict[str, list[Distribution]] = defaultdict(list)
    if not (folder / DISTRIBUTIONS).is_file():
        return {}
    for line in read_distributions(folder / DISTRIBUTIONS, ProblemLog()):
        if line.stage == MEASURED:
            held = parts[line.operation]
            held.append(line.distribution)
            if len(held) >= _HELD:
                held[:] = [Distribution.merged(held)]
    return {operation: Distribution.merged(held) for operation, held in sorted(parts.items())}
