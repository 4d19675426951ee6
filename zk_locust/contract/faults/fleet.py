"""What the rules about faults have to know of a fleet: its members and load hosts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from zk_locust.contract.faults import actions

WAITS_S: Final = 10.0
"""What `waits_s` is by default, also of an external ensemble."""


@dataclass(frozen=True, slots=True)
class FaultFleet:
    """The members that a fault may meet, in the inventory's order, and the load hosts.

    `observers` are those of the members that do not vote. `shared` names the members that share their address with
    another. Where the ensemble is not `managed`, faults are done to it only where that is `allowed`. `powered` are the
    members whose inventory says how their hosts are switched off and on, `together` those that have no machine to
    themselves. `workers` are the load hosts that have workers: all, unless they are told. `waits_s` says after how
    many seconds a member gives up others that it does not hear (tickTime * syncLimit, the shortest).
    """

    members: tuple[str, ...]
    observers: frozenset[str] = frozenset()
    shared: tuple[str, ...] = ()
    load_hosts: tuple[str, ...] = ()
    managed: bool = True
    powered: frozenset[str] = frozenset()
    together: frozenset[str] = frozenset()
    workers: tuple[str, ...] = ()
    allowed: bool = False
    waits_s: float = WAITS_S

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "FaultFleet":
        """Return what `as_dict` has told."""
        return cls(
            tuple(told["members"]),
            frozenset(told["observers"]),
            tuple(told["shared"]),
            tuple(told["load_hosts"]),
            bool(told["managed"]),
            frozenset(told.get("powered") or ()),
            frozenset(told.get("together") or ()),
            tuple(told.get("workers") or ()),
            bool(told.get("allowed")),
            float(told.get("waits_s") or WAITS_S),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "members": list(self.members),
            "observers": sorted(self.observers),
            "shared": list(self.shared),
            "load_hosts": list(self.load_hosts),
            "managed": self.managed,
            "powered": sorted(self.powered),
            "together": sorted(self.together),
            "workers": list(self.workers),
            "allowed": self.allowed,
            "waits_s": self.waits_s,
        }

    @property
    def loaded(self) -> tuple[str, ...]:
        """The load hosts that a fault may meet."""
        return self.workers or self.load_hosts

    @property
    def voters(self) -> tuple[str, ...]:
        """The members that vote."""
        return tuple(name for name in self.members if name not in self.observers)

    @property
    def majority(self) -> int:
        """How many voters must reach each other, so that the ensemble serves."""
        return len(self.voters) // 2 + 1

    def most_voters(self, targets: Iterable[str]) -> int:
        """Return how many voters these targets are at most."""
        number = {
            actions.LEADER: 1,
            actions.FOLLOWER: 1,
            actions.OBSERVER: 0,
            actions.ANY: 1,
            actions.MINORITY: len(self.voters) - self.majority,
            actions.MAJORITY: self.majority,
            actions.ALL: len(self.voters),
        }
        named = {target for target in targets if target in self.voters}
        return min(len(self.voters), len(named) + sum(number.get(target, 0) for target in set(targets)))
