"""What differs between groups of runs, such as the arms of an experiment, found from the manifests of the runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reporting.read.experiment_folder import ExperimentFolder
from reporting.text import NOTHING

# What every run has of its own, or what only follows from when it was run.
_OF_THE_RUN: Final = (
    *("benchmark_label", "clock_", "boot_id", "memory_free", "disk_free", "uptime", "load_average"),
    "zookeeper_mode",
)
_PARTS: Final = ("scenario", "versions", "inventory", "hosts")


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting or version, and what the runs of each group had, in the groups' order; a dash where they had none."""

    name: str
    values: tuple[str, ...]


def build(experiment: ExperimentFolder) -> list[Difference]:
    """Return what differs between the arms."""
    return between([[run.manifest for run in experiment.of(arm) if run.manifest] for arm in experiment.arms])


def between(groups: Sequence[Sequence[Mapping[str, Any]]]) -> list[Difference]:
    """Return what is the same in all manifests of each group, and not the same in all groups.

    What changes from run to run of a group, such as the leader, is not of the group. What all hosts of a group have
    alike is said once. A group without manifests says nothing.
    """
    runs = [[dict(_flat(manifest)) for manifest in group] for group in groups]
    names = dict.fromkeys(name for group in runs for run in group for name in run)
    found = []
    for name in names:
        values = [{run.get(name, NOTHING) for run in group} for group in runs]
        if all(len(each) <= 1 for each in values) and len(set().union(*values)) > 1:
            found.append(Difference(name, tuple(next(iter(each), NOTHING) for each in values)))
    return _once(found)


def _flat(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for part in _PARTS:
        yield from _leaves(part, manifest.get(part))


def _leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not str(key).startswith(_OF_THE_RUN):
                yield from _leaves(f"{name}\0{key}", inner)
    elif value not in (None, "", [], ()):
        text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
        yield name, text if len(text) <= 120 else f"{text[:119]}…"


def _once(found: list[Difference]) -> list[Difference]:
    """Name a setting of hosts, or one that occurs in several parts of the manifest, only once."""
    hosts: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for each in found:
        host, name = _host_and_name(each.name.split("\0"))
        hosts.setdefault((name, each.values), []).append(host)
    return [
        Difference(name + (f" of {', '.join(sorted(set(by)))}" if all(by) and len(set(by)) <= 4 else ""), values)
        for (name, values), by in hosts.items()
    ]


def _host_and_name(words: list[str]) -> tuple[str, str]:
    """Return the host that a setting of the manifest is of, empty for none, and the setting's name."""
    part, *inner = words
    if part == "inventory":
        part, *inner = inner
    if part == "groups":
        return "", " ".join(["group", *inner])
    return (inner[0], " ".join(inner[1:])) if part == "hosts" else ("", " ".join(inner))
