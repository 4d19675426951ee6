"""The two sides of a fault of the network. It is done on the members' hosts, also where its target is a load host."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from zk_locust.contract.faults import actions
from zk_locust.contract.faults.expansion import Entry
from zk_locust.contract.faults.fleet import FaultFleet

_TURNED: Final = {"in": "out", "out": "in", actions.BOTH: actions.BOTH}


def turned(entry: Entry, fleet: FaultFleet | None, say: Callable[[str], object]) -> Entry:
    """Return the entry with members as its target: what load hosts do not hear is what members do not send them.

    What is wrong with its sides goes to `say`.
    """
    names = {actions.LOAD, *(fleet.load_hosts if fleet is not None else ())}
    names -= set(fleet.members if fleet is not None else ())
    of_load = [name for name in entry.targets if name in names]
    of_network = [do for do in entry.do if actions.ACTIONS[do].of_network]
    if of_load and of_network and len(of_network) < len(entry.do):
        rest = ", ".join(do for do in entry.do if do not in of_network)
        say(
            f"do [{', '.join(entry.do)}]: target [{', '.join(of_load)}]: {', '.join(of_network)} is done on the"
            f" members' hosts, {rest} on the load host; make it two faults"
        )
    if not of_load or len(of_network) < len(entry.do):
        return entry
    if len(of_load) < len(entry.targets):
        say(f"target: {', '.join(of_load)} and members together; make it two faults, or name load hosts in `from`")
    if any(name in names for name in entry.others):
        say("from: the target is a load host, so the other side must be members; name a role or members")
    return replace(entry, targets=entry.others or (actions.ALL,), others=entry.targets, way=_TURNED.get(entry.way, ""))


def other_side_problem(entry: Entry, fleet: FaultFleet) -> str:
    """Return why nobody is on the other side of a fault of the network, whoever has which role; empty if one may be."""
    if not any(actions.ACTIONS[do].of_network for do in entry.do) or not (entry.targets and fleet.members):
        return ""
    others = entry.others or (actions.ALL,)
    if any(name not in fleet.members and name not in actions.ROLES for name in others):
        return ""  # load hosts, which are never met there
    met = _surely_met(entry.targets, fleet)
    if any(_may_be(name, entry.targets, fleet) - met for name in others):
        return ""
    side = f", from [{', '.join(entry.others)}]" if entry.others else ""
    return (
        f"target [{', '.join(entry.targets)}]{side}: no member is left for the other side; name fewer members, others"
        " in from, or write from: load"
    )


def _surely_met(targets: Iterable[str], fleet: FaultFleet) -> frozenset[str]:
    """Return the members that these targets are, whoever has which role."""
    named = {*targets}
    met = named & {*fleet.members}
    if actions.ALL in named or (actions.ANY in named and len(fleet.members) == 1):
        met |= {*fleet.members}
    if len(fleet.observers) == 1 and actions.OBSERVER in named:
        met |= fleet.observers
    voting = (actions.LEADER, actions.FOLLOWER)[: len(fleet.voters)]
    if len(fleet.voters) <= len(voting) and named.issuperset(voting):
        met |= {*fleet.voters}
    if actions.MAJORITY in named and fleet.majority == len(fleet.voters):
        met |= {*fleet.voters}
    return frozenset(met)


def _may_be(name: str, targets: Iterable[str], fleet: FaultFleet) -> frozenset[str]:
    """Return the members that a name or a role of the other side may be: of a pair, one leads and one follows."""
    if name in fleet.members:
        return frozenset({name})
    if name == actions.OBSERVER:
        return fleet.observers
    if name in targets and (name == actions.LEADER or (name == actions.FOLLOWER and len(fleet.voters) <= 2)):
        return frozenset()
    return frozenset(fleet.members if name in (actions.ALL, actions.ANY) else fleet.voters)
