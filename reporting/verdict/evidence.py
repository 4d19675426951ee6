"""The evidence that the rules of the verdict judge, and the reasons that they return.

`void`: there is no result. `inconclusive`: there is a result, but something other than the ensemble at this load may
have shaped it. A `note` changes nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import pandas as pd

from reporting.analyse.headline import Headline
from reporting.analyse.load_side import LoadSide
from reporting.analyse.machine_usage import Machines
from reporting.analyse.recovery import Recovery
from reporting.analyse.steadiness import Steadiness
from reporting.analyse.timeline import Timeline
from reporting.analyse.users import UsersOverTime
from reporting.analyse.workers import Workers
from reporting.read.run_folder import RunFolder
from zk_locust.contract.verdicts import INCONCLUSIVE, VALID, VOID

NOTE: Final = "note"


@dataclass(frozen=True, slots=True)
class Reason:
    """What a rule found: a sentence with the numbers, and what to do about it."""

    severity: str  # void, inconclusive or note
    rule: str
    text: str


void = partial(Reason, VOID)
inconclusive = partial(Reason, INCONCLUSIVE)
note = partial(Reason, NOTE)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the rules judge: a run and what was computed from it. `samples` are from `machine_samples.within_load`."""

    run: RunFolder
    timeline: Timeline
    headline: Headline
    workers: Workers
    samples: pd.DataFrame
    machines: Machines
    load_side: LoadSide
    steadiness: Steadiness
    users: UsersOverTime
    recoveries: tuple[Recovery, ...]


Rule = Callable[[Evidence], Iterator[Reason]]


def worst(reasons: Iterable[Reason]) -> str:
    """Return the verdict that the reasons give."""
    severities = {reason.severity for reason in reasons}
    return VOID if VOID in severities else INCONCLUSIVE if INCONCLUSIVE in severities else VALID


def gravest_first(reasons: Iterable[Reason]) -> list[Reason]:
    """Return the reasons with the notes last."""
    return sorted(reasons, key=lambda reason: reason.severity == NOTE)
