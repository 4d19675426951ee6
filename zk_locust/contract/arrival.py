"""How an open loop's operations arrive: rate, process and stages, as a scenario or the parameters give them.

Load hosts read it too, so it needs the standard library only.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from zk_locust.contract.durations import format_duration
from zk_locust.contract.level_stages import (
    MAX_LENGTH_S,
    Level,
    converted_setting,
    read_level_stages,
    unknown_settings,
    whole_number,
)
from zk_locust.contract.nearest_name import nearest

PROCESSES: Final = ("uniform", "poisson")
DEFAULT_SEED: Final = 1
DEFAULT_QUEUE: Final = 100_000
"""10 s, the default time limit of an operation, at 10,000/s, about the most that one worker sends. It takes 4 MB."""
MAX_RATE_PER_S: Final = 1e9  # due times are in nanoseconds
_MAX_DAYS: Final = f"{MAX_LENGTH_S / 86400:g} days"
MAX_RATE_PER_WORKER: Final = 1e6
"""A worker sends some 10,000 operations a second. At a hundred times that it could not even count them: 1 µs each."""
START_AHEAD_S: Final = 2.0
"""How long before its start a load's workers are told of it, seconds, when all users have been started."""
FASTEST_S: Final = 1e-3
"""Sessions that carry a rate only with operations shorter than this are too few: a request over a network takes it."""
CLOSED_LOOP: Final = "there is no arrival rate, so this is a closed loop, which does not use it"
"""What is wrong with a setting of an open loop where there is no rate and no stages."""
_OF_ARRIVAL: Final = ("rate", "stages", "process", "seed", "queue")


@dataclass(frozen=True, slots=True)
class ArrivalStage:
    """Operations a second over the fleet, from the stage's beginning to its end. Without a length it has no end."""

    from_per_s: float
    to_per_s: float
    length_s: float | None

    def __post_init__(self) -> None:
        """Raise ValueError for a rate at which nothing would ever come due."""
        if not (self.from_per_s > 0 and self.to_per_s > 0):
            raise ValueError(f"a rate is above 0: from {self.from_per_s:g}/s to {self.to_per_s:g}/s")

    def __str__(self) -> str:
        ramp = "" if self.to_per_s == self.from_per_s else f" to {self.to_per_s:,g}/s"
        return f"{self.from_per_s:,g}/s{ramp}" + ("" if self.length_s is None else f" for {self.length_s:g} s")


@dataclass(frozen=True, slots=True)
class Arrival:
    """What an open loop is to do in the measured stage. `queue` bounds the due operations that wait on one worker."""

    stages: tuple[ArrivalStage, ...]
    process: str = PROCESSES[0]
    seed: int = DEFAULT_SEED
    queue: int = DEFAULT_QUEUE

    @property
    def first_per_s(self) -> float:
        """The rate that the measured stage begins with: that of the warm-up too."""
        return self.stages[0].from_per_s

    @property
    def most_per_s(self) -> float:
        """The highest rate."""
        return max(max(stage.from_per_s, stage.to_per_s) for stage in self.stages)

    @property
    def length_s(self) -> float | None:
        """How long all stages take, seconds; None for one rate without an end."""
        lengths = [stage.length_s for stage in self.stages if stage.length_s is not None]
        return sum(lengths) if len(lengths) == len(self.stages) else None

    def as_plan(self) -> dict[str, Any]:
        """Return it as the manifest's plan has it."""
        stages = [
            {"from_per_s": stage.from_per_s, "to_per_s": stage.to_per_s, "planned_s": stage.length_s}
            for stage in self.stages
        ]
        rates = {rate for stage in self.stages for rate in (stage.from_per_s, stage.to_per_s)}
        return {
            "rate_per_s": rates.pop() if len(rates) == 1 else None,
            "process": self.process,
            "seed": self.seed,
            "queue": self.queue,
            "stages": stages,
        }


