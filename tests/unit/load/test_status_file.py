"""`status.json` on a full disk: what a supervisor with many processes says last is still written."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.small_disk import fill, small_disk
from zk_locust.agent.status_file import StatusFile
from zk_locust.contract.run_files import STATUS

TIME = "2026-11-24T03:15:00.123456+00:00"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as folder:
        yield folder


def running(workers: int) -> dict[str, Any]:
    """Return what a supervisor says of processes that it has just started."""
    names = ["master", *(f"worker-{number}" for number in range(1, workers + 1)), "sampler"]
    return {
        "run_id": "20261124T031500Z-quick",
        "state": "running",
        "started": TIME,
        "ended": None,
        "ended_by": None,
        "problem": None,
        "deadline_s": 90.0,
        "open_files_limit": 1_048_576,
        "supervisor": {"pid": 4_194_303, "start_ticks": 123_456_789},
        "processes": {
            name: {"pid": 4_194_303, "start_ticks": 123_456_789, "exit_code": None, "ended": None} for name in names
        },
    }


@pytest.mark.parametrize("workers", [1, 29, 58, 60, 61, 91, 121, 256])
def test_on_a_full_disk_the_end_of_every_process_is_written(disk: Path, workers: int) -> None:
    file = StatusFile(disk)
    status = running(workers)
    assert file.write(status)
    fill(disk)
    for process in status["processes"].values():
        process |= {"exit_code": -15, "ended": TIME}
    status |= {"state": "ended", "ended": TIME, "ended_by": "deadline"}
    assert file.write(status), f"{workers} workers"
    found = json.loads((disk / STATUS).read_text())
    assert found.pop("disk_full")[0]["until"] is None
    assert found == status
