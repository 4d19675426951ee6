"""What a test does if something that it needs is missing."""

import os
from pathlib import Path
from typing import NoReturn

import pytest

from lab import zookeeper_34, zookeeper_server
from lab.commands import LabError


def missing(what: str) -> NoReturn:
    """Skip the test and name what is missing; with CI=true fail it, because CI must have everything."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def require_zookeeper() -> None:
    """Go on only where a ZooKeeper server can be started."""
    if needs := zookeeper_server.missing():
        missing(needs)


def require_zookeeper_34() -> Path:
    """Return the unpacked packages of ZooKeeper 3.4.13; go on only where they can be had and started."""
    require_zookeeper()
    try:
        return zookeeper_34.ensure_packages()
    except (LabError, OSError) as error:
        missing(f"needs ZooKeeper 3.4.13 of Debian 11: {error}")


def require_root(why: str) -> None:
    """Go on only as root."""
    if os.geteuid() != 0:
        missing(f"needs root: {why}")
