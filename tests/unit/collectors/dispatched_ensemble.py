"""Members that a dispatcher disables and enables, without processes."""

from collections.abc import Sequence

import pytest

from zk_dispatch import (
    AbstractController,
    AbstractDispatcher,
    EnsembleMember,
)
from zk_dispatch.dispatchers import Load
from zk_locust.contract.dispatch_settings import Pauses

NAMES = ("zk1:2181", "zk2:2181", "zk3:2181")


class Ended(BaseException):
    """Ends a dispatcher, which runs in a loop."""


class Ensemble(AbstractController):
    """Members that say their role at once. The first one that is up leads, where a majority is."""

    def __init__(self, names: Sequence[str] = NAMES, observers: Sequence[str] = ()) -> None:
        self.up = dict.fromkeys(names, True)
        self.observers = observers
        self.done: list[tuple[str, str]] = []
        self.least = len(names)
        self.refuses = False

    def state(self, name: str) -> str:
        voters = [each for each in self.up if each not in self.observers]
        serving = [each for each in voters if self.up[each]]
        if not self.up[name] or len(serving) <= len(voters) // 2:
            return "unknown"
        return "observer" if name in self.observers else "leader" if name == serving[0] else "follower"

    def disable(self, member: EnsembleMember) -> bool:
        return self._set("disable", member, False)

    def enable(self, member: EnsembleMember) -> bool:
        return self._set("enable", member, True)

    def _set(self, action: str, member: EnsembleMember, up: bool) -> bool:
        self.done.append((action, member.host_and_port))
        if self.refuses:
            self.problem = "it does not want to"
            return False
        self.up[member.host_and_port] = up
        self.least = min(self.least, sum(self.up[each] for each in self.up if each not in self.observers))
        return True

    def member(self, name: str) -> EnsembleMember:
        found = EnsembleMember(name)

        def ping() -> str:
            found.state = self.state(name)
            return found.state

        vars(found)["ping"] = ping
        return found


def ran(dispatcher: AbstractDispatcher, ensemble: Ensemble, pauses: int, quorum_size: int = 2) -> list[tuple[str, str]]:
    """Run a dispatcher until it has paused so often; return what it has told of members."""
    told: list[tuple[str, str]] = []
    load = Load(lambda: None, lambda event, subject, _: told.append((event, subject)), Pauses(), ensemble.member)
    dispatcher.join(load, ensemble)
    left = [pauses]

    def pause(_ms: float, cause: str | None = None) -> None:
        assert cause != ""
        left[0] -= 1
        if left[0] < 0:
            raise Ended

    vars(dispatcher)["sleep_ms"] = pause
    with pytest.raises(Ended):
        dispatcher.run([*ensemble.up], quorum_size)
    return told
