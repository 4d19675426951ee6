"""Ask a supervisor for the status of its run, or to end the run."""

import contextlib
import signal
import time
from pathlib import Path
from typing import Any, Final

from zk_locust.agent.process_identity import find
from zk_locust.agent.supervisor import STOP_PATIENCE_S
from zk_locust.contract.durable_files import DamagedFileError, read_object
from zk_locust.contract.process_identity import Identity
from zk_locust.contract.run_files import PROGRESS, SECRETS, STATUS
from zk_locust.contract.run_plan import ENDING_S
from zk_locust.contract.sent_counts import sent_by

_STOP_LIMIT_S: Final = STOP_PATIENCE_S + 2 * ENDING_S


def status_of(folder: Path) -> dict[str, Any]:
    """Return the run's status on this host, with the load's progress where the master is here.

    `state` is `running`, `ended`, `lost` (the supervisor died, and its processes with it) or `absent` (nothing was
    started here). A damaged status counts as absent, and `problem` says why.
    """
    status, problem = _read(folder / STATUS)
    if status is None or not isinstance(status.get("state"), str):
        if status is not None:
            problem = f"{folder / STATUS} has no state; it counts as missing"
        return {"state": "absent", "processes": {}, "progress": None} | ({"problem": problem} if problem else {})
    if status["state"] == "running" and find(status.get("supervisor")) is None:
        # It may have ended since the first read; then its last status is there by now.
        status = _read(folder / STATUS)[0] or status
        if status["state"] == "running":
            status["state"] = "lost"
            _add_sent(status)
    status["progress"] = _read(folder / PROGRESS)[0]
    return status


def stop(folder: Path) -> dict[str, Any]:
    """End the run on this host, wait until its processes are gone, and return its status."""
    status = status_of(folder)
    if status["state"] != "running":
        (folder / SECRETS).unlink(missing_ok=True)  # a supervisor would have removed it
    supervisor = find(status.get("supervisor"))
    if supervisor is not None:
        supervisor.send_signal(signal.SIGTERM)
        if not _has_ended(status["supervisor"], _STOP_LIMIT_S):
            supervisor.kill()  # its processes die with it
            _has_ended(status["supervisor"], ENDING_S)
    return status_of(folder)


def _add_sent(status: dict[str, Any]) -> None:
    """Add what workers had sent that ended with their supervisor, or after it."""
    processes = status.get("processes")
    for process in processes.values() if isinstance(processes, dict) else ():
        with contextlib.suppress(LookupError, TypeError, ValueError):  # a damaged status
            worker = Identity(int(process["pid"]), int(process["start_ticks"]))
            if "sent" not in process and (sent := sent_by(worker)) is not None:
                process["sent"] = sent


def _has_ended(identity: dict[str, Any], limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while find(identity) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _read(file: Path) -> tuple[dict[str, Any] | None, str]:
    """Return the content of a file (None if it cannot be read) and what is wrong with it."""
    try:
        return read_object(file), ""
    except DamagedFileError as error:
        return None, f"{error}; it counts as missing"
    except OSError as error:
        return None, str(error)
