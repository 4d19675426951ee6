"""What an experiment's file can say: kinds, settings, and their defaults."""

from dataclasses import dataclass, field
from typing import Any, Final

from zk_locust.contract.experiment import (
    CAPACITY,
    COMPARE,
    MATRIX,
    NOISE,
    RECOVERY,
    RECOVERY_DEFAULT,
    REPEATED,
)

KINDS: Final[dict[str, str]] = {
    COMPARE: "pairs of runs of two or more arms",
    NOISE: "pairs of runs of one arm against itself",
    MATRIX: "runs over a grid of settings",
    CAPACITY: "a search for the highest rate that meets objectives",
    RECOVERY: "repeats of the same faults, of one or more arms",
}
INVENTORY: Final = "inventory"
"""The name in an arm or a grid that is not a variable: another inventory for its runs."""
LEAST_PAIRS: Final = 5
LEAST_REPEATS: Final = {MATRIX: 2, RECOVERY: 5}
MOST_RUNS: Final = 1000
FRESH: Final = "fresh"
KEPT: Final = "kept"

DEFAULT_RATES: Final = (100.0, 1000.0, 100_000.0)
OF_ALL_KINDS: Final = ("kind", "description", "scenario", "variables", "seed", "void_repeats", "budget", "data")
OF_KIND: Final[dict[str, tuple[str, ...]]] = {
    COMPARE: ("arms", "pairs", "figures", "equivalence"),
    NOISE: ("pairs", "figures", "equivalence"),
    MATRIX: ("grid", "repeats", "figures"),
    CAPACITY: ("arms", "objectives", "rates"),
    RECOVERY: ("arms", "repeats", "figures", "equivalence"),
}
DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    RECOVERY: {"repeats": 5, "figures": RECOVERY_DEFAULT, "equivalence": 0.2},
}
"""What a kind has in place of the defaults below. Times of recovery are known to within 50 ms."""
MAY_CHANGE: Final = ("description", "pairs", "void_repeats", "budget_s")
"""The fields below that decide no run: a resumed experiment may have others."""
KEYS: Final = (*OF_ALL_KINDS, *dict.fromkeys(key for keys in OF_KIND.values() for key in keys))


@dataclass(frozen=True, slots=True)
class Specification:
    """An experiment as its file says it.

    `arms` has the overlay of each arm: variables of an inventory, and perhaps `inventory`. `grid` has the values of
    each axis of a matrix. `equivalence` is a share (0.05 for 5 %), `budget_s` the most that all runs may take, seconds,
    0 for no limit. `rates` are the lowest, first and highest rate of a search, operations a second.
    """

    name: str
    kind: str
    description: str = ""
    scenario: str = ""
    variables: dict[str, Any] = field(default_factory=dict)
    arms: dict[str, dict[str, Any]] = field(default_factory=dict)
    grid: dict[str, list[Any]] = field(default_factory=dict)
    pairs: int = LEAST_PAIRS
    repeats: int = 3
    figures: tuple[str, ...] = ("rate", "p50", "p99", "p99.9")
    equivalence: float = 0.05
    objectives: tuple[str, ...] = ()
    rates: tuple[float, float, float] = DEFAULT_RATES
    seed: int = 1
    void_repeats: int = 3
    budget_s: float = 0.0
    data: str = FRESH

    @property
    def blocks(self) -> int:
        """How often each arm runs; a search has no such number."""
        return self.repeats if self.kind in REPEATED else self.pairs
