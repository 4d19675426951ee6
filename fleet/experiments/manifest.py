"""The manifest of an experiment: what was planned and what was run, in `results/experiments/<id>/manifest.json`.

It is replaced before and after each run, so that an interrupted experiment goes on where it stopped.
"""

import contextlib
import hashlib
import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from fleet.errors import FleetError, InputError
from fleet.experiments.arms import Arm
from fleet.experiments.plan import Slot
from fleet.experiments.specification import MAY_CHANGE, Specification
from fleet.run_record import TIME, now, read, write
from zk_locust.contract.durable_files import open_regular, read_object_if_sound, sync_folder
from zk_locust.contract.host_lease import locks
from zk_locust.contract.nearest_name import nearest
from zk_locust.contract.run_files import EXPERIMENTS, MANIFEST
from zk_locust.contract.secrets import redacted

SCHEMA_VERSION: Final = 1
RUNNING: Final = "running"
INTERRUPTED: Final = "interrupted"
FAILED: Final = "failed"
FINISHED: Final = "finished"

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LOCK: Final = ".lock"
_PARTS: Final[dict[str, type]] = {
    **{"kind": str, "state": str, "reason": str, "digest": str},
    **{"settings": dict, "arms": list, "plan": list, "runs": list, "capacity": dict},
}


def digest(spec: Specification, arms: Sequence[Arm], given: Mapping[str, Any] | None = None) -> str:
    """Return what identifies an experiment's settings: a resumed one must have the same.

    `given` are the variables of `-e`. The values of secrets do not count, neither there nor in the file or the
    inventory: who reads the digest could try values, and a secret may change between the parts of an experiment.
    """
    said = asdict(spec)
    for name in (*MAY_CHANGE, "variables", "grid"):  # the arms have the last two
        del said[name]
    said["arms"] = [asdict(arm) | {"variables": redacted("variables", arm.variables)} for arm in arms]
    if given:
        said["given"] = redacted("variables", given)
    return hashlib.sha256(json.dumps(said, default=str, sort_keys=True).encode()).hexdigest()


def _version() -> str:
    try:
        return metadata.version("zk-locust")
    except metadata.PackageNotFoundError:
        return ""


def new_id(name: str, wanted: str = "") -> str:
    """Return the id of a new experiment: the wanted one, else the time and the name. Raises InputError."""
    found = wanted or f"{datetime.now(UTC).strftime(TIME)}-{re.sub(r'[^A-Za-z0-9._]+', '-', name).strip('-.')}"
    if not _ID.fullmatch(found):
        raise InputError(
            f"experiment_id [{found}]: an id has up to 100 letters, digits, dots, hyphens and underscores; correct it"
        )
    return found


def resume_words(content: Mapping[str, Any]) -> str:
    """Return the options that continue an experiment, with the inventories of its runs."""
    sources = [word for source in content.get("inventory") or [] for word in ("-i", str(source))]
    return shlex.join(["-e", f"experiment_resume={content['experiment_id']}", *sources])


def create(
    results: Path,
    experiment_id: str,
    spec: Specification,
    arms: Sequence[Arm],
    slots: Sequence[Slot],
    given: Mapping[str, Any] | None = None,
    **more: Any,
) -> Path:
    """Make the folder of a new experiment with its manifest; return it.

    Raises InputError where the id exists, or the folder cannot be made.

    `given` are the variables of `-e`: they are kept without secrets.
    """
    folder = results / EXPERIMENTS / experiment_id
    refuse_existing(results, experiment_id)
    settings = asdict(spec)
    for key in ("name", "kind", "description", "arms", "variables"):
        del settings[key]
    content = {
        "schema_version": SCHEMA_VERSION,
        "experiment_id": experiment_id,
        "version": _version(),
        "name": spec.name,
        "kind": spec.kind,
        "description": spec.description,
        "state": RUNNING,
        "reason": "",
        "started": now(),
        "ended": None,
        "digest": digest(spec, arms, given),
        "given": sorted(given or {}),
        # As texts where JSON has no such value: a file of variables may have dates.
        "given_values": json.loads(json.dumps(redacted("variables", given or {}), default=str)),
        "settings": settings,
        "arms": [
            {"name": arm.name, "inventory": arm.inventory, "place": list(arm.place)}
            | {"variables": redacted("variables", arm.variables)}
            for arm in arms
        ],
        "plan": [slot.as_dict() for slot in slots],
        "runs": [],
        "capacity": {},
        **more,
    }
    try:
        folder.mkdir(parents=True)
        write(folder / MANIFEST, content)
        sync_folder(folder.parent)
    except OSError as error:
        raise InputError(
            f"benchmark_results_dir [{results}]: the experiment cannot be kept there: {error}; make it a folder that "
            "can be written, or name another"
        ) from None
    return folder


def refuse_existing(results: Path, experiment_id: str) -> None:
    """Raise InputError where there is an experiment of that id."""
    folder = results / EXPERIMENTS / experiment_id
    if folder.exists():
        words = resume_words({**read_object_if_sound(folder / MANIFEST), "experiment_id": experiment_id})
        raise InputError(
            f"experiment_id [{experiment_id}]: {folder} exists; choose another id, or continue that experiment with "
            f"{words}"
        )


def find(results: Path, experiment_id: str, setting: str) -> Path:
    """Return the folder of an experiment. Raises InputError, with the nearest id, where there is none."""
    known = [folder.name for folder in folders(results)]
    if experiment_id not in known:
        raise InputError(
            f"{setting} [{experiment_id}]: there is no such experiment in {results / EXPERIMENTS}"
            f"{nearest(experiment_id, known)}; known: {', '.join(known[-5:]) or 'none'}"
        )
    return results / EXPERIMENTS / experiment_id


def folders(results: Path) -> list[Path]:
    """Return the folders of all experiments, the oldest first."""
    found = [file.parent for file in (results / EXPERIMENTS).glob(f"*/{MANIFEST}")]
    return sorted(found, key=lambda folder: (str(read_object_if_sound(folder / MANIFEST).get("started")), folder.name))


def load(folder: Path) -> dict[str, Any]:
    """Return the manifest. Raises InputError for one that cannot be read or has another schema."""
    try:
        content = read(folder / MANIFEST)
    except OSError as error:
        raise InputError(
            f"experiment [{folder.name}]: its manifest cannot be read: {error}; move the folder away"
        ) from None
    if content.get("schema_version") != SCHEMA_VERSION:
        raise InputError(
            f"experiment [{folder.name}]: its manifest has schema {content.get('schema_version')}, and this version of "
            f"zk-locust knows {SCHEMA_VERSION}; use the version that made it"
        )
    damaged = [name for name, kind in _PARTS.items() if not isinstance(content.get(name), kind)]
    if damaged:
        raise InputError(
            f"experiment [{folder.name}]: its manifest is damaged ({', '.join(damaged)}); move the folder away"
        )
    return content


def save(folder: Path, content: dict[str, Any]) -> None:
    """Replace the manifest."""
    write(folder / MANIFEST, content)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold an experiment, so that no other controller continues it. Raises FleetError where another does."""
    lock = open_regular(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        if not locks(lock, 0.0):
            raise FleetError(f"experiment [{folder.name}] is running already; `fab experiments` shows how far it is")
        yield
    finally:
        os.close(lock)


def is_held(folder: Path) -> bool:
    """Whether a controller is running the experiment now."""
    try:
        with held(folder):
            return False
    except FleetError:
        return True
    except OSError:  # a folder that is not ours: nobody here runs it
        return False
