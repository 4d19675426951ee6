"""Programs of a dispatcher (`--zk-dispatch-program`): which members are disabled and enabled while a load goes on.

A program is text with an instruction a line; `#` begins a comment line. It runs in a loop until the load ends. Members
are named by their places in the connect string, from 0.

| instruction | what it does |
|---|---|
| `poll_initial_hatch_complete MS` | wait until all users of the start are running |
| `sleep MS` | wait |
| `disable N`, `enable N` | disable or enable the member N |
| `poll_up N MS` | wait until the member N serves, and look again every MS |
| `disable_leader`, `disable_follower` | disable the leader; a follower, if more than a majority of the members serve |
| `enable_all` | enable all members that do not serve |

Load hosts read it too, so it needs the standard library only.
"""

import heapq
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from zk_locust.contract.level_stages import whole_number
from zk_locust.contract.nearest_name import nearest

_MEMBER: Final = "N"
_TIME: Final = "MS"
_ARGUMENTS: Final[dict[str, tuple[str, ...]]] = {
    "poll_initial_hatch_complete": (_TIME,),
    "sleep": (_TIME,),
    "disable": (_MEMBER,),
    "enable": (_MEMBER,),
    "poll_up": (_MEMBER, _TIME),
    "disable_leader": (),
    "disable_follower": (),
    "enable_all": (),
}
_MOST_FOLLOWED: Final = 12
"""Of larger ensembles, the sets of members that may be down are too many to follow."""

Down = frozenset[int]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: `member` is a place in the connect string, `ms` a time; None without such an argument.

    `line` is where it stands in the program, from 1.
    """

    name: str
    member: int | None = None
    ms: int | None = None
    line: int = 0

    def __str__(self) -> str:
        return " ".join(str(each) for each in (self.name, self.member, self.ms) if each is not None)


def parse_dispatch_program(text: str) -> tuple[Instruction, ...]:
    """Return the instructions of a program. Raises ValueError that names the line and every mistake."""
    found: list[Instruction] = []
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if words and not words[0].startswith("#"):
            try:
                found.append(_instruction(words, number))
            except ValueError as error:
                problems.append(f"line {number} [{line.strip()}]: {error}")
    if not problems and not any(each.name == "sleep" and each.ms for each in found):
        # It runs in a loop: without a pause it would disable and enable members without end.
        problems.append("no instruction sleeps; add e.g. sleep 5000")
    if problems:
        raise ValueError("; ".join(problems))
    return tuple(found)


def _instruction(words: Sequence[str], line: int) -> Instruction:
    name, *given = words
    if name not in _ARGUMENTS:
        raise ValueError(f"there is no such instruction{nearest(name, _ARGUMENTS)}; known: {', '.join(_ARGUMENTS)}")
    kinds = _ARGUMENTS[name]
    if len(given) != len(kinds):
        raise ValueError(
            f"{name} has {len(kinds)} arguments, not {len(given)}; write {' '.join((name, *kinds))}"
            if kinds
            else f"{name} has no argument; write {name} alone"
        )
    values = {kind: whole_number(text, 0) for kind, text in zip(kinds, given, strict=True)}
    return Instruction(name, values.get(_MEMBER), values.get(_TIME), line)


def place_problems(program: Sequence[Instruction], members: int) -> Iterator[str]:
    """Yield a line for each member that the connect string does not have."""
    for each in program:
        if each.member is not None and each.member >= members:
            known = "only 0" if members == 1 else f"0 to {members - 1}"
            yield f"line {each.line} [{each}]: the connect string has {members} members; write {known}"


def quorum_problem(program: Sequence[Instruction], members: int, voters: Down, run_time_s: float = math.inf) -> str:
    """Return an instruction that may leave the voters without a majority within that time, in a sentence; or nothing.

    Who leads is not known, so `disable_leader` may meet any voter that is up. The sleeps tell the time.
    """
    if members > _MOST_FOLLOWED:
        return ""
    majority = len(voters) // 2 + 1
    seen: set[tuple[int, Down]] = set()
    number = itertools.count()  # of two with the same time, the one that was found first
    waiting: list[tuple[int, int, int, Down]] = [(0, next(number), 0, frozenset())]
    while waiting:
        ms, _, place, down = heapq.heappop(waiting)
        if (place, down) in seen or ms >= 1000 * run_time_s:
            continue
        seen.add((place, down))
        instruction = program[place]
        if instruction.name == "sleep":
            ms += instruction.ms or 0
        for then in _after(instruction, down, voters, majority):
            left = len(voters - then)
            if left < majority and then != down:
                return (
                    f"line {instruction.line} [{instruction}] may leave {left} of {len(voters)} voters, and {majority}"
                    " are a majority"
                )
            heapq.heappush(waiting, (ms, next(number), (place + 1) % len(program), then))
    return ""


def _after(instruction: Instruction, down: Down, voters: Down, majority: int) -> Iterator[Down]:
    """Yield which members may be down after an instruction."""
    up = voters - down
    match instruction.name:
        case "disable" if instruction.member is not None:
            yield down | {instruction.member}
        case "enable" if instruction.member is not None:
            yield down - {instruction.member}
        case "disable_leader" if up:
            yield from (down | {member} for member in up)
        case "disable_follower" if len(up) > majority:
            yield from (down | {member} for member in up)
        case "enable_all":
            yield frozenset()
        case _:
            yield down
