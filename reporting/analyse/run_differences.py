"""What differs between runs, or between groups of runs, found from their manifests."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from reporting import text
from reporting.read.manifest import Manifest

# What each run has of its own, and what only follows from when it was run or where the checkout is. The scenario has
# the parameters that were in force.
_NOT_COMPARED: Final = (
    "benchmark_label",
    "benchmark_parameters",
    "clock_",
    "not_sampled",
    "description",
    "notes",
    "warnings",
    "planned_s",
)
_PATHS: Final = ("locustfile", "scenario_file")
# What followed from a run, not what was set for it: the member that became the leader.
_FOLLOWED: Final = ("zookeeper_mode",)
_MOST_HOSTS: Final = 4
_MOST_CHARACTERS: Final = 120

_RUN: Final = ""
"""Instead of a host, for a setting of the complete run."""

Setting = tuple[str, str]
"""A host, or `_RUN`, and the name of a setting."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting or version, and its value on each side, in their order; a dash where no run of the side has one."""

    name: str
    values: tuple[str, ...]


def between(sides: Sequence[Sequence[Manifest]], *, constant: bool = False) -> tuple[Difference, ...]:
    """Return the settings and versions that are not the same on all sides.

    A side is one run or several. Where its runs have several values, all are named; with `constant`, such a setting is
    left out, because it is not what makes the side: the sides are then arms of an experiment, or times. A setting of
    hosts is compared on hosts that all sides have, or without the names of hosts if it is the same on all hosts of each
    side. A side without runs says nothing.
    """
    of_sides = [[dict(_settings(run)) for run in side] for side in sides]
    left_out = {key for side in of_sides for key in _varying(side)} if constant else set()
    found = [_of_side(side, left_out) for side in of_sides]
    keys = dict.fromkeys(key for values in found for key in values)
    return tuple(each for key in keys for each in _differences(key[1], [values.get(key, {}) for values in found]))


def _varying(runs: Sequence[Mapping[Setting, str]]) -> set[Setting]:
    """Return the settings of which not all runs have the same, and those that followed from a run."""
    settings = {setting for run in runs for setting in run}
    return {
        setting
        for setting in settings
        if setting[1].startswith(_FOLLOWED) or len({run.get(setting) for run in runs}) > 1
    }


def _of_side(
    runs: Sequence[Mapping[Setting, str]], left_out: Container[Setting]
) -> dict[tuple[bool, str], dict[str, str]]:
    """Return for each setting, of the run or of hosts, its value by host; of several runs, all values."""
    side: dict[tuple[bool, str], dict[str, str]] = {}
    for host, name in dict.fromkeys(setting for run in runs for setting in run if setting not in left_out):
        values = dict.fromkeys(run.get((host, name), text.NOTHING) for run in runs)
        side.setdefault((host == _RUN, name), {})[host] = " or ".join(values)
    return side


def _settings(run: Manifest) -> Iterator[tuple[Setting, str]]:
    """Yield the host, the name and the value of each setting."""
    for part in (run.scenario, run.versions):
        for words, value in _leaves(part):
            yield (_RUN, " ".join(word for word in words if word != "parameters")), value
    for group, hosts in run.groups.items():
        yield (_RUN, f"group {group}"), _short(" ".join(hosts))
    for by_host in (run.host_variables, run.hosts):
        for host, known in by_host.items():
            for words, value in _leaves(known):
                yield (host, " ".join(words)), value


def _leaves(value: Mapping[str, Any], before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    for key, inner in value.items():
        if str(key).startswith(_NOT_COMPARED):
            continue
        if isinstance(inner, Mapping):
            yield from _leaves(inner, (*before, str(key)))
        elif inner not in (None, "", [], ()):
            shown = " ".join(map(str, inner)) if isinstance(inner, list) else str(inner)
            yield (*before, str(key)), _short(PurePath(shown).name if key in _PATHS else shown)


def _short(value: str) -> str:
    return value if len(value) <= _MOST_CHARACTERS else f"{value[: _MOST_CHARACTERS - 1]}…"


def _differences(name: str, sides: Sequence[Mapping[str, str]]) -> list[Difference]:
    """Return what differs in one setting, of which each side has its values by host."""
    alike = [next(iter(side.values()), text.NOTHING) for side in sides if len(set(side.values())) <= 1]
    if len(alike) == len(sides):
        return [Difference(name, tuple(alike))] if len(set(alike)) > 1 else []
    common = [host for host in max(sides, key=len) if all(host in side or not side for side in sides)]
    if not common:
        values = tuple(_short(" ".join(dict.fromkeys(side.values()))) or text.NOTHING for side in sides)
        return [Difference(name, values)] if len(set(values)) > 1 else []
    hosts: dict[tuple[str, ...], list[str]] = {}
    for host in common:
        hosts.setdefault(tuple(side.get(host, text.NOTHING) for side in sides), []).append(host)
    return [
        Difference(f"{name} of {text.some(sorted(found, key=text.natural), _MOST_HOSTS)}", values)
        for values, found in hosts.items()
        if len(set(values)) > 1
    ]
