"""The operations of the measured stage that took longer than a limit, with what each of them depended on.

Each worker keeps only the slowest operations of an interval. Where an interval had more of them above it, as its
histogram tells, those that were kept stand for the others: they have a greater weight.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reporting.analyse.headline import TOTAL, Headline
from reporting.analyse.timeline import Timeline
from reporting.read.manifest import Manifest
from reporting.read.run_folder import RunFolder
from zk_locust.contract.inventory.members import ensemble_members
from zk_locust.contract.outcomes import OK
from zk_locust.contract.run_files import SLOW_OPERATIONS
from zk_locust.contract.stage_names import MEASURED

_READS: Final = ("get", "exists")  # how the names of operations begin that no leader has to order
LEADING: Final = "leader"
_USED: Final = (
    *("due_s", "sent_s", "arrived_s", "handled_s"),
    *("latency_us", "name", "outcome", "session", "member", "worker"),
)


@dataclass(frozen=True, slots=True)
class SlowOperations:
    """What is known of the operations that took longer than a limit.

    `threshold_us` is the limit by the headline's clock, None where there is none. `total` is how many successful
    operations took longer, `recorded` whether the run has a file of the slowest operations.

    `rows` has one row for each operation that was kept and took longer, failed and censored ones too: `begin_s` and
    `end_s` (due, or sent in closed loop, to its arrival; seconds since the load started), `latency_us`, `name`,
    `outcome`, `session`, `member` (its name, empty if not known), `worker`, `host` (of the worker), `writes`, `waited`
    (it waited for a free session for at least half of its time), `leader` (who led then, empty if not known) and
    `weight`. Texts are categories: a long run has a million rows.
    """

    threshold_us: float | None
    total: int
    recorded: bool
    rows: pd.DataFrame


def build(run: RunFolder, timeline: Timeline, headline: Headline, threshold_us: float | None) -> SlowOperations:
    """Return the operations of a run that took longer than `threshold_us` by the headline's clock."""
    measured = headline.distributions.get(TOTAL)
    of_clock = None if measured is None else measured.clock(headline.total.clock)
    total = 0
    if threshold_us is not None and of_clock is not None:
        total = _above(of_clock.histogram.values_us, of_clock.histogram.counts, threshold_us)
    found = run.slow_operations
    recorded = (run.path / SLOW_OPERATIONS).exists()
    wanted = (found["stage"] == MEASURED) & (found["latency_us"] > (threshold_us or 0))
    found = found.loc[wanted, list(_USED)]
    begin_s = found["due_s"].where(found["due_s"].notna(), found["sent_s"])
    end_s = found["arrived_s"].where(found["arrived_s"].notna(), found["handled_s"])
    end_s = end_s.where(end_s > begin_s, begin_s + found["latency_us"] / 1e6)
    members = member_names(run.manifest)
    rows = pd.DataFrame(
        {
            "begin_s": begin_s,
            "end_s": end_s,
            "latency_us": found["latency_us"],
            "name": found["name"],
            "outcome": found["outcome"],
            "session": found["session"],
            "member": _mapped(found["member"], lambda address: members.get(address, address)),
            "worker": found["worker"],
            "host": _mapped(found["worker"], lambda worker: worker.partition("/")[0]),
            "writes": _mapped(found["name"], lambda name: not name.startswith(_READS)).astype(bool),
            "waited": found["sent_s"] - begin_s >= 0.5 * (end_s - begin_s),
            "weight": 1.0,
        }
    ).sort_values("begin_s", kind="stable", ignore_index=True)
    rows["leader"] = _leaders(run, timeline, rows["begin_s"]).astype("category")
    if threshold_us is not None:
        rows["weight"] = _weights(run, headline.total.clock, threshold_us, rows)
    return SlowOperations(threshold_us, total, recorded, rows)


def _mapped(texts: pd.Series, to: Callable[[str], Any]) -> pd.Series:
    """Map the categories, of which there are few."""
    found = [to(str(text)) for text in texts.cat.categories]
    values = pd.Categorical(found)
    return pd.Series(pd.Categorical.from_codes(values.codes[texts.cat.codes], dtype=values.dtype), index=texts.index)


def member_names(manifest: Manifest) -> dict[str, str]:
    """Return host:port of each member to its name in the inventory, as far as the manifest tells."""
    try:
        return {one["client"]: one["name"] for one in ensemble_members(manifest.groups, manifest.host_variables)}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def _above(values_us: NDArray[np.int64], counts: NDArray[np.int64], threshold_us: float) -> int:
    return int(counts[np.searchsorted(values_us, threshold_us, side="right") :].sum())


def _weights(run: RunFolder, clock: str, threshold_us: float, rows: pd.DataFrame) -> pd.Series:
    """Return how many operations each row stands for, by the interval in which it ended."""
    above: dict[float, int] = {}
    for line in run.distributions:
        found = line.distribution.clock(clock)
        if line.stage == MEASURED and found is not None:
            count = _above(found.histogram.values_us, found.histogram.counts, threshold_us)
            above[line.elapsed_s] = above.get(line.elapsed_s, 0) + count
    weights = pd.Series(1.0, index=rows.index)
    successful = rows["outcome"] == OK
    if not above or not successful.any():
        return weights
    ends = np.array(sorted(above))
    place = np.minimum(np.searchsorted(ends, rows.loc[successful, "end_s"]), len(ends) - 1)
    kept = np.bincount(place, minlength=len(ends))
    counts = np.array([above[end] for end in ends])
    weights[successful] = np.maximum(1.0, counts[place] / kept[place])
    return weights


def _leaders(run: RunFolder, timeline: Timeline, at_s: pd.Series) -> pd.Series:
    """Return who led at these moments, which are in order: by the polls, else by the manifest."""
    known = run.manifest.hosts
    default = next((host for host, facts in known.items() if facts.get("zookeeper_mode") == LEADING), "")
    polls = run.metrics.loc[run.metrics["server_state"] == LEADING, ["elapsed_s", "member"]]
    if not len(polls) or timeline.metrics_offset_s != timeline.metrics_offset_s:
        return pd.Series(default, index=at_s.index)
    times = pd.DataFrame({"at_s": polls["elapsed_s"] + timeline.metrics_offset_s, "leader": polls["member"]})
    times = times.sort_values("at_s", kind="stable")
    found = pd.merge_asof(pd.DataFrame({"at_s": at_s.astype(float)}), times, on="at_s", direction="backward")
    return found["leader"].fillna(times["leader"].iloc[0]).set_axis(at_s.index)
