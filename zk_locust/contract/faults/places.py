"""What the fleet does not allow of planned faults, by the inventory alone."""

from collections.abc import Iterable, Iterator

from zk_locust.contract.faults import actions
from zk_locust.contract.faults.expansion import Entry
from zk_locust.contract.faults.fleet import FaultFleet


def place_problems(entries: Iterable[Entry], fleet: FaultFleet) -> Iterator[str]:
    """Yield a line for each fault that the fleet does not allow."""
    for entry in entries:
        of_load = [target for target in entry.targets if target == actions.LOAD or target in fleet.loaded]
        both = [name for name in fleet.loaded if name in fleet.members]
        if actions.LOAD in of_load and both:
            yield (
                f"fault {entry.number}: target [{actions.LOAD}]: {', '.join(both)} is a member too, and its name means"
                " the member; name the load hosts that are meant"
            )
        if actions.KILL in entry.do and entry.for_s and set(of_load) - set(fleet.members):
            yield (
                f"fault {entry.number}: for [{entry.for_s:g} s]: a worker that was killed is not started again;"
                " leave it out"
            )
        if actions.POWER_OFF not in entry.do:
            continue
        named = {*entry.targets} & {*fleet.members}
        met = [name for name in fleet.members if name in named] if named == {*entry.targets} else [*fleet.members]
        where = f"fault {entry.number}: do [{actions.POWER_OFF}]"
        if together := [name for name in met if name in fleet.together]:
            yield (
                f"{where}: {', '.join(together)} shares the machine with the controller, a load host or another member;"
                " name members with machines of their own, or leave it out"
            )
        if entry.for_s and (bare := [name for name in met if name not in fleet.powered]):
            yield (
                f"{where}: for [{entry.for_s:g} s]: {', '.join(bare)} reboots and comes back by itself; leave it out,"
                " or set zookeeper_power_off_command and zookeeper_power_on_command"
            )
