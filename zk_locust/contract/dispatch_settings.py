"""What a dispatcher is told beside its program: its pauses (`--zk-dispatch-config`, JSON), and a scenario's `dispatch`.

Load hosts read it too, so it needs the standard library only.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from zk_locust.contract.durations import parse_duration_ms
from zk_locust.contract.level_stages import whole_number
from zk_locust.contract.nearest_name import nearest

KEYS: Final = ("for", "allow_no_quorum")
"""The keys of `dispatch`."""
LEAST_FOR_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long a random dispatcher waits at the start and after each action, and how long a script may take."""

    sleep_ms: int = 5000
    sleep_after_disable_ms: int = 2000
    sleep_after_enable_ms: int = 5000
    script_limit_ms: int = 60_000


def parse_pauses(text: str) -> Pauses:
    """Return the pauses in a JSON object. Raises ValueError that names every mistake."""
    known = [each.name for each in fields(Pauses)]
    try:
        content = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise ValueError('it is no JSON object; write e.g. {"sleep_ms": 5000}')
    problems, found = [], {}
    for name, value in content.items():
        if name not in known:
            problems.append(f"{name}: there is no such key{nearest(name, known)}; known: {', '.join(known)}")
            continue
        try:
            found[name] = whole_number(value, 1)
        except ValueError as error:
            problems.append(f"{name} [{value}]: {str(error).removeprefix('this ')}")
    if problems:
        raise ValueError("; ".join(problems))
    return Pauses(**found)


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What a run does for a dispatcher: each member that it disables is started again after `for_s` at the latest.

    None is the rest of the measured stage. With `allow_no_quorum`, the ensemble may be left without a majority.
    """

    for_s: float | None = None
    allow_no_quorum: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return it as a manifest has it."""
        return asdict(self)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Dispatch":
        """Return what `as_dict` has told."""
        for_s = told.get("for_s")
        return cls(None if for_s is None else float(for_s), told.get("allow_no_quorum") is True)


def read_dispatch(content: object, run_time_s: float | None) -> tuple[Dispatch | None, list[str]]:
    """Return what `dispatch` says, None for `false`; and every problem, without the name of the setting."""
    if content is None or content is False:
        return None, []
    if content is True:
        return Dispatch(), []
    if not isinstance(content, Mapping):
        return None, [f"[{content}] must be true, false, or a dictionary; write e.g. {{for: 30s}}"]
    problems = [
        f"{key}: there is no such key{nearest(str(key), KEYS)}; it has: {', '.join(KEYS)}"
        for key in content
        if key not in KEYS
    ]
    for_s: float | None = None
    if "for" in content:
        given: Any = content["for"]
        try:
            for_s = parse_duration_ms(given) / 1000
        except (ValueError, TypeError, AttributeError):
            problems.append(f"for [{given}] is not a duration; write e.g. 30s or 5m")
        if for_s is not None and for_s < LEAST_FOR_S:
            problems.append(f"for [{given}] is too short; use at least {LEAST_FOR_S:g}s")
        if for_s is not None and run_time_s is not None and for_s > run_time_s:
            problems.append(
                f"for [{given}] is longer than the measured stage, which lasts {run_time_s:g} s; write a shorter time"
            )
    allowed = content.get("allow_no_quorum", False)
    if not isinstance(allowed, bool):
        problems.append(f"allow_no_quorum [{allowed}] must be true or false")
    return (None if problems else Dispatch(for_s, allowed is True)), problems
