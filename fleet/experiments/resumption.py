"""What a resumed experiment must have in common with its first part, by its manifest. Each refusal is an InputError."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import reporting
from fleet.errors import InputError
from fleet.experiments.fingerprints import differing
from fleet.experiments.manifest import resume_words
from zk_locust.contract.run_files import SCHEMA_VERSION

_SHOWN: Final = 6
"""How many settings a message names."""


def refuse_other_inventory(content: Mapping[str, Any], sources: Sequence[str]) -> None:
    """Refuse inventories that are not those of the first part: their hosts may be others."""
    before = content.get("inventory") or []
    if before and before != list(sources):
        raise InputError(
            f"experiment_resume [{content['experiment_id']}]: the experiment began with the inventory "
            f"{', '.join(before)}, and {', '.join(sources) or 'none'} may have other hosts; continue it with "
            f"{resume_words(content)}"
        )


def refuse_other_settings(content: Mapping[str, Any], digest: str, decided_by: Mapping[str, str], file: Path) -> None:
    """Refuse settings whose digest or fingerprints are not those of the first part. `file` is the experiment's."""
    subject = f"experiment_resume [{content['experiment_id']}]"
    before = content.get("decided_by")
    if not isinstance(before, dict):
        raise InputError(
            f"{subject}: an earlier version of zk-locust began this experiment, and did not note "
            "what decides its runs (the scenario, the hosts' variables), so that the runs might not be "
            "comparable; continue it with that version, or begin a new experiment"
        )
    other = differing(before, decided_by)
    if other or digest != content["digest"]:
        given = ", ".join(content.get("given") or []) or "none"
        version = f" ({content['version']})" if content.get("version") else ""
        more = f" and {len(other) - _SHOWN} more" if len(other) > _SHOWN else ""
        raise InputError(
            f"{subject}: {file}, its scenario, the inventory or -e has other settings than when the experiment began, "
            f"and its runs would not be comparable: {', '.join(other[:_SHOWN]) or 'a variable without a value'}{more}; "
            f"restore them (variables of -e: {given}), continue with the version of zk-locust that began it{version}, "
            "or begin a new experiment"
        )


def refuse_other_schema(folder: Path) -> None:
    """Refuse runs whose reports cannot be compared with one another, or with those that this version writes."""
    try:
        found = reporting.read_experiment(folder)
    except reporting.InputError as error:
        raise InputError(str(error)) from None
    for run in found.runs:
        schema = run.report.get("schema_version", SCHEMA_VERSION)
        if schema != SCHEMA_VERSION:
            raise InputError(
                f"experiment_resume [{folder.name}]: the report of run {run.run_id} has schema {schema}, and this "
                f"version of zk-locust writes {SCHEMA_VERSION}, which cannot be compared; write it again with "
                f"`fab report --run {run.run_id}`, or continue with the version that began the experiment"
            )
