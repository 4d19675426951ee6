"""Control programs (`--control-program`): how many users run while a load goes on, as instructions.

A program is text with an instruction a line; `#` begins a comment line. It runs in a loop until the load ends.

| instruction | what it does |
|---|---|
| `poll_initial_hatch_complete MS` | wait until all users of the start are running |
| `sleep MS` | wait |
| `set_min_num_clients N`, `set_max_num_clients N` | bounds; by default the users of the start, and 4 times as many |
| `change_num_clients N [RATE]` | have N users; RATE start or stop a second, by default all within a second |
| `add_num_clients [N]` | have N users more |
| `multiply_num_clients [F]` | have F times as many users |

An argument such as `<>1.75` bounces: up (times 1.75, plus N) from the lower bound on, down (by 1/1.75, minus N) from
the upper bound on. Without an argument, `add_num_clients` and `multiply_num_clients` repeat their last bounce.

Load hosts read it too, so it needs the standard library only.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from zk_locust.contract.level_stages import whole_number
from zk_locust.contract.nearest_name import nearest

BOUNCE: Final = "<>"


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction. `value` is its first argument, None without one; `bounces` says that it had `<>`.

    `rate` is the second argument of `change_num_clients`, users a second.
    """

    name: str
    value: float | None = None
    bounces: bool = False
    rate: float | None = None


def parse_control_program(text: str) -> tuple[Instruction, ...]:
    """Return the instructions of a program. Raises ValueError that names the line and every mistake."""
    found: list[Instruction] = []
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if words and not words[0].startswith("#"):
            try:
                found.append(_instruction(words))
            except ValueError as error:
                problems.append(f"line {number} [{line.strip()}]: {error}")
    if not problems and not any(each.name == "sleep" and each.value for each in found):
        # It runs in a loop: without a pause it would occupy the process.
        problems.append("no instruction sleeps; add e.g. sleep 5000")
    if problems:
        raise ValueError("; ".join(problems))
    return tuple(found)


def _instruction(words: list[str]) -> Instruction:
    name, *arguments = words
    if name not in _ARGUMENTS:
        raise ValueError(f"there is no such instruction{nearest(name, _ARGUMENTS)}; known: {', '.join(_ARGUMENTS)}")
    least, converters = _ARGUMENTS[name]
    if not least <= len(arguments) <= len(converters):
        few = f"{least} to {len(converters)}" if least < len(converters) else f"{least}"
        raise ValueError(f"{name} has {few} arguments, not {len(arguments)}")
    bounces = name in _BOUNCING and bool(arguments) and arguments[0].startswith(BOUNCE)
    if bounces:
        arguments[0] = arguments[0].removeprefix(BOUNCE)
    values = [convert(argument) for convert, argument in zip(converters, arguments, strict=False)]
    return Instruction(name, values[0] if values else None, bounces, values[1] if len(values) > 1 else None)


def _whole(text: str) -> float:
    return whole_number(text, 0)


def _addend(text: str) -> float:
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    return sign * whole_number(digits, 0)


def _above_0(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ValueError(f"[{text}] is not a number above 0; write e.g. 1.5")
    return value


# How many arguments there are at the least, and what converts each.
_ARGUMENTS: Final[dict[str, tuple[int, tuple[Callable[[str], float], ...]]]] = {
    "poll_initial_hatch_complete": (1, (_whole,)),
    "sleep": (1, (_whole,)),
    "set_min_num_clients": (1, (_whole,)),
    "set_max_num_clients": (1, (_whole,)),
    "change_num_clients": (1, (_whole, _above_0)),
    "add_num_clients": (0, (_addend,)),
    "multiply_num_clients": (0, (_above_0,)),
}
_BOUNCING: Final = ("add_num_clients", "multiply_num_clients")
