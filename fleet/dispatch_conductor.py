"""Does what a run's dispatcher asks for while the load goes on: a member that it disables is stopped, as by `stop`.

As with planned faults, the member's host sets a deadline before it stops the member, keeps the note of it, and starts
the member by itself where nobody enables it before. Only members of the run's own ensemble are met, one at a time, and
a majority always stays unless the scenario allows otherwise.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from fleet.beside_load import BesideLoad
from fleet.dispatch_requests import Requests
from fleet.errors import FleetError
from fleet.fault_clock import FaultClock
from fleet.fault_conductor import Hosts, fault_id
from zk_locust.contract.connect_string import Address
from zk_locust.contract.dispatch_requests import DISABLE, Reply, Request
from zk_locust.contract.dispatch_settings import LEAST_FOR_S, Dispatch
from zk_locust.contract.faults.actions import DISPATCHER, STOP
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.member_answers import SERVING

MOST_FAULTS: Final = 1000
_MOST_PROBLEMS: Final = 100
_BEGINS_S: Final = 15.0
"""So long a request may wait until the controller has seen that the measured stage has begun."""
_SERVES_S: Final = 5.0
"""So long it waits until enough others serve: one that was enabled just now may be about to."""
_POLL_S: Final = 0.25
_AGAIN_S: Final = 1.0
_LOAD_ENDED: Final = "the load has ended"
_STAGE_ENDS: Final = "the measured stage ends"
_TOO_LATE: Final = (_LOAD_ENDED, _STAGE_ENDS)
"""Why any dispatcher is refused something at the end of a run: that is no fault that failed."""
_UNCLEAR: Final = 0.0
"""In place of the time of a stop that its host has not confirmed: it may be done, half done, or not."""


class DispatchHosts(Hosts, Protocol):
    """The hosts of the members, see `fleet.fault_hosts.FaultHosts`."""

    def heal_one(self, name: str, fault_id: str) -> dict[str, Any]:
        """Have one fault of a member healed."""

    def start(self, name: str) -> bool:
        """Have a member started if its process does not run; return whether that was so."""


class DispatchConductor(BesideLoad):
    """Follows the `requests` of a run's dispatcher. `members` has the members by the address of the connect string."""

    def __init__(
        self,
        run_id: str,
        dispatch: Dispatch,
        run_time_s: float,
        fleet: FaultFleet,
        members: Mapping[Address, str],
        clock: FaultClock,
        hosts: DispatchHosts,
        requests: Requests,
        show: Callable[[str], object],
        end_reading: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(clock, show)
        self._run_id = run_id
        self._dispatch = dispatch
        self._run_time_s = run_time_s
        self._fleet = fleet
        self._members = dict(members)
        self._hosts = hosts
        self._requests = requests
        self._end_reading = end_reading
        self._faults = 0
        self._stopped: dict[str, tuple[str, float]] = {}  # id, and when its host starts it at the latest, or _UNCLEAR
        self._start(self._follow)

    def end(self) -> list[str]:
        """The load has ended: start what is stopped, and do no more; return what was not done, and why."""
        self._finish(interrupt=self._end_reading)
        for name, (own_id, _) in [*self._stopped.items()]:
            try:
                self._hosts.heal_one(name, own_id)
            except Exception as error:  # of one member: the others are started
                self._say(f"{name} was not started after the load: {_why(error)}")
        self._hosts.end()
        return [*self._problems]

    def _follow(self) -> None:
        answers: list[Reply] = []
        is_silent = False
        are_connected = False
        while not self._ended.is_set() and not self._is_left_alone:
            try:
                if not are_connected:
                    self._hosts.roles()  # opens the connections
                    are_connected = True
                answers = [self._reply(request) for request in self._requests.next(answers)]
                is_silent = False
            except Exception as error:  # whatever it is, the next try may succeed
                if self._ended.is_set():
                    return
                if not is_silent:
                    self._say(f"its requests cannot be read or answered: {_why(error)}")
                is_silent = True
                self._ended.wait(_AGAIN_S)

    def _reply(self, request: Request) -> Reply:
        name = self._members.get(request.member, "")
        try:
            problem = self._do(request, name)
        except Exception as error:  # whatever it is, the load and the dispatcher go on
            problem = _why(error)
        too_late = problem in _TOO_LATE
        if problem and not too_late:
            self._say(f"{request.do} {name or request.member}: {problem}")
        return Reply(request.id, not problem, problem, too_late)

    def _do(self, request: Request, name: str) -> str:
        """Do what is asked for; return why it is refused, empty where it was done."""
        if not name:
            return "it is no member of this run's ensemble"
        if request.do != DISABLE:
            if name in self._stopped:
                self._hosts.heal_one(name, self._stopped[name][0])
                del self._stopped[name]
                self._show(f"  dispatcher: {name} is enabled")
            elif self._hosts.start(name):
                self._show(f"  dispatcher: {name}, which had ended by itself, is started")
            return ""
        if name in self._stopped and time.monotonic() < self._stopped[name][1]:
            return ""  # it is disabled already
        if refusal := self._why_not(name):
            return refusal
        return self._stop(name)

    def _why_not(self, name: str) -> str:
        has_begun = self._measured.wait(_BEGINS_S)
        if self._ended.is_set():
            return _LOAD_ENDED
        if not has_begun:
            return "the measured stage has not begun"
        if self._left_s < LEAST_FOR_S:
            return _STAGE_ENDS
        if self._faults >= MOST_FAULTS:
            return f"{MOST_FAULTS} members have been disabled in this run; no more are"
        if self._dispatch.allow_no_quorum or name not in self._fleet.voters:
            return ""
        others = [voter for voter in self._fleet.voters if voter != name]
        deadline = time.monotonic() + _SERVES_S
        while True:
            roles = self._hosts.roles(others)
            serving = [voter for voter in others if roles.get(voter) in SERVING]
            if len(serving) >= self._fleet.majority:
                return ""
            if self._ended.wait(_POLL_S):
                return _LOAD_ENDED
            if self._left_s < LEAST_FOR_S:
                return _STAGE_ENDS
            if time.monotonic() > deadline:
                return (
                    f"{len(serving)} of the others serve, and {self._fleet.majority} are a majority; wait until more"
                    " serve (poll_up), or write dispatch: {allow_no_quorum: true}"
                )

    def _stop(self, name: str) -> str:
        if name in self._stopped and self._stopped[name][1] == _UNCLEAR:
            self._hosts.heal_one(name, self._stopped[name][0])  # else it would be in the way of the next stop
        self._faults += 1
        own_id = fault_id(self._run_id, self._faults, name)
        left_s = self._left_s
        for_s = max(LEAST_FOR_S, left_s if self._dispatch.for_s is None else min(self._dispatch.for_s, left_s))
        self._stopped[name] = own_id, _UNCLEAR  # before: what is only half done is undone too
        deadline = time.monotonic() + for_s
        self._hosts.do(
            name,
            {
                "id": own_id,
                "run_id": self._run_id,
                "number": self._faults,
                "member": name,
                "do": STOP,
                "for_s": round(for_s, 3),
                "asked_by": DISPATCHER,
            },
        )
        self._stopped[name] = own_id, deadline
        self._show(f"  fault {self._faults}: the dispatcher disables {name}")
        return ""

    @property
    def _left_s(self) -> float:
        """How long the measured stage still lasts, seconds."""
        return self._clock.due(self._run_time_s) - time.monotonic()

    def _say(self, problem: str) -> None:
        if len(self._problems) > _MOST_PROBLEMS:
            return
        is_last = len(self._problems) == _MOST_PROBLEMS
        self._note(f"dispatcher: {'more was not done, which is not listed' if is_last else problem}")


def _why(error: Exception) -> str:
    """Return an error's message, which says the kind of error where that was not foreseen."""
    return str(error) if isinstance(error, FleetError) else f"{type(error).__name__}: {error}"
