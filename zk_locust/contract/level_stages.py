"""Stages of a level over time, as people write them: constant, a ramp, or a staircase.

A level is a rate (`arrival`) or a number of users (`user_stages`). Load hosts read it too, so it needs the standard
library only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from zk_locust.contract.durations import parse_duration_ms
from zk_locust.contract.nearest_name import nearest

Converted = TypeVar("Converted")

MAX_WHOLE: Final = 2**31 - 1
MAX_STEPS: Final = 1000
MAX_LENGTH_S: Final = 366 * 86400.0
"""No stage is longer. The least rate has one operation in that time: due times have 146 years of nanoseconds."""


@dataclass(frozen=True, slots=True)
class Level:
    """What kind of level stages have: the setting that names it, in words too, and what converts a value of it.

    `convert` raises ValueError without the value. `low` and `high` are values for examples.
    """

    key: str
    words: str
    low: str
    high: str
    convert: Callable[[object], float]

    @property
    def constant(self) -> str:
        """An example of a constant stage."""
        return f"{{{self.key}: {self.low}, for: 30s}}"

    @property
    def ramp(self) -> str:
        """An example of a ramp."""
        return f"{{from: {self.low}, to: {self.high}, for: 60s}}"

    @property
    def example(self) -> str:
        """An example of a list of stages."""
        return f"[{self.constant}, {self.ramp}]"


@dataclass(frozen=True, slots=True)
class LevelStage:
    """A level at the beginning and at the end of a stage, and its length, seconds."""

    first: float
    last: float
    length_s: float


def whole_number(value: object, least: int, most: int = MAX_WHOLE) -> int:
    """Return a whole number. Raises ValueError, without the value."""
    text = str(value).strip()
    digits = text.isascii() and text.isdigit() and len(text) <= 10 and not isinstance(value, (bool, float))
    if digits and least <= int(text) <= most:
        return int(text)
    raise ValueError(f"this is not a whole number from {least} to {most}; write e.g. {max(least, 2)}")


def read_level_stages(name: str, content: object, level: Level, problems: list[str]) -> list[LevelStage]:
    """Return the stages in a list; a staircase is several. Every mistake becomes a problem that begins with `name`."""
    if not isinstance(content, list) or not content:
        problems.append(f"{name} [{content}]: this is not a list of stages; write e.g. {level.example}")
        return []
    return [
        stage for number, each in enumerate(content, 1) for stage in _stage(f"{name}[{number}]", each, level, problems)
    ]


def _stage(name: str, content: object, level: Level, problems: list[str]) -> list[LevelStage]:
    before = len(problems)
    if not isinstance(content, Mapping):
        problems.append(f"{name} [{content}]: this is not a stage; write e.g. {level.constant}")
        return []
    problems += unknown_settings(f"{name}.", content, (level.key, "from", "to", "steps", "for"))
    if level.key in content and not {"from", "to", "steps"} & set(content):
        first = last = converted_setting(f"{name}.{level.key}", content[level.key], level.convert, problems)
    elif level.key not in content and {"from", "to"} <= set(content):
        first, last = (
            converted_setting(f"{name}.{key}", content[key], level.convert, problems) for key in ("from", "to")
        )
    else:
        first = last = None
        problems.append(
            f"{name} [{content}]: a stage has {level.words}, or from and to; write {level.constant}, or {level.ramp}"
        )
    steps = None
    if "steps" in content:
        steps = converted_setting(
            f"{name}.steps", content["steps"], lambda value: whole_number(value, 2, MAX_STEPS), problems
        )
    length_s = _length_s(name, content, problems)
    if len(problems) > before or first is None or last is None or length_s is None:
        return []
    if steps is None:
        return [LevelStage(first, last, length_s)]
    levels = [first + (last - first) * step / (steps - 1) for step in range(steps)]
    return [LevelStage(each, each, length_s / steps) for each in levels]


def _length_s(name: str, content: Mapping[Any, Any], problems: list[str]) -> float | None:
    if content.get("for") is None:
        problems.append(f"{name} [{dict(content)}]: the stage has no length; add for: 30s")
        return None
    given = content["for"]
    try:
        length_s = parse_duration_ms(given if isinstance(given, (int, float)) else str(given), "s") / 1000
    except ValueError as error:
        problems.append(f"{name}.for [{given}]: this {str(error).partition('] ')[2]}")
        return None
    if not 0 < length_s <= MAX_LENGTH_S:
        what = "no time" if length_s <= 0 else f"more than {MAX_LENGTH_S / 86400:g} days"
        problems.append(f"{name}.for [{given}]: this is {what}; write e.g. 30s")
        return None
    return length_s


def converted_setting(
    name: str, value: object, convert: Callable[[object], Converted], problems: list[str]
) -> Converted | None:
    """Return the converted value, or None and a problem."""
    try:
        return convert(value)
    except ValueError as error:
        problems.append(f"{name} [{value}]: {error}")
        return None


def unknown_settings(prefix: str, content: Mapping[Any, Any], known: tuple[str, ...]) -> list[str]:
    """Return a line for each setting that is not known, with the nearest name."""
    return [
        f"{prefix}{key} [{value}]: there is no such setting{nearest(str(key), known)}; it has: {', '.join(known)}"
        for key, value in content.items()
        if key not in known
    ]
