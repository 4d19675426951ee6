"""Whether a fault has ended before the measured stage does."""

from collections.abc import Mapping
from typing import Any

from zk_locust.contract.faults import actions
from zk_locust.contract.faults.actions import ACTIONS
from zk_locust.contract.faults.expansion import Entry, length_of
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.faults.operations import ROLLING_LEAST_S


def rolling_least_s(fleet: FaultFleet | None) -> float:
    """Return how long a rolling restart or upgrade takes at least, seconds; 0 where the members are not known."""
    return ROLLING_LEAST_S * len(fleet.members) if fleet is not None else 0.0


def end_problem(entry: Entry, given: Mapping[str, Any], run_time_s: float, fleet: FaultFleet | None) -> str:
    """Return why the last fault of an entry, whose keys are `given`, does not end in time; empty where it does."""
    last = max(entry.at_s, default=None)
    key = "at" if "at" in given else "until"
    if last is None:
        return f"every [{given['every']}]: the run ends before the first; write a shorter time"
    if last >= run_time_s:
        return (
            f"{key} [{last:g} s] is not before the end of the measured stage, which lasts {run_time_s:g} s; write an"
            " earlier time, or raise run_time"
        )
    longest_s = max(length_of(ACTIONS[name], entry) for name in entry.do)
    if last + longest_s > run_time_s:
        return (
            f"for [{longest_s:g} s] from {last:g} s on is longer than the measured stage, which lasts {run_time_s:g} s;"
            " write a shorter time, or raise run_time"
        )
    rolling = next((name for name in entry.do if name in actions.ROLLING), "")
    least_s = rolling_least_s(fleet)
    if rolling and fleet is not None and last + least_s > run_time_s:
        return (
            f"{key} [{last:g} s]: {rolling} takes {ROLLING_LEAST_S:g} s for each of {len(fleet.members)} members at"
            f" least, and the measured stage lasts {run_time_s:g} s, so some would be left as before; write an earlier"
            f" time, or raise run_time to {last + least_s:g} s"
        )
    return ""
