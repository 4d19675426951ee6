"""How much a fault does, by the keys of its entry: those that an action has, what they must be, and their defaults."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from zk_locust.contract.durations import parse_duration_ms
from zk_locust.contract.faults import actions
from zk_locust.contract.faults.actions import ACTIONS

WRITES_PER_S: Final = "writes_per_s"
WRITE_KIB_PER_S: Final = "write_kib_per_s"
LEAVE_MIB: Final = "leave_mib"
MIB: Final = "mib"
PERCENT: Final = "percent"
SHARED_DISK: Final = "allow_shared_disk"
BY: Final = "by"
BY_MS: Final = "by_ms"
_MOST_STEP_MS: Final = 3_600_000
MOST_PERCENT_OF_MEMORY: Final = 95


@dataclass(frozen=True, slots=True)
class Amount:
    """A number between `least` and `most`; without a `default` it is not there unless it is given."""

    least: int
    most: int
    default: int | None = None


AMOUNTS: Final[dict[str, Amount]] = {
    WRITES_PER_S: Amount(1, 10**6, 10),
    WRITE_KIB_PER_S: Amount(4, 10 * 2**20),
    LEAVE_MIB: Amount(0, 2**20, 0),
    MIB: Amount(1, 16 * 2**20),
}
KEYS: Final = (*AMOUNTS, SHARED_DISK, BY)


def read_amounts(given: Mapping[str, Any], do: Sequence[str], say: Callable[[str], None]) -> dict[str, Any]:
    """Return what is given of these keys in an entry with the actions `do`; what is wrong goes to `say`."""
    found: dict[str, Any] = {}
    for key in KEYS:
        if key not in given:
            continue
        having = [action.name for action in ACTIONS.values() if {key, f"{key}_ms"} & {*action.amounts}]
        if do and not {*do} & {*having}:
            say(f"{key}: only {', '.join(having)} has it; leave it out")
        value = given[key]
        if key == BY:
            found[BY_MS] = _step_ms(value, say)
            continue
        if key == SHARED_DISK:
            if not isinstance(value, bool):
                say(f"{key} [{value}] must be true or false")
        elif isinstance(value, bool) or not isinstance(value, int) or not _within(value, AMOUNTS[key]):
            say(f"{key} [{value}] must be a whole number from {AMOUNTS[key].least} to {AMOUNTS[key].most}")
        found[key] = value
    if actions.CLOCK_STEP in do and BY not in given:
        say("by [not set]: how far is the clock stepped? Write e.g. by: 500ms, or by: -2s")
    if actions.MEMORY_PRESSURE in do:
        _check_memory(given, say)
        if PERCENT in given and MIB not in given:
            found[PERCENT] = given[PERCENT]
    return found


def _step_ms(value: Any, say: Callable[[str], None]) -> float:
    """Return a duration that may be negative, milliseconds."""
    text = str(value).strip()
    try:
        size_ms = parse_duration_ms(text.removeprefix("-"))
    except ValueError:
        say(f"by [{value}] is not a duration; write e.g. 500ms, or -2s")
        return 0.0
    if not 1 <= size_ms <= _MOST_STEP_MS:
        say(f"by [{value}] must be from 1ms to 1h, or back by as much: -1ms to -1h")
    return -size_ms if text.startswith("-") else size_ms


def _within(value: int, amount: Amount) -> bool:
    return amount.least <= value <= amount.most


def _check_memory(given: Mapping[str, Any], say: Callable[[str], None]) -> None:
    if (MIB in given) == (PERCENT in given):
        both = "there are both" if MIB in given else "there is neither"
        say(f"mib, percent: {both}; say how much memory is taken, mib: 512 or percent: 50 of the host's")
    elif isinstance(given.get(PERCENT), int | float) and given[PERCENT] > MOST_PERCENT_OF_MEMORY:
        say(f"percent [{given[PERCENT]}]: with more than {MOST_PERCENT_OF_MEMORY} a host has no room for itself")


def amounts_of(do: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the amounts of an action: what is given of its keys, else their defaults."""
    wanted = ACTIONS[do].amounts
    defaults = {key: AMOUNTS[key].default for key in wanted if key in AMOUNTS and AMOUNTS[key].default is not None}
    if WRITE_KIB_PER_S in given and WRITES_PER_S in defaults:  # one limit was asked for
        del defaults[WRITES_PER_S]
    return defaults | {key: given[key] for key in wanted if key in given}


def amounts_title(do: str, amounts: Mapping[str, Any]) -> str:
    """Return how much it is, in a few words that follow the name of the action; empty where there is nothing to say."""
    if do == actions.SLOW_DISK:
        limits = ((WRITES_PER_S, "writes/s"), (WRITE_KIB_PER_S, "KiB/s"))
        return f" {' and '.join(f'{amounts[key]} {unit}' for key, unit in limits if key in amounts)}"
    if do == actions.CLOCK_STEP:
        return f" {amounts[BY_MS] / 1000:+g} s"
    if do == actions.MEMORY_PRESSURE:
        return f" {amounts[MIB]} MiB" if MIB in amounts else f" {amounts[PERCENT]:g}%"
    return ""
