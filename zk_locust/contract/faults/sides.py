"""The two sides of a fault of the network. It is done on the members' hosts, also where its target is a load host."""

from collections.abc import Callable
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
    if not of_load or not all(actions.ACTIONS[do].of_network for do in entry.do):
        return entry
    if len(of_load) < len(entry.targets):
        say(f"target: {', '.join(of_load)} and members together; make it two faults, or name load hosts in `from`")
    if any(name in names for name in entry.others):
        say("from: the target is a load host, so the other side must be members; name a role or members")
    return replace(entry, targets=entry.others or (actions.ALL,), others=entry.targets, way=_TURNED.get(entry.way, ""))
