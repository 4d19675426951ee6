"""How long a warm-up lasts: a fixed time, or until the load is stationary (`auto`), with a limit.

It needs the standard library only.
"""

from dataclasses import dataclass
from typing import Final

from zk_locust.contract.durations import parse_duration_ms

AUTO: Final = "auto"
AUTO_LIMIT_S: Final = 60.0
"""When `auto` ends a warm-up at the latest, seconds, if no other limit is given."""
LEAST_S: Final = 12.0
"""An automatic warm-up lasts at least as long, seconds: what the rule needs to see."""
LONGEST_S: Final = 1e10
"""The longest warm-up, seconds: due times are integers of 64 bits, in nanoseconds."""
_ADVICE: Final = "write e.g. 500ms, 30s, 5m or 1h30m, auto, or auto:120s for another limit than 60s"


@dataclass(frozen=True, slots=True)
class WarmUp:
    """A warm-up: `limit_s` is how long it lasts, seconds; the longest that it may last where it is automatic."""

    limit_s: float = 0.0
    automatic: bool = False

    def __str__(self) -> str:
        """Return it as `parse_warm_up` takes it."""
        return f"{AUTO}:{self.limit_s:.10g}s" if self.automatic else f"{self.limit_s:.10g}s"

    @property
    def planned_s(self) -> float | None:
        """Its length, seconds; None where the load decides."""
        return None if self.automatic else self.limit_s


def parse_warm_up(value: str | float) -> WarmUp:
    """Return what a text, or a number of seconds, says. Raises ValueError with a remedy."""
    head, colon, rest = value.partition(":") if isinstance(value, str) else ("", "", "")
    automatic = head.strip() == AUTO
    try:
        if automatic and not colon:
            return WarmUp(AUTO_LIMIT_S, automatic=True)
        limit_s = parse_duration_ms(rest if automatic else value, "s") / 1000
    except ValueError:
        raise ValueError(f"[{value}] is not a duration; {_ADVICE}") from None
    if automatic and limit_s <= LEAST_S:
        raise ValueError(
            f"[{value}] leaves no time to see whether the load is stationary; write a limit of more than "
            f"{LEAST_S:g}s, e.g. auto:60s, or a fixed time, e.g. 10s"
        )
    if limit_s > LONGEST_S:
        raise ValueError(f"[{value}] is longer than {LONGEST_S:.0e} s; write a shorter one, e.g. 30s, 5m or auto")
    return WarmUp(limit_s, automatic=automatic)
