"""The noise of a fleet, which comparisons quote."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reporting.errors import InputError
from reporting.read import experiment_folder
from reporting.read.experiment_folder import ExperimentFolder
from zk_locust.contract.experiment import NOISE
from zk_locust.contract.run_files import MANIFEST

SCENARIO: Final = "benchmark_scenario"
INVENTORY: Final = "inventory"
_NOT_KNOWN: Final = "not known"
_NOT_SET: Final = "not set"
# What does not shape a run: its name, where it is kept, and how Ansible reaches the hosts.
_NOT_COMPARED: Final = ("benchmark_label", "benchmark_results_dir", "ansible_")

Leaves = dict[str, str]
"""The variables of an arm's runs, also those inside of dictionaries, by name as in `benchmark_parameters.client`."""


@dataclass(frozen=True, slots=True)
class OtherSetting:
    """A setting that the noise was measured with otherwise: its value there and here, `not set` where it has none."""

    name: str
    noise: str
    here: str


@dataclass(frozen=True, slots=True)
class QuotedNoise:
    """An experiment of kind noise, and what it was measured with otherwise, the scenario first."""

    experiment: ExperimentFolder
    differs: tuple[OtherSetting, ...]


@dataclass(frozen=True, slots=True)
class _Base:
    """What an experiment's arms are run with: the inventories, and the variables of each arm."""

    inventories: tuple[tuple[str, ...], ...]
    arms: tuple[Leaves, ...]

    @classmethod
    def of(cls, content: Mapping[str, Any], beside: Mapping[str, Any]) -> "_Base":
        """Read an experiment's base. What it did not keep of an inventory, the experiment `beside` it may have."""
        sources = _sources(content)
        own = [(_source(str(arm["inventory"])),) if arm.get("inventory") else sources for arm in content["arms"]]
        loads = {_sources(each): each["inventory_load"] for each in (beside, content) if each.get("inventory_load")}
        given = content.get("given_values")
        if given is None:  # an older version kept the names only
            given = dict.fromkeys(content.get("given") or (), _NOT_KNOWN)
        arms = [
            dict(_leaves({**loads.get(inventory, {}), **given, **(arm.get("variables") or {})}))
            for arm, inventory in zip(content["arms"], own, strict=True)
        ]
        return cls(tuple(dict.fromkeys(own)), tuple(arms))

    def differences(self, noise: "_Base") -> Iterator[OtherSetting]:
        """Yield what noise was measured with otherwise. Where arms differ, each is this experiment."""
        if len(self.inventories) > 1:
            yield OtherSetting(INVENTORY, *(" or ".join(map(", ".join, each.inventories)) for each in (noise, self)))
        theirs = noise.arms[0]
        for name in sorted({*theirs, *(name for arm in self.arms for name in arm)}, key=lambda name: name != SCENARIO):
            ours = list(dict.fromkeys(arm.get(name, _NOT_SET) for arm in self.arms))
            value = theirs.get(name, _NOT_SET)
            varies = len(ours) > 1
            if value not in ours and not (varies and value == _NOT_SET):
                yield OtherSetting(name, value, " or ".join(ours))


def quoted_by(experiment: ExperimentFolder) -> QuotedNoise | None:
    """Return the noise that a comparison quotes, of finished experiments that were started before; None without any.

    It is the newest with the same inventory and the same base: the scenario, and the variables that all arms have in
    common, with those of `-e`. If there is none, it is the one of the same inventory whose base differs least.
    """
    found = []
    for folder, content in _finished(experiment):
        wanted, noise = _Base.of(experiment.content, content), _Base.of(content, experiment.content)
        if noise.inventories[0] in wanted.inventories:
            found.append((tuple(wanted.differences(noise)), str(content["started"]), folder))
    found.sort(key=lambda each: each[1], reverse=True)
    for differs, _, folder in sorted(found, key=lambda each: _distance(each[0])):
        try:
            return QuotedNoise(experiment_folder.load(folder), differs)
        except InputError:
            continue  # `fab experiments` names what cannot be read
    return None


def _finished(experiment: ExperimentFolder) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the finished experiments of kind noise that were started before."""
    for file in experiment.path.parent.glob(f"*/{MANIFEST}"):
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            is_one = content["kind"] == NOISE and content["state"] == "finished"
            if is_one and str(content["started"]) < str(experiment.content["started"]) and _Base.of(content, {}).arms:
                yield file.parent, content
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # likewise


def _distance(differs: Sequence[OtherSetting]) -> tuple[bool, int]:
    """How far a base is from another one: another scenario is another load."""
    return any(each.name == SCENARIO for each in differs), len(differs)


def _sources(content: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(map(_source, content.get("inventory") or ()))


def _source(inventory: str) -> str:
    """An inventory's path as all experiments write it; a list of hosts has commas."""
    return inventory if "," in inventory else str(Path(inventory).expanduser().absolute())


def _leaves(variables: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in variables.items():
        if not before and str(name).startswith(_NOT_COMPARED):
            continue
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{before}{name}.")
        elif value is not None:
            # `-e` and inventories write numbers and truth values differently.
            yield f"{before}{name}", str(value).lower() if isinstance(value, bool) else str(value)
