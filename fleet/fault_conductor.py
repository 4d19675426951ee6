"""Does the planned faults of a run, each at its time, while the load goes on.

It only says what is to be done: the hosts heal by themselves, and keep the notes that the record is made of.
"""

import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol

from fleet.beside_load import BesideLoad
from fleet.errors import FleetError, HostError
from fleet.fault_clock import FaultClock
from fleet.fault_hosts import ROLE_LIMIT_S
from fleet.fault_order import enough_serve, next_member, why_not
from fleet.fault_power import PowerSwitch
from zk_locust.contract.faults.actions import LOAD, POWER_OFF, ROLLING, ROLLING_RESTART
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.faults.limits import MOST_LATE_S
from zk_locust.contract.faults.planned import PlannedFault
from zk_locust.contract.faults.targets import NoTargetError, resolved

_POLL_S: Final = 1.0
SERVES_LIMIT_S: Final = 60.0
"""So long a member may take at least until it serves again, before the next one is stopped."""
_LEAD_S: Final = (1.0, 5.0)
"""How long before its moment a fault is prepared: its host must have begun to wait for it by then."""
_PREPARED_FACTOR: Final = 3.0
"""To prepare a fault takes about so many times what the question for the roles takes."""
_ROLES_LIMIT_S: Final = 0.6
"""So long is waited at least for members that do not say their role: their hosts may be away."""
_LATE_LIMIT_S: Final = 5.0
"""So long after its moment a fault waits, e.g. until somebody has its role, or enough members serve."""
_LOOK_S: Final = 0.1


class Hosts(Protocol):
    """The hosts of the members, see `fleet.fault_hosts.FaultHosts`."""

    def roles(self, names: Iterable[str] | None = None, limit_s: float = ROLE_LIMIT_S) -> dict[str, str]:
        """Return what each member, or each of these, says of itself within the limit."""

    def do(self, name: str, fault: Mapping[str, Any]) -> dict[str, Any]:
        """Have a fault done to a member."""

    def end(self) -> None:
        """End what is being asked."""


