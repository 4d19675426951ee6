"""Reads one entry of a list of faults, with every mistake at once."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from zk_locust.contract.durations import parse_duration_ms
from zk_locust.contract.faults import actions, amounts
from zk_locust.contract.faults.actions import ACTIONS, ROLES
from zk_locust.contract.faults.ends import end_problem, rolling_least_s
from zk_locust.contract.faults.expansion import DEFAULT_FOR_S, Entry
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.faults.operations import change_problems, release_problems, target_problems
from zk_locust.contract.faults.shape import KEYS as KEYS_OF_SHAPE
from zk_locust.contract.faults.shape import read_shape
from zk_locust.contract.faults.sides import other_side_problem, turned
from zk_locust.contract.nearest_name import nearest

KEYS: Final = (
    *("at", "every", "until", "do", "target", "for", "from", "way", "percent", "seed"),
    *("allow_no_quorum", "to", "change"),
    *amounts.KEYS,
    *KEYS_OF_SHAPE,
)
MOST: Final = 1000
"""So many faults a run has at most."""
_LEAST_FOR_S: Final = 0.1


class EntryReader:
    """Reads the entry `given` of the setting `source`, which messages call `name`; what is wrong goes to `problems`.

    Its `number` counts the entries of all settings.
    """

    def __init__(
        self,
        number: int,
        name: str,
        source: str,
        given: object,
        fleet: FaultFleet | None,
        run_time_s: float | None,
        problems: list[str],
    ) -> None:
        self._number = number
        self._name = name
        self._source = source
        self._is_mapping = isinstance(given, Mapping)
        self._given: Mapping[str, Any] = given if isinstance(given, Mapping) else {"": given}
        self._fleet = fleet
        self._run_time_s = run_time_s
        self._problems = problems
        self._before = len(problems)

    def _say(self, text: str) -> None:
        self._problems.append(f"{self._name}: {text}")

    def entry(self) -> Entry | None:
        """Return the entry, None where something is wrong."""
        if not self._is_mapping:
            self._say(f"[{self._given['']}] is no dictionary; write e.g. {{at: 30s, do: kill, target: leader}}")
            return None
        for key in self._given:
            if key not in KEYS:
                self._say(f"{key}: a fault has no such key{nearest(str(key), KEYS)}; it has: {', '.join(KEYS)}")
        do = self._actions()
        for_s = self._length(do)
        found = Entry(
            number=self._number,
            name=self._name,
            source=self._source,
            at_s=self._times(),
            do=do,
            targets=self._targets(do),
            for_s=for_s,
            others=self._others(do),
            way=self._way(do),
            percent=self._percent(do),
            seed=self._whole("seed", 0),
            allow_no_quorum=self._given.get("allow_no_quorum", False) is True,
            amounts=amounts.read_amounts(self._given, do, self._say),
            shape=read_shape(self._given, do, self._say),
            to=str(self._given.get("to", "")),
            change=str(self._given.get("change", "")),
        )
        found = turned(found, self._fleet, self._say)
        for problem in (
            *release_problems(self._given, do),
            *change_problems(self._given, do),
            *target_problems(do, found.targets, self._fleet),
        ):
            self._say(problem)
        if not isinstance(self._given.get("allow_no_quorum", False), bool):
            self._say(f"allow_no_quorum [{self._given['allow_no_quorum']}] must be true or false")
        if self._fleet is not None and (problem := other_side_problem(found, self._fleet)):
            self._say(problem)
        if (
            self._run_time_s is not None
            and len(self._problems) == self._before
            and (problem := end_problem(found, self._given, self._run_time_s, self._fleet))
        ):
            self._say(problem)
        return found if len(self._problems) == self._before else None

    def _actions(self) -> tuple[str, ...]:
        given = self._given.get("do")
        names = _names(given)
        if not names:
            self._say(
                f"do [{'not set' if given is None else given}] must be an action, or a list of actions: "
                f"{', '.join(ACTIONS)}"
            )
        for name in names:
            if name not in ACTIONS:
                self._say(
                    f"do [{name}]: there is no such action{nearest(name, ACTIONS)}; there are: {', '.join(ACTIONS)}"
                )
        return tuple(name for name in names if name in ACTIONS)

    def _targets(self, do: Sequence[str]) -> tuple[str, ...]:
        rolling = [name for name in do if name in actions.ROLLING]
        if rolling and len(do) == 1:
            if "target" in self._given:
                self._say(f"target: {do[0]} is for all members; leave it out")
            return ()
        if rolling:
            self._say(f"do: {rolling[0]} is for all members, and stands alone; make it a fault of its own")
        of_network = bool(do) and all(ACTIONS[name].of_network for name in do)
        on_load = bool(do) and all(ACTIONS[name].on_load or ACTIONS[name].of_network for name in do)
        roles = (*ROLES, *((actions.LOAD,) if on_load else ()))
        return self._places("target", roles, of_network=of_network, required=True)

    def _others(self, do: Sequence[str]) -> tuple[str, ...]:
        if "from" not in self._given:
            return ()
        self._only_of_network("from", do)
        return self._places("from", (*ROLES, actions.LOAD), of_network=True)

    def _places(self, key: str, roles: Sequence[str], *, of_network: bool, required: bool = False) -> tuple[str, ...]:
        given = self._given.get(key)
        names = _names(given)
        if not names:
            if required or given is not None:
                self._say(
                    f"{key} [{'not set' if given is None else given}] must be one of {', '.join(roles)}, or a member's "
                    "name"
                )
            return ()
        fleet = self._fleet
        if fleet is None:
            return names
        load_hosts = fleet.load_hosts if of_network else fleet.loaded
        known = (*roles, *fleet.members, *(load_hosts if actions.LOAD in roles else ()))
        for name in names:
            if name not in known:
                self._say(
                    f"{key} [{name}]: there is no such role or member{nearest(name, known)}; there are: "
                    f"{', '.join(known)}"
                )
            elif name == actions.OBSERVER and not fleet.observers:
                self._say(
                    f"{key} [observer]: the ensemble has no observer; set zookeeper_peer_type, or name another role"
                )
            elif name == actions.MINORITY and len(fleet.voters) < 3:
                self._say(f"{key} [minority]: of {len(fleet.voters)} voters none may be missing; name another role")
            elif name == actions.FOLLOWER and len(fleet.voters) < 2:
                self._say(f"{key} [follower]: a single member has no follower; name another role")
        return names

    def _way(self, do: Sequence[str]) -> str:
        given = str(self._given.get("way", actions.BOTH))
        if "way" in self._given:
            self._only_of_network("way", do)
        if given not in actions.WAYS:
            self._say(f"way [{given}] must be one of {', '.join(actions.WAYS)}{nearest(given, actions.WAYS)}")
        return given

    def _only_of_network(self, key: str, do: Sequence[str]) -> None:
        if do and not any(ACTIONS[name].of_network for name in do):
            names = ", ".join(name for name, action in ACTIONS.items() if action.of_network)
            self._say(f"{key}: only {names} have two sides; leave it out")

    def _percent(self, do: Sequence[str]) -> float | None:
        if "percent" not in self._given:
            return None
        given = self._given["percent"]
        sharing = [name for name, action in ACTIONS.items() if action.percent is not None]
        sharing.append(actions.MEMORY_PRESSURE)
        if do and not set(sharing).intersection(do):
            self._say(f"percent: only {', '.join(sharing)} have it; leave it out")
        if isinstance(given, bool) or not isinstance(given, int | float) or not 1 <= given <= 100:
            self._say(f"percent [{given}] must be a number from 1 to 100")
            return None
        return float(given)

    def _length(self, do: Sequence[str]) -> float | None:
        if "for" not in self._given:
            return None
        lasting = [name for name in do if ACTIONS[name].lasts]
        if do and all(ACTIONS[name].lasts is False for name in do):
            self._say(f"for: {do[0]} takes as long as it takes; leave it out")
        found = self._seconds("for", _LEAST_FOR_S)
        if found < _LEAST_FOR_S and (lasting or found):
            self._say(f"for [{self._given['for']}] is too short; use at least 100ms")
        return found

    def _times(self) -> tuple[float, ...]:
        given = self._given
        if ("at" in given) == ("every" in given):
            both = "at and every: there are both" if "at" in given else "at [not set]: there is no time"
            self._say(f"{both}; write at: 30s, or every: 20s with until: 3m")
            return ()
        if "at" in given:
            if "until" in given:
                self._say("until: it belongs to every; leave it out")
            return (self._seconds("at", 0.0),)
        every = self._seconds("every", 1.0)
        until = self._run_time_s
        if "until" in given:
            until = self._seconds("until", 1.0)
        elif until is not None:  # the last one has ended before the run has
            until -= self._needed_s(every)
        if every < 1:
            self._say(f"every [{given['every']}] is too short; use at least 1s")
            return ()
        return tuple(every * place for place in range(1, min(MOST + 1, int((until or 0.0) / every)) + 1))

    def _needed_s(self, every_s: float) -> float:
        given = self._given
        if {*actions.ROLLING} & {*_names(given.get("do"))}:
            return rolling_least_s(self._fleet)
        try:
            return parse_duration_ms(given["for"]) / 1000 if "for" in given else min(DEFAULT_FOR_S, every_s / 2)
        except (ValueError, TypeError):
            return 0.0

    def _seconds(self, key: str, least: float) -> float:
        given: Any = self._given[key]
        try:
            return parse_duration_ms(given) / 1000
        except (ValueError, TypeError, AttributeError):
            self._say(f"{key} [{given}] is not a duration; write e.g. 500ms, 30s, 5m or 1h30m")
            return least

    def _whole(self, key: str, default: int) -> int:
        given: Any = self._given.get(key, default)
        if isinstance(given, bool) or not isinstance(given, int):
            self._say(f"{key} [{given}] must be a whole number")
            return default
        return given


def _names(given: object) -> tuple[str, ...]:
    """Return one name or a list of names; nothing for anything else."""
    if isinstance(given, str) and given:
        return (given,)
    if isinstance(given, list) and given and all(isinstance(name, str) and name for name in given):
        return tuple(dict.fromkeys(given))
    return ()
