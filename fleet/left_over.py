"""Runs whose files are still on hosts: whether a results folder has their record, and how to take the files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fleet.host_files import keep_histories
from fleet.pack import Limits, shown, unpack
from fleet.run_record import read
from zk_locust.contract.durable_files import sync_folder
from zk_locust.contract.history_format import is_history
from zk_locust.contract.plain_text import first_of
from zk_locust.contract.run_files import HISTORY, MANIFEST, SPEC, UNFINISHED

CHECKOUT: Final = Path(__file__).resolve().parents[1]
OPEN, CLOSED, UNKNOWN = "open", "closed", "unknown"


def results_of(variables: Mapping[str, Any]) -> Path:
    """Return the results folder that the controller's variables name, relative to the checkout as in the playbooks."""
    return CHECKOUT / Path(str(variables.get("benchmark_results_dir") or "results")).expanduser()


def place_of(results: Path, run_id: str) -> str:
    """Return where the record of a run is: `open`, `closed`, or `unknown` where this results folder has none."""
    if not run_id or "/" in run_id or run_id.startswith("."):
        return UNKNOWN
    if (results / UNFINISHED / run_id).is_dir():
        return OPEN
    return CLOSED if (results / run_id / MANIFEST).is_file() else UNKNOWN


def sort_out(*, results_dir: Path, host: str, run_ids: list[str]) -> dict[str, Any]:
    """Return the runs on a host by what is here of them.

    `here`: all files are here. `late`: a closed record lacks them. `open`: collect.yml finishes the run. `unknown`:
    this results folder has no record.
    """
    found: dict[str, list[str]] = {"here": [], "late": [], OPEN: [], UNKNOWN: []}
    for run_id in sorted(run_ids):
        place = place_of(results_dir, run_id)
        if place == CLOSED:
            place = "here" if _has_all(results_dir / run_id, host) else "late"
        found[place].append(run_id if place != UNKNOWN else shown(run_id))
    return found


def _has_all(run: Path, host: str) -> bool:
    """Whether a load host's files of a run are here, none refused."""
    if not (run / "logs" / host / SPEC).is_file():
        return False
    try:
        missing = read(run / MANIFEST).get("missing")
    except OSError:
        return False
    lines = missing if isinstance(missing, list) else []
    return not any(str(line).startswith(f"{host}: ") and " was refused: " in str(line) for line in lines)


def take_late(run: Path, pack: Path, host: str, limits: Limits) -> dict[str, Any]:
    """Take the files of a host into a closed record: `logs/<host>/`, or a folder in it where there is one already.

    Histories go to `history/<host>/`. Returns `folder`, `taken` and `refused`. No file of the record is replaced, and
    its verdict does not change.
    """
    logs = run / "logs" / host
    folder, number = logs, 1
    while folder.exists():
        folder = logs / (f"late-{number}" if number > 1 else "late")
        number += 1
    folder.mkdir(parents=True)
    try:
        unpacked = unpack(pack, folder, limits)
        keep_histories(filter(is_history, unpacked.taken), folder, run / HISTORY / host)
        sync_folder(folder.parent)
    finally:
        pack.unlink(missing_ok=True)  # the host keeps its files where they cannot be taken
    return {
        "folder": str(folder),
        "taken": sorted(unpacked.taken),
        "refused": first_of(unpacked.refused, more="{:,} more entries were refused"),
    }
