"""Which steps the sequence has, by name, and how long those take that are to run. Needs no Locust."""

import fnmatch
from typing import Final

from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.nearest_name import nearest
from zk_locust.contract.parameters import parameter_of

VALUE_SIZES: Final = (8, 512, 8192)


def _sized(family: str) -> tuple[str, ...]:
    return tuple(f"{family}_{size}" for size in VALUE_SIZES)


STEP_NAMES: Final[tuple[str, ...]] = (
    "connect",
    *_sized("set"),
    *_sized("get"),
    *_sized("set_and_get"),
    *_sized("create_and_delete"),
    "exists",
    "exists_many",
    "get_children",
    "get_children2",
    *_sized("watch"),
)


def chosen_names(include: str | None) -> list[str]:
    """Return the names that, with or without their size, are one of the patterns; all without patterns.

    They keep the suite's order. Raises ConfigurationError for a pattern that fits no step.
    """
    patterns = [word.strip() for word in (include or "").split(",") if word.strip()]
    if not patterns:
        return list(STEP_NAMES)
    for pattern in patterns:
        if not any(_fits(name, pattern) for name in STEP_NAMES):
            raise ConfigurationError(
                "--bench-include", pattern, f"it fits no step{nearest(pattern, STEP_NAMES)}",
                f"give names or patterns of: {', '.join(STEP_NAMES)}",
            )  # fmt: skip
    return [name for name in STEP_NAMES if any(_fits(name, pattern) for pattern in patterns)]


def sequence_length_s(include: object = None, repetitions: object = None, step_s: object = None) -> float:
    """Return the length of all steps together, seconds; what is None has its parameter's default.

    Raises ConfigurationError for a pattern that fits no step.
    """
    names = chosen_names(None if include is None else str(include))
    return len(names) * repetitions_of(repetitions) * step_length_s(step_s)


def repetitions_of(given: object) -> int:
    """Return how often all steps run: as given, or by default."""
    return int(str(given or parameter_of("bench-repetitions").default))


def step_length_s(given: object) -> float:
    """Return the length of a step, seconds: as given, or by default."""
    return float(str(given or parameter_of("bench-step-duration").default))


def _fits(name: str, pattern: str) -> bool:
    family, _, size = name.rpartition("_")
    return any(fnmatch.fnmatchcase(word, pattern) for word in ((name, family) if size.isdigit() else (name,)))
