"""The evidence that the rules of the verdict judge, and the reasons that they return.

`void`: there is no result. `inconclusive`: there is a result, but something other than the ensemble may have shaped it.
A `note` changes nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import pandas as pd

from reporting.analyse.headline import Headline
from reporting.analyse.machine_usage import Machines
from reporting.analyse.timeline import Timeline
from reporting.analyse.workers import Workers
from reporting.read.run_folder import RunFolder

VOID: Final = "void"
INCONCLUSIVE: Final = "inconclusive"
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


Rule = Callable[[Evidence], Iterator[Reason]]
