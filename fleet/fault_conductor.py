"""Does the planned faults of a run, each at its time, while the load goes on.

It only says what is to be done: the hosts heal by themselves, and keep the notes that the record is made of.
"""

import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol

from fleet.errors import FleetError
from fleet.fault_order import enough_serve, next_member, why_not
from zk_locust.contract.faults.actions import LOAD, ROLLING, ROLLING_RESTART
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.faults.planned import PlannedFault
from zk_locust.contract.faults.targets import NoTargetError, resolved
from zk_locust.contract.stage_names import MEASURED

_POLL_S: Final = 1.0
_SERVES_LIMIT_S: Final = 60.0
_MOST_LEAD_S: Final = 2.0
_END_LIMIT_S: Final = 30.0


class Hosts(Protocol):
    """The hosts of the members, see `fleet.fault_hosts.FaultHosts`."""

    def roles(self, names: Iterable[str] | None = None) -> dict[str, str]:
        """Return what each member, or each of these, says of itself."""

    def do(self, name: str, fault: Mapping[str, Any]) -> dict[str, Any]:
        """Have a fault done to a member."""

    def end(self) -> None:
        """End what is being asked."""


class Conductor:
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
        run_time_s: float,
        hosts: Hosts,
        show: Callable[[str], object],
    ) -> None:
        self._run_id = run_id
        self._plan = plan
        self._fleet = fleet
        self._sides = sides
        self._run_time_s = run_time_s
        self._hosts = hosts
        self._show = show
        self._parent = os.getppid()
        self._measured_at: float | None = None
        self._measured = threading.Event()
        self._ended = threading.Event()
        self._problems: list[str] = []
        self._done = 0
        self._thread = threading.Thread(target=self._conduct, daemon=True)
        self._thread.start()

    def see(self, progress: Mapping[str, Any] | None) -> None:
        """See how far the load is: the plan begins with the measured stage."""
        left_s = (progress or {}).get("time_left_s")
        if self._measured.is_set() or (progress or {}).get("stage") != MEASURED:
            return
        now = time.monotonic()
        gone_s = self._run_time_s - left_s if isinstance(left_s, int | float) else 0.0
        self._measured_at = now - min(max(gone_s, 0.0), self._run_time_s)
        self._measured.set()

    def end(self) -> list[str]:
        """The load has ended: do no more; return what of the plan was not done, and why."""
        self._ended.set()
        self._measured.set()
        self._thread.join(_END_LIMIT_S)
        self._hosts.end()
        return [
            *self._problems,
            *(f"fault {fault.number} ({fault.title}): the load ended before it" for fault in self._plan[self._done :]),
        ]

    def _conduct(self) -> None:
        self._hosts.roles()  # opens the connections
        began = time.monotonic()
        self._hosts.roles()
        lead_s = min(_MOST_LEAD_S, time.monotonic() - began)
        self._measured.wait()
        with ThreadPoolExecutor(8) as pool:
            for fault in self._plan:
                if self._measured_at is None:
                    return
                due = self._measured_at + fault.at_s - lead_s
                if self._ended.wait(max(0.0, due - time.monotonic())):
                    return
                self._done += 1
                pool.submit(self._do_safely, fault)

    def _do_safely(self, fault: PlannedFault) -> None:
        try:
            self._do(fault)
        except Exception as error:  # whatever it is, the load and the other faults go on
            self._say(fault, f"{type(error).__name__}: {error}")

    def _do(self, fault: PlannedFault) -> None:
        try:
            roles = self._hosts.roles()
            met, others = resolved(fault, self._fleet, roles)
        except NoTargetError as error:
            self._say(fault, str(error))
            return
        if self._ended.is_set():
            self._say(fault, "the load ended before it")
            return
        if refusal := why_not(fault, met, self._fleet, roles):
            self._say(fault, refusal)
            return
        self._show(f"  fault {fault.number}: {fault.title}: {', '.join(met)}")
        if fault.do in ROLLING:
            self._roll(fault, met)
            return
        with ThreadPoolExecutor(max(1, len(met))) as pool:
            list(pool.map(lambda name: self._tell(fault, name, others), met))

    def _roll(self, fault: PlannedFault, left: list[str]) -> None:
        """Go through the members one after the other: each serves before the next, and none begins after the load."""
        do = "restart" if fault.do == ROLLING_RESTART else fault.do
        while left:
            if os.getppid() != self._parent:  # the playbook was killed: this process of it must not go on
                return
            name = self._next(left)
            if not name:
                why = "the load ended" if self._ended.is_set() else "too few of the others serve"
                self._say(fault, f"{', '.join(left)}: left as before, {why}")
                return
            left = [other for other in left if other != name]
            if not self._tell(fault, name, [], do=do) or not self._serves_again(fault, name):
                if left:
                    self._say(fault, f"{', '.join(left)}: left as before")
                return

    def _next(self, left: list[str]) -> str:
        """Return the next member, once it may be stopped; empty where the load ends, or that takes too long."""
        deadline = time.monotonic() + _SERVES_LIMIT_S
        while not self._ended.is_set():
            roles = self._hosts.roles()
            name = next_member(left, roles)
            if enough_serve(name, self._fleet, roles):
                return name
            if time.monotonic() > deadline or self._ended.wait(_POLL_S):
                break
        return ""

    def _tell(self, fault: PlannedFault, name: str, others: list[str], do: str = "") -> bool:
        """Have the fault done to one member; return whether it was."""
        told = {
            "id": re.sub(r"[^A-Za-z0-9._-]", "_", f"{self._run_id}.{fault.number}.{name}"),
            "run_id": self._run_id,
            "number": fault.number,
            "member": name,
            "do": do or fault.do,
            "for_s": fault.for_s,
            **({"to": fault.to} if fault.to else {}),
            **({"change": fault.change, **self._sides[name]["reconfigure"]} if fault.change else {}),
        }
        if fault.action.of_network:
            own = self._sides[name]
            of_load = {*self._fleet.load_hosts, LOAD}.issuperset(fault.others) and bool(fault.others)
            peers = [
                (self._sides[other], other in self._fleet.members and not of_load) for other in others if other != name
            ]
            ports = own["ports"] if any(is_member for _, is_member in peers) else []
            told |= {
                "way": fault.way,
                "percent": fault.percent,
                "ports": [*ports, *self._client(own, others)],
                "peers": [
                    {"address": side["address"], "ports": side["ports"] if is_member else []}
                    for side, is_member in peers
                ],
            }
        try:
            self._hosts.do(name, told)
        except FleetError as error:
            self._say(fault, f"{name}: {error}")
            return False
        return True

    def _client(self, own: Mapping[str, Any], others: list[str]) -> list[int]:
        """Return the client port where a load host is on the other side."""
        return [own["client"]] if any(other in self._fleet.load_hosts or other == LOAD for other in others) else []

    def _serves_again(self, fault: PlannedFault, name: str) -> bool:
        deadline = time.monotonic() + _SERVES_LIMIT_S
        while time.monotonic() < deadline:
            if self._hosts.roles([name]).get(name):
                return True
            if self._ended.wait(_POLL_S):
                self._say(fault, f"the load ended before {name} served again")
                return False
        self._say(fault, f"{name} did not serve again within {_SERVES_LIMIT_S:g} s; the others are left as before")
        return False

    def _say(self, fault: PlannedFault, problem: str) -> None:
        text = f"fault {fault.number} ({fault.title}): {problem}"
        self._problems.append(text)
        self._show(f"  {text}")
