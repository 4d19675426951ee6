"""Spells out what comes again and again, with a seed: the same entries give the same plan."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from zk_locust.contract.faults import actions
from zk_locust.contract.faults.actions import ACTIONS, Action
from zk_locust.contract.faults.amounts import amounts_of
from zk_locust.contract.faults.planned import PlannedFault
from zk_locust.contract.faults.shape import NO_SHAPE, Shape

DEFAULT_FOR_S: Final = 10.0
"""How long a fault lasts that has a length and does not say it, unless it comes again before twice that."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the list, checked by itself: `at_s` has each time that it happens.

    `for_s` and `percent` may not be given. `number` counts all entries, `name` is what messages call it: its setting
    (`source`), and its number there.
    """

    number: int
    name: str
    source: str
    at_s: tuple[float, ...]
    do: tuple[str, ...]
    targets: tuple[str, ...]
    for_s: float | None
    others: tuple[str, ...]
    way: str
    percent: float | None
    seed: int
    allow_no_quorum: bool
    amounts: dict[str, Any] = field(default_factory=dict)
    shape: Shape = NO_SHAPE
    to: str = ""
    change: str = ""


def planned(entries: Sequence[Entry]) -> list[PlannedFault]:
    """Return all faults in order of time."""
    found: list[dict[str, Any]] = []
    for entry in entries:
        chance = random.Random(f"{entry.seed}.{entry.number}")
        for at_s in entry.at_s:
            do = chance.choice(entry.do)
            action = ACTIONS[do]
            values: dict[str, Any] = {
                "at_s": at_s,
                "do": do,
                "targets": entry.targets or (actions.ALL,),
                "for_s": length_of(action, entry),
                "others": entry.others if action.of_network else (),
                "way": entry.way if action.of_network else actions.BOTH,
                "percent": share_of(action, entry),
                "seed": entry.seed,
                "amounts": amounts_of(do, entry.amounts),
                **entry.shape.of(do),
                "to": entry.to if do == actions.ROLLING_UPGRADE else "",
                "change": (entry.change or actions.REMOVE) if do == actions.RECONFIGURE else "",
                "allow_no_quorum": entry.allow_no_quorum,
                "source": entry.source,
            }
            found.append(values)
    found.sort(key=lambda values: float(values["at_s"]))
    return [PlannedFault(number=number, **values) for number, values in enumerate(found, 1)]


def length_of(action: Action, entry: Entry) -> float:
    """Return how long an action lasts, seconds."""
    if action.lasts is False:
        return 0.0
    if entry.for_s is not None:
        return entry.for_s
    again_s = entry.at_s[1] - entry.at_s[0] if len(entry.at_s) > 1 else 2 * DEFAULT_FOR_S
    return min(DEFAULT_FOR_S, again_s / 2) if action.lasts else 0.0


def share_of(action: Action, entry: Entry) -> float:
    """Return which share an action meets, percent."""
    if action.percent is None:
        return 100.0
    return action.percent if entry.percent is None else entry.percent