def fault_id(run_id: str, number: int, name: str) -> str:
    """Return the id of a run's fault to a host, which is a name of a file there."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", f"{run_id}.{number}.{name}")


class Conductor(BesideLoad):
    """Does `plan` to the members. `sides` has, by host, what a fault of the network must know of it.

    That is `address`, and the `ports` between members and the `client` port, none for a load host; and `reconfigure`,
    what a member's host needs for that.
    """

    def __init__(
        self,
        run_id: str,
        plan: list[PlannedFault],
        fleet: FaultFleet,
        sides: Mapping[str, Mapping[str, Any]],
        clock: FaultClock,
        hosts: Hosts,
        show: Callable[[str], object],
        power: PowerSwitch | None = None,
        serves_limit_s: float = SERVES_LIMIT_S,
    ) -> None:
        super().__init__(clock, show)
        self._run_id = run_id
        self._plan = plan
        self._fleet = fleet
        self._sides = sides
        self._hosts = hosts
        self._power = power or PowerSwitch({})
        self._serves_limit_s = serves_limit_s
        self._roles_limit_s = _ROLES_LIMIT_S
        self._tell_roles = True  # members say their roles at all
        self._done = 0
        self._start(self._conduct)

    def end(self) -> list[str]:
        """The load has ended: do no more; return what of the plan was not done, and why."""
        self._finish()
        self._hosts.end()
        return [
            *self._problems,
            *(f"fault {fault.number} ({fault.title}): the load ended before it" for fault in self._plan[self._done :]),
        ]

    def _conduct(self) -> None:
        self._hosts.roles()  # opens the connections
        began = time.monotonic()
        self._tell_roles = any(self._hosts.roles().values())
        usual_s = time.monotonic() - began
        self._roles_limit_s = max(_ROLES_LIMIT_S, 2 * usual_s)
        lead_s = min(max(self._roles_limit_s + _PREPARED_FACTOR * usual_s, _LEAD_S[0]), _LEAD_S[1])
        self._measured.wait()
        begun: list[threading.Thread] = []
        for fault in self._plan:
            if self._clock.began is None:
                return
            due = self._clock.due(fault.at_s) - lead_s
            if self._ended.wait(max(0.0, due - time.monotonic())):
                break
            self._done += 1
            # Each its own: some last for minutes, and none waits for another.
            begun.append(threading.Thread(target=self._do_safely, args=(fault,), daemon=True))
            begun[-1].start()
        for each in begun:
            each.join()

    def _do_safely(self, fault: PlannedFault) -> None:
        try:
            self._do(fault)
        except Exception as error:  # whatever it is, the load and the other faults go on
            self._say(fault, f"{type(error).__name__}: {error}")

    def _do(self, fault: PlannedFault) -> None:
        met, others, refusal = self._resolved(fault)
        if refusal or self._ended.is_set():
            self._say(fault, refusal or "the load ended before it")
            return
        self._show(f"  fault {fault.number}: {fault.title}: {', '.join(met)}")
        if fault.do in ROLLING:
            if left_out := [name for name in self._fleet.members if name not in met]:
                self._say(fault, f"{', '.join(left_out)}: left out, because no answer came when asked for the role")
            self._roll(fault, met)
            return
        with ThreadPoolExecutor(max(1, len(met))) as pool:
            list(pool.map(lambda name: self._tell(fault, name, others, fault.at_s), met))

    def _resolved(self, fault: PlannedFault) -> tuple[list[str], list[str], str]:
        """Return whom the fault meets, the other side, and why it is not done; empty where it is."""
        limit_s = self._roles_limit_s
        while True:
            roles = self._hosts.roles(None, limit_s)
            limit_s = self._roles_limit_s
            try:
                met, others = resolved(fault, self._fleet, roles)
                refusal = why_not(fault, met, self._fleet, roles, others=others, tell=self._tell_roles)
                limit_s = ROLE_LIMIT_S  # who has not answered yet may only be slow
            except NoTargetError as error:
                met, others, refusal = [], [], str(error)
            late_s = self._late_s(fault)
            if late_s > MOST_LATE_S and not refusal:
                return met, others, f"its moment was {late_s:.1f} s ago, so it is not done"
            is_complete = fault.do not in ROLLING or len(met) == len(self._fleet.members)
            if (is_complete and not refusal) or late_s > _LATE_LIMIT_S or self._ended.wait(_LOOK_S):
                return met, others, refusal

    def _late_s(self, fault: PlannedFault) -> float:
        """Return how long ago its planned moment was, seconds; negative if it is still to come."""
        return time.monotonic() - self._clock.due(fault.at_s)

    def _roll(self, fault: PlannedFault, left: list[str]) -> None:
        """Go through the members one after the other: each serves before the next, and none begins after the load."""
        do = "restart" if fault.do == ROLLING_RESTART else fault.do
        at_s: float | None = fault.at_s  # of the first
        while left:
            if self._is_left_alone:
                return
            name = self._next(left)
            if not name:
                why = "the load ended" if self._ended.is_set() else "too few of the others serve"
                self._say(fault, f"{', '.join(left)}: left as before, {why}")
                return
            left = [other for other in left if other != name]
            if at_s is not None and self._late_s(fault) > MOST_LATE_S:
                at_s = None  # it has waited for the others: at once
            if not self._tell(fault, name, [], at_s, do=do) or not self._serves_again(fault, name):
                if left:
                    self._say(fault, f"{', '.join(left)}: left as before")
                return
            at_s = None

    def _next(self, left: list[str]) -> str:
        """Return the next member, once it may be stopped; empty where the load ends, or that takes too long."""
        deadline = time.monotonic() + self._serves_limit_s
        while not self._ended.is_set():
            roles = self._hosts.roles(None, self._roles_limit_s)
            name = next_member(left, roles)
            if enough_serve(name, self._fleet, roles):
                return name
            if time.monotonic() > deadline or self._ended.wait(_POLL_S):
                break
        return ""

    def _tell(self, fault: PlannedFault, name: str, others: list[str], at_s: float | None, do: str = "") -> bool:
        """Have the fault done to one member, at once or at its planned time; return whether it was."""
        told = {
            "id": fault_id(self._run_id, fault.number, name),
            "run_id": self._run_id,
            "number": fault.number,
            "member": name,
            "do": do or fault.do,
            "for_s": fault.for_s,
            "percent": fault.percent,
            "client_port": self._sides[name]["client"],
            **fault.amounts,
            **fault.details,
            **({"to": fault.to} if fault.to else {}),
            **({"change": fault.change, **self._sides[name]["reconfigure"]} if fault.change else {}),
        }
        is_switched = fault.do == POWER_OFF and self._power.can(name)
        if fault.do == POWER_OFF:
            told["by"] = "command" if is_switched else "reboot"
        if fault.action.of_network:
            own = self._sides[name]
            of_load = {*self._fleet.load_hosts, LOAD}.issuperset(fault.others) and bool(fault.others)
            peers = [
                (self._sides[other], other in self._fleet.members and not of_load) for other in others if other != name
            ]
            ports = own["ports"] if any(is_member for _, is_member in peers) else []
            told |= {
                "way": fault.way,
                "ports": [*ports, *self._client(own, others)],
                "peers": [
                    {"address": side["address"], "ports": side["ports"] if is_member else []}
                    for side, is_member in peers
                ],
            }
        if at_s is not None:
            told |= self._clock.on_host(name, at_s)
        try:
            self._hosts.do(name, told)
            late_s = self._late_s(fault)
            if is_switched and late_s > MOST_LATE_S:
                raise HostError(f"it was told {late_s:.1f} s after the moment, so it is not switched off")
            if is_switched:
                for problem in self._power.cycle(name, self._clock.due(fault.at_s), fault.for_s, self._ended):
                    self._say(fault, f"{name}: {problem}")
        except FleetError as error:
            self._say(fault, f"{name}: {error}")
            return False
        return True

    def _client(self, own: Mapping[str, Any], others: list[str]) -> list[int]:
        """Return the client port where a load host is on the other side."""
        return [own["client"]] if any(other in self._fleet.load_hosts or other == LOAD for other in others) else []

    def _serves_again(self, fault: PlannedFault, name: str) -> bool:
        deadline = time.monotonic() + self._serves_limit_s
        while time.monotonic() < deadline:
            if self._hosts.roles([name]).get(name):
                return True
            if self._ended.wait(_POLL_S):
                self._say(fault, f"the load ended before {name} served again")
                return False
        self._say(fault, f"{name} did not serve again within {self._serves_limit_s:g} s; the others are left as before")
        return False

    def _say(self, fault: PlannedFault, problem: str) -> None:
        self._note(f"fault {fault.number} ({fault.title}): {problem}")
