"""The steps of `locust_sequence.py`: which operations each is made of, and which of them are to run.

A step is named for its mix and, where that matters, for the size of its values in bytes: `set_512`. Its requests are
counted as `<step>/<operation>`, so that each step has statistics of its own.
"""

from dataclasses import dataclass
from typing import Final

from zk_locust.load.locust_client import LocustClient
from zk_locust.load.mixes import WITH_VALUES, WITHOUT_VALUES, Mix, mix_of
from zk_locust.load.operations.values import KEYS
from zk_locust.load.sequence_length import STEP_NAMES, VALUE_SIZES, chosen_names


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `size` is the length of its values, bytes; None where it has none."""

    name: str
    mix: str
    size: int | None = None

    @property
    def connects(self) -> bool:
        """Whether the operations open sessions themselves."""
        return self.mix == "connect"

    @property
    def leaves_watches(self) -> bool:
        """Whether the session is of no use to the next step."""
        return self.mix == "exists_many"

    def operations(self, client: LocustClient) -> Mix:
        """Return (operation, weight) for each operation of one user."""
        # A key space for each size: a get must find values of its own step's size.
        keys = KEYS if self.size is None else f"/c{self.size}-"
        return mix_of(self.mix, client, self.size, {"label_prefix": f"{self.name}/"}, keys)


_STEPS: Final[dict[str, Step]] = {mix: Step(mix, mix) for mix in WITHOUT_VALUES} | {
    f"{mix}_{size}": Step(f"{mix}_{size}", mix, size) for mix in WITH_VALUES for size in VALUE_SIZES
}
STEPS: Final[tuple[Step, ...]] = tuple(_STEPS[name] for name in STEP_NAMES)


def chosen_steps(include: str | None) -> list[Step]:
    """Return the steps that `--bench-include` says. Raises ConfigurationError for a pattern that fits no step."""
    return [_STEPS[name] for name in chosen_names(include)]