def rate_per_s(value: object) -> float:
    """Return a rate, operations a second. Raises ValueError, without the value, as all of these do."""
    try:
        rate = math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        rate = math.nan
    if not rate > 0 or math.isinf(rate):
        raise ValueError("this is not a number of operations a second above 0; write e.g. 1000")
    if rate < 1 / MAX_LENGTH_S:
        raise ValueError(f"this is less than one operation in {_MAX_DAYS}; write e.g. 0.001, or 1000")
    if rate > MAX_RATE_PER_S:
        raise ValueError(f"this is more than a clock of nanoseconds can pace; write {MAX_RATE_PER_S:,.0f} or less")
    return rate


_RATE: Final = Level("rate", "a rate", "1000", "5000", rate_per_s)


def read_arrival(content: object) -> tuple[Arrival | None, list[str]]:
    """Return what `arrival` of a scenario says, or None and every mistake in it: a rate, or a dictionary."""
    if not isinstance(content, Mapping):
        content = {"rate": content}
    problems = unknown_settings("arrival.", content, _OF_ARRIVAL)
    stages: list[ArrivalStage] = []
    if ("rate" in content) == ("stages" in content):
        both = "rate and stages are both given" if "rate" in content else "neither a rate nor stages are given"
        problems.append(f"arrival: {both}; write {{rate: 1000}}, or {{stages: {_RATE.example}}}")
    elif "rate" in content:
        if (rate := converted_setting("arrival.rate", content["rate"], rate_per_s, problems)) is not None:
            stages = [ArrivalStage(rate, rate, None)]
    else:
        stages = _stages("arrival.stages", content["stages"], problems)
    process = str(content.get("process", PROCESSES[0]))
    if process not in PROCESSES:
        problems.append(
            f"arrival.process [{process}]: there is no such process{nearest(process, PROCESSES)}; "
            f"known: {', '.join(PROCESSES)}"
        )
    seed = _whole("arrival.seed", content.get("seed", DEFAULT_SEED), 0, problems)
    queue = _whole("arrival.queue", content.get("queue", DEFAULT_QUEUE), 1, problems)
    if problems:
        return None, problems
    return Arrival(tuple(stages), process, seed, queue), []


def read_stages(text: str) -> list[ArrivalStage]:
    """Return the stages of the text of `--arrival-stages`, JSON. Raises ValueError that lists every mistake."""
    problems: list[str] = []
    try:
        content = json.loads(text)
    except ValueError:
        content = text
    stages = _stages("stages", content, problems)
    if problems:
        raise ValueError(", and ".join(problems))
    return stages


def parameters_of(content: object) -> dict[str, Any]:
    """Return the parameters that carry what `read_arrival` has found sound, by their flag names."""
    given = dict(content) if isinstance(content, Mapping) else {"rate": content}
    found: dict[str, Any] = {}
    if "rate" in given:
        found["arrival-rate"] = rate_per_s(given["rate"])
    else:
        found["arrival-stages"] = json.dumps(given["stages"], separators=(",", ":"))
    found |= {f"arrival-{name}": given[name] for name in ("process", "seed", "queue") if name in given}
    return found


def carries(users: int, rate: float, time_limit_s: float) -> str:
    """Return what the sessions can carry at that rate, by Little's law: sessions = rate times time of an operation."""
    return (
        f"{users:,} sessions carry {rate:,g}/s only while an operation takes at most {_time(users / rate)}. "
        f"Beyond that, due operations wait in a queue. With operations as long as their time limit, "
        f"{format_duration(time_limit_s)}, the sessions carry {users / time_limit_s:,.3g}/s"
    )


def _time(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:,.3g} {unit}"
    return f"{seconds * 1e6:,.3g} µs"


def _stages(name: str, content: object, problems: list[str]) -> list[ArrivalStage]:
    found = read_level_stages(name, content, _RATE, problems)
    return [ArrivalStage(stage.first, stage.last, stage.length_s) for stage in found]


def _whole(name: str, value: object, least: int, problems: list[str]) -> int:
    found = converted_setting(name, value, lambda given: whole_number(given, least), problems)
    return least if found is None else found
