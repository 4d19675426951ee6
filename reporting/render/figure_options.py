"""How charts are to look: `--option CHART.NAME VALUE`, by the names of charts of 2019, or of today's.

The chart may be a pattern: `*`, `latency-*`. An exact name goes before a pattern, and a longer pattern before a shorter
one. Options change the specification of a chart, not how it is computed.
"""

import fnmatch
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from reporting.errors import InputError
from reporting.render import drawing
from zk_locust.contract.nearest_name import nearest
from zk_locust.contract.truth import is_true

PIXELS_PER_INCH: Final = 96  # as in CSS
MIN_INCHES: Final = 1.0
MAX_INCHES: Final = 50.0
WIDTH: Final = "width"
NAMES: Final = (WIDTH, "height", "bottom", "top", "shade")
_LENGTHS: Final = (WIDTH, "height")
_PER_WORKER: Final = "per_worker"
CHARTS_OF_2019: Final[dict[str, tuple[str, ...]]] = {
    "latencies": ("latency", "latency-*"),
    "client_count": ("users",),
    "request_frequency": ("rate",),
    "errors": ("failures",),
    "outstanding_requests": ("member-outstanding-requests",),
    "clients": ("member-connections",),
    "nodes": ("member-znodes",),
    "watch_count": ("member-watches",),
}
"""The charts of today that show what a chart of 2019 did."""


@dataclass(frozen=True, slots=True)
class Look:
    """How one chart is to look; None leaves it as it is.

    Width and height are inches of the plot, `bottom` and `top` the ends of its vertical axis, in the axis' unit.
    `shade` is whether it has bands from the least to the greatest.
    """

    width: float | None = None
    height: float | None = None
    bottom: float | None = None
    top: float | None = None
    shade: bool | None = None


AS_IT_IS: Final = Look()


@dataclass(frozen=True, slots=True)
class FigureOption:
    """One option: the chart or pattern that it is for, what it sets, and the value."""

    chart: str
    name: str
    value: float | bool

    @property
    def key(self) -> str:
        """As it was given."""
        return f"{self.chart}.{self.name}"

    def fits(self, slug: str) -> bool:
        """Whether it is for the chart of this name."""
        return any(fnmatch.fnmatchcase(slug, pattern) for pattern in (self.chart, *CHARTS_OF_2019.get(self.chart, ())))

    @property
    def closeness(self) -> tuple[bool, int]:
        """Greater than that of an option that is less closely about a chart."""
        return not _is_pattern(self.chart), len(self.chart.replace("*", ""))


@dataclass(frozen=True, slots=True)
class FigureOptions:
    """All options of a report."""

    given: tuple[FigureOption, ...] = ()

    def of(self, slug: str) -> Look:
        """How the chart of this name is to look. Of two options that are as close, the later one counts."""
        fitting = sorted((each for each in self.given if each.fits(slug)), key=lambda each: each.closeness)
        found: dict[str, Any] = {each.name: each.value for each in fitting}
        return replace(AS_IT_IS, **found)

    def check(self, slugs: Sequence[str], *, in_files: bool) -> None:
        """Raise InputError for an option that would change nothing.

        `in_files` says whether the charts become files too: only there they have a width.
        """
        for option in self.given:
            if option.name == WIDTH and not in_files:
                raise InputError(
                    f"--option {option.key}: charts of the page are as wide as their place; add --figures, or "
                    "leave it out"
                )
            if option.chart not in CHARTS_OF_2019 and not any(map(option.fits, slugs)):
                known = (*CHARTS_OF_2019, *slugs)
                raise InputError(
                    f"--option {option.key}: this report has no such chart{nearest(option.chart, known)}; "
                    f"it has: {', '.join(slugs)}"
                )


def parse_options(given: Iterable[Sequence[str] | str]) -> FigureOptions:
    """Return the options of pairs of key and value, or of texts with both. Raises InputError for one without use."""
    return FigureOptions(tuple(_parsed(*(_pair(each) if isinstance(each, str) else each)) for each in given))


