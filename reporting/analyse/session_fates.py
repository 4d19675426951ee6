"""What a fault did to the sessions: the longest silence of any, how many moved, how many were lost."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from locust_extra.columns import MOVED, REPLACED, SILENT, UNANSWERED
from reporting.analyse.timeline import Timeline
from reporting.read.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Fate:
    """`silence_s` is the longest from when a session asked until it was answered, 0 without one of 100 ms.

    Its session was not answered within the time that was looked at if it has not `ended`. Sessions that `moved` went on
    at another member, once or more often. Those that were `lost` were given up or had expired, and another one took
    their place. Without a record, nothing is known.
    """

    silence_s: float | None = None
    ended: bool = True
    moved: int | None = None
    lost: int | None = None


def placed_sessions(run: RunFolder, timeline: Timeline) -> pd.DataFrame | None:
    """Return what became of the sessions, with `start_s` and `end_s` since the load started; None if not known."""
    if run.sessions is None:
        return None
    found = run.sessions
    return found.assign(
        start_s=timeline.at_steady(found["start"], found["host"]),
        end_s=timeline.at_steady(found["end"], found["host"]),
    )


def fate(sessions: pd.DataFrame | None, start_s: float, reaches_s: float, until_s: float) -> Fate:
    """Return what became of the sessions from a fault's start on. A silence that begins after `reaches_s` is another's.

    What happens after `until_s` is not looked at.
    """
    if sessions is None:
        return Fate()
    event, begins, ends = sessions["event"], sessions["start_s"], sessions["end_s"]
    within = (ends > start_s) & (begins <= min(reaches_s, until_s))
    silences = sessions[event.isin((SILENT, UNANSWERED)) & within]
    lengths = silences["end_s"].clip(upper=until_s) - silences["start_s"].clip(lower=start_s)
    noted = sessions[(ends > start_s) & (ends <= until_s)]
    longest = int(np.argmax(lengths)) if len(lengths) else -1
    answered = longest < 0 or (
        silences["event"].iloc[longest] == SILENT and float(silences["end_s"].iloc[longest]) <= until_s
    )
    return Fate(
        silence_s=0.0 if longest < 0 else max(0.0, float(lengths.iloc[longest])),
        ended=bool(answered),
        moved=int(noted["session"][noted["event"] == MOVED].nunique()),
        lost=int((noted["event"] == REPLACED).sum()),
    )
