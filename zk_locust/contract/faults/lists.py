"""Reads the lists of faults of a run: every mistake at once, or the plan, with what comes again and again spelt out."""

from collections.abc import Mapping

from zk_locust.contract.faults.actions import ACTIONS
from zk_locust.contract.faults.expansion import Entry, planned
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.faults.operations import plan_problems
from zk_locust.contract.faults.overlaps import overlap_problems
from zk_locust.contract.faults.places import external_problem, place_problems
from zk_locust.contract.faults.planned import PlannedFault
from zk_locust.contract.faults.quorum import quorum_problems
from zk_locust.contract.faults.reading import MOST, EntryReader


def read_faults(
    content: object, fleet: FaultFleet | None, run_time_s: float | None
) -> tuple[tuple[PlannedFault, ...], list[str]]:
    """Return the plan of one list, or nothing and every problem, each without the name of the setting.

    Without a `fleet` or a run time (they are wrong themselves), what needs them is not checked.
    """
    return read_fault_lists({"": content}, fleet, run_time_s)


def read_fault_lists(
    lists: Mapping[str, object], fleet: FaultFleet | None, run_time_s: float | None
) -> tuple[tuple[PlannedFault, ...], list[str]]:
    """Return the plan of several lists, one after the other, by their settings; see `read_faults`.

    Each problem begins with its setting. What may meet is looked for among all of them.
    """
    problems: list[str] = []
    known: list[Entry] = []
    number = 0
    for source, content in lists.items():
        prefix = f"{source}: " if source else ""
        if not isinstance(content, list) or not content:
            problems.append(f"{prefix}must be a list of faults, e.g. [{{at: 30s, do: kill, target: leader}}]")
        elif fleet is not None and (problem := external_problem(content, fleet)):
            problems.append(f"{prefix}{problem}")
        elif len(content) > MOST:
            problems.append(f"{prefix}has {len(content)} faults; write {MOST} at most")
        else:
            for place, each in enumerate(content, 1):
                number += 1
                name = f"{prefix}fault {place}"
                entry = EntryReader(number, name, source, each, fleet, run_time_s, problems).entry()
                if entry is not None:
                    known.append(entry)
    too_many = sum(len(entry.at_s) for entry in known) > MOST
    if too_many:
        together = " and ".join(source for source in lists if source)
        problems.append(
            f"{together and together + ': '}has more than {MOST} faults, with those that come again; write a longer"
            " `every`"
        )
    if fleet is not None and fleet.shared:
        problems += [
            f"{entry.name}: do [{name}]: {', '.join(fleet.shared)} share an address, so their packets cannot be"
            " told apart; give each member an address of its own, or leave it out"
            for entry in known
            for name in entry.do
            if ACTIONS[name].of_network
        ]
    misplaced = list(place_problems(known, fleet)) if fleet is not None else []
    if misplaced or too_many or not known:
        return (), [*problems, *misplaced]
    plan = planned(known)
    problems += overlap_problems(plan, fleet)
    problems += plan_problems(plan)
    if fleet is not None:
        problems += quorum_problems([fault for fault in plan if not fault.allow_no_quorum], plan, fleet)
    return (tuple(plan), []) if not problems else ((), problems)
