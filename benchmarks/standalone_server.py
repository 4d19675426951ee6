"""The server of a benchmark: a standalone ZooKeeper on the last core, away from what is measured."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.zookeeper_server import ZooKeeperServers, missing


@contextmanager
def standalone_server() -> Iterator[ZooKeeperServers]:
    """Start the server in a temporary folder, and end it. Exits with the remedy if it cannot run on this machine."""
    if needs := missing():
        sys.exit(needs)
    pinned = ("taskset", "-c", str(max(os.sched_getaffinity(0))))
    with (
        tempfile.TemporaryDirectory() as folder,
        ZooKeeperServers(1, Path(folder), heap="512m", prefix=pinned, full_speed=True) as servers,
    ):
        yield servers
