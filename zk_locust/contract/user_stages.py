"""How many users run at which time of the measured stage: `user_stages` of a scenario, `--user-stages`.

Users start and stop while a closed loop goes on. Load hosts read it too, so it needs the standard library only.
"""

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from zk_locust.contract.level_stages import MAX_LENGTH_S, Level, read_level_stages, whole_number

MAX_USERS: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class UserStage:
    """Users over the fleet, from the stage's beginning to its end; its length in seconds."""

    from_users: int
    to_users: int
    length_s: float

    def __str__(self) -> str:
        ramp = "" if self.to_users == self.from_users else f" to {self.to_users:,}"
        return f"{self.from_users:,}{ramp} users for {self.length_s:g} s"


def users_of(value: object) -> float:
    """Return a number of users. Raises ValueError, without the value."""
    return whole_number(value, 1, MAX_USERS)


_USERS: Final = Level("users", "users", "10", "100", users_of)


def read_user_stages(content: object, name: str = "user_stages") -> tuple[tuple[UserStage, ...], list[str]]:
    """Return the stages of a list, or none and every mistake in it."""
    problems: list[str] = []
    found = read_level_stages(name, content, _USERS, problems)
    if problems:
        return (), problems
    return tuple(UserStage(round(each.first), round(each.last), each.length_s) for each in found), []


def parse_user_stages(text: str) -> tuple[UserStage, ...]:
    """Return the stages of the text of `--user-stages`, JSON. Raises ValueError that lists every mistake."""
    try:
        content = json.loads(text)
    except ValueError:
        content = text
    stages, problems = read_user_stages(content, "stages")
    if problems:
        raise ValueError(", and ".join(problems))
    return stages


def most_users(stages: Iterable[UserStage]) -> int:
    """Return the greatest number of users."""
    return max(max(stage.from_users, stage.to_users) for stage in stages)


def least_users(stages: Iterable[UserStage]) -> int:
    """Return the least number of users."""
    return min(min(stage.from_users, stage.to_users) for stage in stages)


def length_s(stages: Iterable[UserStage]) -> float:
    """Return how long all stages take, seconds."""
    return sum(stage.length_s for stage in stages)


def too_slow(stages: Sequence[UserStage], spawn_rate: float) -> str:
    """Return which stage begins with a change of users that takes longer than the stage; empty where none does.

    Users start and stop at `spawn_rate` a second where a stage begins with another number than the one before ended
    with.
    """
    for number, (before, stage) in enumerate(itertools.pairwise(stages), 2):
        change = abs(stage.from_users - before.to_users)
        if change / spawn_rate > stage.length_s:
            return (
                f"stage {number} begins with a change of {change:,} users, which takes {change / spawn_rate:,.3g} s at "
                f"{spawn_rate:g} users a second, and lasts {stage.length_s:g} s"
            )
    return ""


def as_plan(stages: Iterable[UserStage]) -> list[dict[str, Any]]:
    """Return the stages as the manifest's plan has them."""
    return [
        {"from_users": stage.from_users, "to_users": stage.to_users, "planned_s": stage.length_s} for stage in stages
    ]


def of_plan(content: Iterable[Mapping[str, Any]]) -> tuple[UserStage, ...]:
    """Return the stages that a manifest's plan has. Raises KeyError, TypeError or ValueError for another shape."""
    stages = tuple(
        UserStage(int(each["from_users"]), int(each["to_users"]), float(each["planned_s"])) for each in content
    )
    if not all(0 < stage.length_s <= MAX_LENGTH_S for stage in stages):
        raise ValueError("a stage has no length")
    return stages


def course(stages: Sequence[UserStage], spawn_rate: float) -> list[tuple[float, float]]:
    """Return the planned users as points (seconds of the measured stage, users) of a line.

    Where a stage begins with another number than the one before ended with, users start or stop at `spawn_rate` a
    second, and a ramp takes the rest of the stage.
    """
    points: list[tuple[float, float]] = []
    at_s, users = 0.0, stages[0].from_users
    for stage in stages:
        changed_s = at_s + min(abs(stage.from_users - users) / spawn_rate, stage.length_s)
        ends_s = at_s + stage.length_s
        points += [(at_s, users), (changed_s, stage.from_users), (ends_s, stage.to_users)]
        at_s, users = ends_s, stage.to_users
    return points


def planned_users(points: Sequence[tuple[float, float]], start_s: float, end_s: float) -> tuple[float, float]:
    """Return the least and the greatest number of users that a course has from `start_s` to `end_s`."""
    found = [users for at_s, users in points if start_s <= at_s <= end_s]
    found += [_at(points, each) for each in (start_s, end_s)]
    return min(found), max(found)


def _at(points: Sequence[tuple[float, float]], at_s: float) -> float:
    before = points[0]
    for after in points:
        if at_s < after[0]:
            share = max(0.0, at_s - before[0]) / (after[0] - before[0]) if after[0] > before[0] else 1.0
            return before[1] + share * (after[1] - before[1])
        before = after
    return before[1]
