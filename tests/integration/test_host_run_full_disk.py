"""A run on a load host whose disk is full."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.load_host import (
    SLEEP,
    Host,
    processes_below,
    processes_of,
    script,
    until,
)
from tests.small_disk import fill, small_disk
from zk_locust.agent.process_identity import find

pytestmark = pytest.mark.integration


@pytest.fixture
def small_host(tmp_path: Path) -> Iterator[Host]:
    """A load host whose run folders are on a small disk."""
    with small_disk(tmp_path / "disk") as disk:
        host = Host(disk)
        host.lock = tmp_path / "lock"
        yield host
        for process in processes_below(disk):
            process.kill()


def test_on_a_full_disk_the_load_goes_on_and_its_status_is_right(small_host: Host) -> None:
    brief = {"name": "worker-2", "arguments": script("import sys, time; time.sleep(1.5); sys.exit(3)")}
    loud = script(
        "import os, signal, time\nwhile True:\n try: os.write(1, bytes(4096))\n except OSError: time.sleep(0.1)"
    )
    processes = [{"name": "worker-1", "arguments": SLEEP}, brief, {"name": "worker-3", "arguments": loud}]
    small_host.start(processes=processes)
    assert until(lambda: small_host.status()["processes"]["worker-2"]["exit_code"] == 3), "said on the full disk"
    assert until(lambda: "disk_full" in small_host.status())
    status = small_host.status()
    assert status["state"] == "running"
    assert [process is not None for process in processes_of(status)] == [True, False, True]
    (full,) = status["disk_full"]
    assert (full["problem"], full["until"]) == ("No space left on device", None)
    assert not list(small_host.folder.glob("*.new"))
    loud_one = find(status["processes"]["worker-3"])
    assert loud_one is not None
    loud_one.kill()
    (small_host.folder / "worker-3.log").unlink()
    assert until(lambda: small_host.status()["disk_full"][0]["until"])
    fill(small_host.runs)
    stopped = small_host.stop()
    assert (stopped["state"], stopped["ended_by"]) == ("ended", "stop")
    assert {name: process["exit_code"] for name, process in stopped["processes"].items()} == {
        "worker-1": -signal.SIGTERM,
        "worker-2": 3,
        "worker-3": -signal.SIGKILL,
    }
    assert len(stopped["disk_full"]) == 2


def test_a_run_whose_status_cannot_be_written_is_not_started(small_host: Host) -> None:
    spec = small_host.spec()
    fill(small_host.runs)
    refused = small_host.call("start", "--spec", spec)
    assert refused.returncode == 2
    assert refused.stderr.startswith("zk-locust: the run's supervisor ended at once; is the disk of ")
    assert len(refused.stderr.splitlines()) == 1
    assert processes_below(small_host.runs) == []
    assert small_host.status()["state"] == "absent"
