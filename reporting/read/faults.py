"""The faults of a run, from its manifest: what was planned, and what the members' hosts have noted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reporting.read.parsing import parse_time
from reporting.read.problems import ProblemLog
from zk_locust.contract.faults.actions import DISPATCHER
from zk_locust.contract.faults.planned import PlannedFault, asked_title, left_out

_FILE: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class DoneFault:
    """What was done to one member: `began` is seconds since 1970 by its host's clock, `lasted_s` None until healed.

    `met` is how many packets, connections or sessions it has met; None where that is not counted, or not known.
    `asked` says that it was not planned: a dispatcher asked for it.
    """

    number: int
    member: str
    do: str
    began: float
    lasted_s: float | None
    error: str
    state: str
    met: int | None = None
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Faults:
    """What was planned, by its number; what was done; and why some of it was not, one line each."""

    planned: Mapping[int, PlannedFault]
    done: tuple[DoneFault, ...] = ()
    not_done: tuple[str, ...] = ()

    def title(self, number: int) -> str:
        """Return what was planned, or asked for by a dispatcher, in a few words."""
        if asked := [fault for fault in self.done if fault.number == number and fault.asked]:
            return asked_title(asked[0].do, dict.fromkeys(fault.member for fault in asked))
        found = self.planned.get(number)
        return found.title if found is not None else f"fault {number}"

    def left_out(self, number: int, members: Iterable[str]) -> list[str]:
        """Return those of all members that a fault which goes through all of them was not done to."""
        planned = self.planned.get(number)
        met = {fault.member for fault in self.done if fault.number == number}
        return left_out(planned.do, met, members) if planned is not None else []


NONE: Final = Faults({})


def parse(raw: Mapping[str, Any], problems: ProblemLog) -> Faults:
    """Return the faults in a manifest. What has another shape is a problem and left out."""
    planned = {}
    scenario = raw.get("scenario")
    for each in (scenario.get("faults") if isinstance(scenario, dict) else None) or []:
        try:
            fault = PlannedFault.of(each)
            planned[fault.number] = fault
        except (KeyError, TypeError, ValueError):
            problems.add(_FILE, None, "scenario.faults has something that is no fault")
    told, done = raw.get("faults") or {}, []
    for member, notes in told.items() if isinstance(told, dict) else ():
        for note in notes if isinstance(notes, list) else ():
            try:
                if note["began"] is not None:
                    done.append(_done(str(member), note))
            except (KeyError, TypeError, ValueError):
                problems.add(_FILE, None, f"faults.{member} has something that is no fault")
    not_done = raw.get("faults_not_done") or []
    lines = tuple(str(line) for line in not_done) if isinstance(not_done, list) else ()
    return Faults(planned, tuple(sorted(done, key=lambda each: (each.number, each.began))), lines)


def _done(member: str, note: Mapping[str, Any]) -> DoneFault:
    lasted, met = note["lasted_s"], note.get("met")
    return DoneFault(
        number=int(note["number"]),
        member=member,
        do=str(note["do"]),
        began=parse_time(str(note["began"])),
        lasted_s=None if lasted is None else float(lasted),
        error=str(note.get("error") or ""),
        state=str(note["state"]),
        met=None if met is None else int(met),
        asked=note.get("asked_by") == DISPATCHER,
    )
