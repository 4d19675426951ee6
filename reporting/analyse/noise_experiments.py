"""The noise of a fleet, which comparisons quote."""

import functools
import json
from typing import Any

from reporting.errors import InputError
from reporting.read import experiment_folder
from reporting.read.experiment_folder import ExperimentFolder
from zk_locust.contract.experiment import NOISE
from zk_locust.contract.run_files import MANIFEST


def newest_before(experiment: ExperimentFolder) -> ExperimentFolder | None:
    """Return the newest finished experiment of kind noise that was started before and has the same base, or None.

    The base is the inventory, the scenario, and the variables that all arms have in common.
    """
    wanted = _base(dict(experiment.content))
    found = []
    for file in experiment.path.parent.glob(f"*/{MANIFEST}"):
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            is_one = content["kind"] == NOISE and content["state"] == "finished" and _base(content) == wanted
            if is_one and str(content["started"]) < str(experiment.content["started"]):
                found.append((str(content["started"]), file.parent))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # `fab experiments` names what cannot be read
    try:
        return experiment_folder.load(max(found)[1]) if found else None
    except InputError:
        return None


def _base(content: dict[str, Any]) -> tuple[object, object, object]:
    variables = [arm.get("variables") for arm in content["arms"]]
    common = functools.reduce(_common, variables, variables[0])
    settings = content["settings"]
    return content.get("inventory"), settings.get("scenario") if isinstance(settings, dict) else None, common


def _common(first: object, second: object) -> object:
    """Return what both have in common; None where nothing is."""
    if isinstance(first, dict) and isinstance(second, dict):
        found = {name: _common(first[name], second[name]) for name in first.keys() & second.keys()}
        return {name: value for name, value in found.items() if value is not None} or None
    return first if first == second else None