def _pair(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign:
        key, _, value = text.strip().partition(" ")
    return key.strip(), value.strip()


def _parsed(key: str, value: str) -> FigureOption:
    chart, dot, name = key.rpartition(".")
    if not dot or not chart:
        raise InputError(f"--option [{key}]: this is not CHART.NAME; write e.g. latencies.height 10, or '*.height' 10")
    if name == _PER_WORKER:
        raise InputError(f"--option {key}: workers have charts of their own (worker-cpu, …); leave it out")
    if name not in NAMES:
        raise InputError(f"--option {key}: there is no option {name}{nearest(name, NAMES)}; known: {', '.join(NAMES)}")
    if name == "shade":
        try:
            return FigureOption(chart, name, is_true(value))
        except ValueError as error:
            raise InputError(f"--option {key} [{value}]: this {error}") from None
    number = _number(value)
    if name in _LENGTHS and (number is None or not MIN_INCHES <= number <= MAX_INCHES):
        raise InputError(
            f"--option {key} [{value}]: this is not a number of inches from {MIN_INCHES:g} to {MAX_INCHES:g}; "
            "write e.g. 10"
        )
    if number is None:
        raise InputError(f"--option {key} [{value}]: this is not a number; write e.g. 10")
    return FigureOption(chart, name, number)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _is_pattern(chart: str) -> bool:
    return any(character in chart for character in "*?[")


def adjusted(spec: dict[str, Any], look: Look, slug: str, *, in_file: bool) -> dict[str, Any]:
    """Return a chart's Vega-Lite specification with the look. Raises InputError for limits that leave nothing."""
    if look == AS_IT_IS:
        return spec
    found = dict(spec)
    grows = 0
    if look.width is not None and in_file:
        found["width"] = round(look.width * PIXELS_PER_INCH)
    if look.height is not None:
        found["height"] = round(look.height * PIXELS_PER_INCH)
        grows = found["height"] - spec["height"]
    layers = [_layer(layer, look, slug, grows) for layer in spec["layer"]]
    found["layer"] = [layer for layer in layers if look.shade is not False or _mark(layer)["type"] != "area"]
    return found


def _layer(layer: dict[str, Any], look: Look, slug: str, grows: int) -> dict[str, Any]:
    y = layer.get("encoding", {}).get("y")
    if not y:
        return layer
    if y.get("value", 0) > 0:  # pixels from the plot's top: what is at its bottom stays there, what is above too
        y = y | {"value": y["value"] + grows}
        return layer | {"encoding": layer["encoding"] | {"y": y}}
    if (look.bottom is None and look.top is None) or "domain" not in y.get("scale", {}):
        return layer
    scale = y["scale"]
    low, high = scale["domain"]
    log = scale.get("type") == "log"
    bottom = low if look.bottom is None or (log and look.bottom <= 0) else look.bottom  # a log axis has no 0
    top = high if look.top is None else look.top
    if bottom >= top:
        raise InputError(
            f"--option: the axis of {slug} would reach from bottom [{bottom:.4g}] to top [{top:.4g}]; "
            f"it reaches from {low:.4g} to {high:.4g} by itself, so choose limits around that"
        )
    axis = dict(y.get("axis") or {})
    axis.pop("values", None)
    axis.pop("tickCount", None)
    if log:
        ticks = drawing.log_ticks(bottom, top)
        axis |= {"values": ticks, "tickCount": len(ticks)}
    y = y | {"scale": scale | {"domain": [bottom, top], "nice": False}, "axis": axis}
    return layer | {"mark": _mark(layer) | {"clip": True}, "encoding": layer["encoding"] | {"y": y}}


def _mark(layer: dict[str, Any]) -> dict[str, Any]:
    mark = layer["mark"]
    return {"type": mark} if isinstance(mark, str) else mark
