"""Asks the hosts of members to do faults, over connections that stay open."""

import json
import shlex
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Final

from fleet.endpoints import endpoint
from fleet.errors import FleetError, HostError
from fleet.hosts import Host
from fleet.inventory import HostVariables
from zk_locust.contract.faults.limits import STOP_TIMEOUT_S
from zk_locust.contract.member_answers import MODES
from zk_locust.contract.plain_text import plain_line

ROLE_LIMIT_S: Final = 5.0
DO_LIMIT_S: Final = 200.0
"""So long what a host does may take at least."""
_BESIDE_S: Final = 20.0
"""So long what a host does takes beside stopping and starting."""
_MOST_CHARACTERS: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """Where a member is: the program that does faults there, and how it is asked on its own host.

    `admin` is host and port of its AdminServer, `start_timeout_s` how long it may take to serve after a start,
    and `stop_timeout_s` until it has stopped. A load host has no port to be asked at.
    """

    launcher: str
    address: str = ""
    client_port: int = 0
    admin: str = ""
    start_timeout_s: float = 60.0
    stop_timeout_s: float = STOP_TIMEOUT_S

    @property
    def limit_s(self) -> float:
        """How long what is done there may take: an upgrade that fails stops and starts the member twice."""
        return max(DO_LIMIT_S, 2 * (self.start_timeout_s + self.stop_timeout_s) + _BESIDE_S)


class FaultHosts:
    """The hosts of the members. Each has a connection for questions and one for faults."""

    def __init__(self, places: Mapping[str, Place], variables: Mapping[str, HostVariables]) -> None:
        """Raises InputError where a host cannot be reached in the way that the inventory says."""
        self._places = dict(places)
        endpoints = {name: endpoint(variables[name]) for name in places}
        self._asked = {name: Host(found) for name, found in endpoints.items()}
        self._done = {name: Host(found) for name, found in endpoints.items()}
        self._locks = {name: threading.Lock() for name in places}
        # One question at a time for each. One that takes long is the answer to those that ask meanwhile, too.
        self._asking = {name: ThreadPoolExecutor(1) for name in places}
        self._open: dict[str, Future[str]] = {}
        self._open_lock = threading.Lock()

    def roles(self, names: Iterable[str] | None = None, limit_s: float = ROLE_LIMIT_S) -> dict[str, str]:
        """Return what each member says of itself, all asked at once; empty where it does not serve.

        A host that is away does not answer within `limit_s` either. Members that are named are asked from now on; of
        all members an answer may be of a question that was asked up to `ROLE_LIMIT_S` ago.
        """
        wanted = [name for name in (self._places if names is None else names) if self._places[name].client_port]
        asked = {name: self._ask(name, anew=names is not None) for name in wanted}
        answered, _ = wait(asked.values(), limit_s)
        return {name: answer.result() if answer in answered else "" for name, answer in asked.items()}

    def _ask(self, name: str, *, anew: bool) -> "Future[str]":
        with self._open_lock:
            found = self._open.get(name)
            if found is None or found.done() or anew:
                found = self._open[name] = self._asking[name].submit(self._role, name)
            return found

    def do(self, name: str, fault: Mapping[str, Any]) -> dict[str, Any]:
        """Have a fault done to a member; return its note. Raises HostError where it was not done.

        The seconds to its moment, `in_s`, count from this call, also where another fault of the host is waited for.
        """
        place = self._places[name]
        told = {
            **fault,
            "address": place.address,
            "client_port": place.client_port,
            "admin": place.admin,
            "serves_limit_s": place.start_timeout_s,
        }
        asked = time.monotonic()
        with self._locks[name]:
            if "in_s" in told:
                told["in_s"] -= time.monotonic() - asked
            script = f"printf %s {shlex.quote(json.dumps(told))} | {shlex.quote(place.launcher)} do"
            return self._told(self._done[name], script, place.limit_s)

    def heal_one(self, name: str, fault_id: str) -> dict[str, Any]:
        """Have one fault of a member healed; return its note, empty if it is not there. Raises HostError."""
        return self._call(name, "heal", fault_id)

    def heal(self, name: str) -> list[str]:
        """Have all faults of a member healed; return why some could not be. Raises HostError."""
        problems = self._call(name, "heal").get("problems")
        return [plain_line(str(problem)) for problem in problems] if isinstance(problems, list) else []

    def start(self, name: str) -> bool:
        """Have a member started if its process does not run; return whether that was so. Raises HostError."""
        return self._call(name, "start").get("started") is True

    def end(self) -> None:
        """End what is being asked."""
        for host in [*self._asked.values(), *self._done.values()]:
            host.end()

    def _call(self, name: str, *words: str) -> dict[str, Any]:
        place = self._places[name]
        with self._locks[name]:
            return self._told(self._done[name], shlex.join([place.launcher, *words]), place.limit_s)

    def _role(self, name: str) -> str:
        place = self._places[name]
        words = [place.launcher, "role", place.address, str(place.client_port)]
        try:
            role = self._told(self._asked[name], shlex.join(words), ROLE_LIMIT_S).get("role")
        except FleetError:
            return ""
        return role if isinstance(role, str) and role in MODES else ""

    @staticmethod
    def _told(host: Host, script: str, limit_s: float) -> dict[str, Any]:
        answer = host.run(script, limit_s=limit_s)
        told = read_told(answer.out)
        if answer.code or told is None:
            said = told.get("error") if told else None
            raise HostError(plain_line(str(said)) if said else answer.reason)
        return told


def read_told(text: str) -> dict[str, Any] | None:
    """Return the JSON object that a host printed in one line; None for anything else."""
    if len(text) > _MOST_CHARACTERS:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
