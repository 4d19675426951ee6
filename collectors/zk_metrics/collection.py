"""How the metrics are collected: at an interval by Locust, on demand of the page, or not at all."""

from dataclasses import dataclass
from typing import Any

from zk_locust.contract.parameters import BY_NAME, WEB


@dataclass(frozen=True, slots=True)
class Collection:
    """What `--zk-metrics-collect` says: `interval_s` above 0, or `on_demand`, or neither."""

    interval_s: float = 0.0
    on_demand: bool = False

    @classmethod
    def of(cls, options: Any) -> "Collection":
        """Read Locust's parsed options. Raises ValueError for a value that only the page's form lets through."""
        parameter = BY_NAME["zk-metrics-collect"]
        value = getattr(options, parameter.destination, parameter.default)
        if isinstance(value, str):  # the form hands on the text as it was typed
            value = parameter.convert(value) if value else parameter.default
        if value == WEB:
            return cls(on_demand=True)
        return cls(interval_s=float(value or 0.0) / 1000)
