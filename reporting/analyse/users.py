"""How many users ran and were planned over the measured stage, and what changed their number on purpose."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from locust_extra.columns import ALL_WORKERS
from reporting.analyse.timeline import Timeline
from reporting.read.run_folder import RunFolder
from zk_locust.contract.events import USERS_CHANGED
from zk_locust.contract.stage_names import MEASURED
from zk_locust.contract.user_stages import course, planned_users

STAGES: Final = "stages of users"
_DISPATCH_S: Final = 1.0  # Locust starts and stops the users of up to a second at once


@dataclass(frozen=True, slots=True)
class UsersOverTime:
    """The users of each measured interval, and how many were planned.

    `frame` has `time_s` (end of the interval, seconds since the load started), `users`, `least` and `line`: how many
    were planned at the least in the interval, and at its end; both NaN where no number was planned. `changed_by` says
    what changed their number on purpose, empty where nothing did.
    """

    frame: pd.DataFrame
    changed_by: str

    @property
    def vary(self) -> bool:
        """Whether another number ran in some interval than in the others."""
        return self.frame["users"].nunique() > 1


def build(run: RunFolder, timeline: Timeline) -> UsersOverTime:
    """Return what the run folder says of its users."""
    stats, plan = run.stats, run.manifest.plan
    rows = stats[(stats["worker"] == ALL_WORKERS) & (stats["stage"] == MEASURED)]
    users = rows.dropna(subset=["users"]).groupby("interval")["users"].max()
    spans = {each.number: each for each in timeline.intervals if each.stage == MEASURED}
    found = [(spans[number], int(count)) for number, count in users.items() if number in spans]
    planned: list[tuple[float, float]]
    changes = run.events.loc[run.events["event"] == USERS_CHANGED, "subject"]
    changed_by = STAGES if plan.user_stages else str(changes.iloc[0]) if len(changes) else ""
    if changed_by and not plan.user_stages:
        changed_by = f"a {changed_by}"
        planned = [(np.nan, np.nan)] * len(found)
    elif plan.user_stages:
        points = course(plan.user_stages, plan.spawn_rate_per_s or 1.0)
        begins_s = min((span.start_s for span in spans.values()), default=0.0)
        planned = list(_planned(points, [(each.start_s - begins_s, each.end_s - begins_s) for each, _ in found]))
    else:
        number = np.nan if plan.users is None else float(plan.users)
        planned = [(number, number)] * len(found)
    frame = pd.DataFrame(
        {
            "time_s": [each.end_s for each, _ in found],
            "users": [count for _, count in found],
            "least": [least for least, _ in planned],
            "line": [line for _, line in planned],
        }
    )
    return UsersOverTime(frame, changed_by)


def _planned(points: list[tuple[float, float]], intervals: list[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Return the least number for each interval, and that of its end.

    Workers report at the end of an interval what ran a little before, and users start and stop in groups.
    """
    for start_s, end_s in intervals:
        least, most = planned_users(points, start_s - _DISPATCH_S, end_s + _DISPATCH_S)
        line, _ = planned_users(points, end_s, end_s)
        yield (least if least == most else least - 1), line
