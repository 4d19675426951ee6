"""What is left of an experiment, and what it took so far, by its manifest."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from fleet.experiments.plan import Slot
from zk_locust.contract.experiment import CAPACITY


def open_slots(content: Mapping[str, Any]) -> list[Slot]:
    """Return the slots of the plan that have no run that counts yet."""
    done = {entry["slot"] for entry in content["runs"] if entry["counts"]}
    return [Slot(**slot) for slot in content["plan"] if slot["number"] not in done]


def left_s(content: Mapping[str, Any]) -> float:
    """Return about how long the rest of the plan takes, seconds: by the runs so far, else as estimated."""
    return run_s(content) * runs_left(content)


def spent_s(content: Mapping[str, Any]) -> float:
    """Return how long the runs so far took, void ones too, seconds."""
    return sum(float(entry["took_s"]) for entry in content["runs"])


def run_s(content: Mapping[str, Any]) -> float:
    """Return about how long the next run takes, seconds: by the runs that count, else as estimated."""
    took = [float(entry["took_s"]) for entry in content["runs"] if entry["counts"]]
    return sum(took) / len(took) if took else float(content.get("run_s", 0.0))


def runs_left(content: Mapping[str, Any]) -> int:
    """Return how many runs are left; of a search, about so many at most.

    An arm without an answer has one at least: a search whose rates contradict one another takes more than is usual.
    """
    if content["kind"] != CAPACITY:
        return len(open_slots(content))
    arms = [arm["name"] for arm in content["arms"]]
    of_each = int(content.get("most_runs", 0)) // max(1, len(arms))
    counted = Counter(entry["arm"] for entry in content["runs"] if entry["counts"])
    return sum(max(1, of_each - counted[arm]) for arm in arms if arm not in content["capacity"])
