"""The noise of a fleet, which comparisons quote."""

import json

from reporting.errors import InputError
from reporting.read import experiment_folder
from reporting.read.experiment_folder import ExperimentFolder
from zk_locust.contract.experiment import NOISE
from zk_locust.contract.run_files import MANIFEST


def newest_before(experiment: ExperimentFolder) -> ExperimentFolder | None:
    """Return the newest finished experiment of kind noise with the same inventory and scenario, None without one."""
    wanted = _fleet(dict(experiment.content))
    found = []
    for file in experiment.path.parent.glob(f"*/{MANIFEST}"):
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            is_one = content["kind"] == NOISE and content["state"] == "finished" and _fleet(content) == wanted
            if is_one and file.parent != experiment.path:
                found.append((str(content["started"]), file.parent))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # `fab experiments` names what cannot be read
    try:
        return experiment_folder.load(max(found)[1]) if found else None
    except InputError:
        return None


def _fleet(content: dict[str, object]) -> tuple[object, object]:
    settings = content["settings"]
    return content.get("inventory"), settings.get("scenario") if isinstance(settings, dict) else None
