"""Which sessions were certainly with a follower: by the number of their member, and what that member said of itself.

The first byte of a session's number is the id of the member that has made it, and the session is with that one until
its connection is lost. A leader's time has one epoch, and it leads from the first write of that epoch to the last one.
So a member that said in between that it follows has not led in that epoch at all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from reporting.read import member_metrics
from reporting.read.manifest import Manifest
from reporting.read.problems import ProblemLog
from zk_locust.contract.run_files import METRICS

Array = np.ndarray[Any, Any]

_FOLLOWS: Final = ("follower", "observer")
_MEMBER_BITS: Final = 56
_MOST_ID: Final = 255
_MOST_ERROR_NS: Final = 60_000_000_000
_LATEST_S: Final = 1e10


@dataclass(frozen=True, slots=True)
class Followers:
    """By member id: between which times it said that it follows, on the controller's clock, and how wrong that may be.

    The times are ns; the first row has the beginnings, the second one the ends, and both ascend.
    """

    said: Mapping[int, Array] = field(default_factory=dict)
    error_ns: int = 0

    def follow(self, sessions: Array, begins: Array, ends: Array) -> Array:
        """Return of each session whether the member that has made it said so between two times for certain."""
        found = np.zeros(len(sessions), bool)
        member = (sessions >> _MEMBER_BITS) & _MOST_ID
        for each in np.unique(member).tolist():
            if each not in self.said:
                continue
            asked, answered = self.said[each]
            own = np.flatnonzero(member == each)
            at = np.searchsorted(asked, begins[own] + self.error_ns, "right")
            inside = np.minimum(at, len(asked) - 1)
            found[own] = (at < len(asked)) & (answered[inside] + self.error_ns < ends[own])
        return found


FollowersOf = Callable[[float, int], Followers]
"""Reads them, from how far the clock of the process that leads the load is ahead (s), and its error (ns)."""


def nobody(_ahead_s: float, _error_ns: int) -> Followers:
    """Nothing is known of any member."""
    return Followers()


def of_run(folder: Path, manifest: Manifest, ahead_s: float, error_ns: int) -> Followers:
    """Return what the members of a run said. Of an ensemble that others have set up the ids are not known."""
    ids = {} if manifest.parameters.get("hosts") else _ids(manifest)
    if not ids or error_ns > _MOST_ERROR_NS:
        return Followers()
    polls = member_metrics.read(folder / METRICS, ProblemLog())
    polls = polls[polls["timestamp"].abs() < _LATEST_S]
    said = {}
    for member, own in polls.groupby("member"):
        own = own.sort_values("timestamp", kind="stable")
        times = ((own["timestamp"].to_numpy() - ahead_s) * 1e9).astype(np.int64)
        # A member is asked after its answer before, however late that one was handled.
        follows = np.flatnonzero(own["server_state"].isin(_FOLLOWS).to_numpy()[1:])
        if str(member) in ids and len(follows):
            said[ids[str(member)]] = np.stack([times[follows], times[follows + 1]])
    return Followers(said, error_ns)


def _ids(manifest: Manifest) -> dict[str, int]:
    """Return the members' ids by their names; nothing where they are not certain."""
    names = manifest.groups.get("zookeeper", [])
    told = [manifest.host_variables.get(name, {}).get("zookeeper_id", place) for place, name in enumerate(names, 1)]
    try:
        ids = {name: int(each) for name, each in zip(names, told, strict=True)}
    except (TypeError, ValueError):
        return {}
    is_certain = len(set(ids.values())) == len(names) and all(0 < each <= _MOST_ID for each in ids.values())
    return ids if is_certain else {}
