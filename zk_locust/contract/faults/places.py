"""What the fleet does not allow of planned faults, by the inventory alone."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from zk_locust.contract.faults import actions
from zk_locust.contract.faults.actions import ACTIONS
from zk_locust.contract.faults.expansion import Entry
from zk_locust.contract.faults.fleet import FaultFleet


def place_problems(entries: Iterable[Entry], fleet: FaultFleet) -> Iterator[str]:
    """Yield a line for each fault that the fleet does not allow."""
    for entry in entries:
        yield from _external(entry, fleet)
        of_load = [target for target in entry.targets if target == actions.LOAD or target in fleet.loaded]
        both = [name for name in fleet.loaded if name in fleet.members]
        if actions.LOAD in of_load and both:
            yield (
                f"{entry.name}: target [{actions.LOAD}]: {', '.join(both)} is a member too, and its name means"
                " the member; name the load hosts that are meant"
            )
        if actions.KILL in entry.do and entry.for_s and set(of_load) - set(fleet.members):
            yield (
                f"{entry.name}: for [{entry.for_s:g} s]: a worker that was killed is not started again; leave it out"
            )
        of_machine = [do for do in entry.do if do in (actions.POWER_OFF, actions.CLOCK_STEP)]
        if not of_machine:
            continue
        named = {*entry.targets} & {*fleet.members}
        met = [name for name in fleet.members if name in named] if named == {*entry.targets} else [*fleet.members]
        where = f"{entry.name}: do [{', '.join(of_machine)}]"
        if together := [name for name in met if name in fleet.together]:
            yield (
                f"{where}: {', '.join(together)} shares the machine with the controller, a load host or another member;"
                " name members with machines of their own, or leave it out"
            )
        if (
            actions.POWER_OFF in of_machine
            and entry.for_s
            and (bare := [name for name in met if name not in fleet.powered])
        ):
            yield (
                f"{where}: for [{entry.for_s:g} s]: {', '.join(bare)} reboots and comes back by itself; leave it out,"
                " or set zookeeper_power_off_command and zookeeper_power_on_command"
            )


def external_problem(content: Iterable[Any], fleet: FaultFleet) -> str:
    """Return why an external ensemble is left alone, empty where it is or may be met. Load hosts are ours."""
    if fleet.managed or fleet.allowed:
        return ""
    of_load = {actions.LOAD, *fleet.loaded} - {*fleet.members}
    for number, entry in enumerate(content, 1):
        given = entry if isinstance(entry, Mapping) else {}
        of_network = [name for name in _listed(given.get("do")) if name in ACTIONS and ACTIONS[name].of_network]
        on_load = {*_listed(given.get("target"))} <= of_load
        if on_load and not of_network:
            continue
        why = ""
        if on_load:
            done = f"fault {number}: do [{of_network[0]}] is done on the members' hosts"
            why = f" ({done}, also where its target is a load host)"
        return (
            f"the ensemble is external (zookeeper_managed: false), and it is never touched unless that is allowed{why};"
            " leave the faults out, or set benchmark_faults_allowed: true if its owner agrees"
        )
    return ""


def _listed(given: Any) -> list[str]:
    return [str(each) for each in (given if isinstance(given, list) else [given])]


def _external(entry: Entry, fleet: FaultFleet) -> Iterator[str]:
    """Yield what cannot be done to an external ensemble although it may be touched."""
    if fleet.managed or {*entry.targets} <= {actions.LOAD, *fleet.loaded} - {*fleet.members}:
        return
    if not fleet.members:
        yield (
            f"{entry.name}: the group zookeeper names no member; name those of the external ensemble there,"
            " with SSH access to their hosts"
        )
    for do in entry.do:
        if not ACTIONS[do].on_external:
            can = ", ".join(action.name for action in ACTIONS.values() if action.on_external)
            yield (
                f"{entry.name}: do [{do}]: the ensemble is external (zookeeper_managed: false), and its"
                f" processes are neither started nor stopped by zk-locust; use one of {can}"
            )
