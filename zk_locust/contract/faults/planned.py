"""One fault of the plan, which is made before the run: nothing in it depends on chance any more, but the roles."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from zk_locust.contract.faults.actions import ACTIONS, BOTH, ROLLING, Action
from zk_locust.contract.faults.amounts import amounts_title


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault: `number` from 1 in the order of time, `at_s` seconds after the measured stage begins.

    `targets` and `others` (the other side of a fault of the network) are roles or names. `seed` decides who is met
    where several could be. `amounts` says how much, see `amounts`. `latency_ms` and `jitter_ms` are those of a delay,
    `rate_bits` a second that of a limited bandwidth. `to` is the release of a rolling upgrade, `change` what
    `reconfigure` does. With `allow_no_quorum` it may leave the ensemble without a majority. `source` is the setting
    that has it, which messages need and the manifest does not have.
    """

    number: int
    at_s: float
    do: str
    targets: tuple[str, ...]
    for_s: float = 0.0
    others: tuple[str, ...] = ()
    way: str = BOTH
    percent: float = 100.0
    seed: int = 0
    amounts: Mapping[str, Any] = field(default_factory=dict)
    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    rate_bits: float = 0.0
    to: str = ""
    change: str = ""
    allow_no_quorum: bool = False
    source: str = field(default="", compare=False)

    @property
    def action(self) -> Action:
        """What it does."""
        return ACTIONS[self.do]

    @property
    def ends_s(self) -> float:
        """When it has ended, as planned."""
        return self.at_s + self.for_s

    @property
    def title(self) -> str:
        """What is done to whom, in a few words."""
        whom = "" if self.do in ROLLING else f" {' and '.join(self.targets)}"
        share = f" {self.percent:g}%" if self.action.percent is not None else amounts_title(self.do, self.amounts)
        release = f" to {self.to}" if self.to else f" ({self.change})" if self.change else ""
        side = f" from {' and '.join(self.others)}" if self.others else ""
        way = f", only {self.way}" if self.way != BOTH else ""
        length = f" for {self.for_s:g} s" if self.for_s else ""
        return f"{self.do}{release}{share}{whom}{side}{self._much}{way}{length}"

    @property
    def prefix(self) -> str:
        """What a line about it begins with: its setting."""
        return f"{self.source}: " if self.source else ""

    def beside(self, other: "PlannedFault") -> str:
        """Return its title for a line about another, with its setting where that is not the same."""
        return self.title if self.source == other.source else f"{self.title} ({self.source})"

    @property
    def _much(self) -> str:
        """By how much it delays or slows down."""
        if self.rate_bits:
            megabits = self.rate_bits >= 1e6
            return f" to {self.rate_bits / (1e6 if megabits else 1e3):g} {'M' if megabits else 'k'}bit/s"
        jitter = f" ± {self.jitter_ms:g}" if self.jitter_ms else ""
        return f" by {self.latency_ms:g}{jitter} ms" if self.latency_ms else ""

    @property
    def details(self) -> dict[str, Any]:
        """By how much packets are delayed, and at which rate they pass, as far as the action does that."""
        found = {"latency_ms": self.latency_ms, "jitter_ms": self.jitter_ms} if self.latency_ms else {}
        if self.rate_bits:
            found["rate_bits"] = self.rate_bits
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return it as the plan in a manifest has it."""
        return {
            "number": self.number,
            "at_s": self.at_s,
            "do": self.do,
            "targets": list(self.targets),
            "for_s": self.for_s,
            "from": list(self.others),
            "way": self.way,
            "percent": self.percent,
            "seed": self.seed,
            "amounts": dict(self.amounts),
            **self.details,
            **({"to": self.to} if self.to else {}),
            **({"change": self.change} if self.change else {}),
            **({"allow_no_quorum": True} if self.allow_no_quorum else {}),
        }

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "PlannedFault":
        """Return what `as_dict` has told. Raises KeyError, TypeError or ValueError for another shape."""
        found = cls(
            number=int(told["number"]),
            at_s=float(told["at_s"]),
            do=str(told["do"]),
            targets=tuple(map(str, told["targets"])),
            for_s=float(told["for_s"]),
            others=tuple(map(str, told["from"])),
            way=str(told["way"]),
            percent=float(told["percent"]),
            seed=int(told["seed"]),
            amounts=dict(told.get("amounts") or {}),
            latency_ms=float(told.get("latency_ms", 0)),
            jitter_ms=float(told.get("jitter_ms", 0)),
            rate_bits=float(told.get("rate_bits", 0)),
            to=str(told.get("to", "")),
            change=str(told.get("change", "")),
            allow_no_quorum=told.get("allow_no_quorum") is True,
        )
        if found.do not in ACTIONS:
            raise ValueError(f"there is no action {found.do}")
        return found


def left_out(do: str, met: Collection[str], members: Iterable[str]) -> list[str]:
    """Return those of all members that an action which goes through all of them was not done to; none of others."""
    return [name for name in members if name not in met] if do in ROLLING else []


def asked_title(do: str, members: Iterable[str]) -> str:
    """Return what a dispatcher has had done to whom, in a few words."""
    return f"{do} {' and '.join(members)} by the dispatcher"
