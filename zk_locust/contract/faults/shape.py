"""By how much a fault of the network delays packets, or slows them down: the keys `latency`, `jitter` and `rate`."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from zk_locust.contract.durations import parse_duration_ms
from zk_locust.contract.faults import actions

KEYS: Final = ("latency", "jitter", "rate")
_OWNER: Final = {"latency": actions.DELAY, "jitter": actions.DELAY, "rate": actions.BANDWIDTH}
_RATE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(kbit|Mbit|Gbit|KiB|MiB)(?:/s)?")
_BITS: Final = {"kbit": 1e3, "Mbit": 1e6, "Gbit": 1e9, "KiB": 8 * 1024.0, "MiB": 8 * 1024.0**2}
_LATENCY_MS: Final = (1.0, 60_000.0)
_RATE_BITS: Final = (8_000.0, 10e9)


@dataclass(frozen=True, slots=True)
class Shape:
    """What is done to packets that pass: milliseconds, and bits a second; 0 where it is not done."""

    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    rate_bits: float = 0.0

    def of(self, do: str) -> dict[str, float]:
        """Return what of it belongs to an action."""
        if do == actions.DELAY:
            return {"latency_ms": self.latency_ms, "jitter_ms": self.jitter_ms}
        return {"rate_bits": self.rate_bits} if do == actions.BANDWIDTH else {}


NO_SHAPE: Final = Shape()


def read_shape(given: Mapping[str, Any], do: Sequence[str], say: Callable[[str], object]) -> Shape:
    """Return the shape of an entry with these actions; what is wrong goes to `say`."""
    for key in KEYS:
        if key in given and do and _OWNER[key] not in do:
            say(f"{key}: only {_OWNER[key]} has it; leave it out")
    latency_ms = jitter_ms = rate_bits = 0.0
    if actions.DELAY in do:
        latency_ms = _milliseconds("latency", given, say)
        jitter_ms = _milliseconds("jitter", given, say) if "jitter" in given else 0.0
        if latency_ms and not _LATENCY_MS[0] <= latency_ms <= _LATENCY_MS[1]:
            say(f"latency [{given['latency']}] must be from 1ms to 60s")
        if jitter_ms > latency_ms:
            say(f"jitter [{given['jitter']}] is more than the latency; write a smaller one")
    if actions.BANDWIDTH in do:
        rate_bits = _rate_bits(given, say)
    return Shape(latency_ms, jitter_ms, rate_bits)


def _milliseconds(key: str, given: Mapping[str, Any], say: Callable[[str], object]) -> float:
    if given.get(key) is None:
        say(f"{key} [not set]: how much later do packets come? Write e.g. {key}: 50ms")
        return 0.0
    try:
        return parse_duration_ms(given[key])
    except (ValueError, TypeError, AttributeError):
        say(f"{key} [{given[key]}] is not a duration; write e.g. 500us, 50ms or 1s")
        return 0.0


def _rate_bits(given: Mapping[str, Any], say: Callable[[str], object]) -> float:
    told = given.get("rate")
    found = _RATE.fullmatch(told.strip()) if isinstance(told, str) else None
    bits = float(found[1]) * _BITS[found[2]] if found else 0.0
    if not _RATE_BITS[0] <= bits <= _RATE_BITS[1]:
        say(f"rate [{'not set' if told is None else told}] must be from 8kbit/s to 10Gbit/s, e.g. 8Mbit/s or 512KiB/s")
        return 0.0
    return bits
