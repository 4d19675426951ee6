"""What a test does where something that it needs is not there."""

import os
from typing import NoReturn

import pytest

from lab import zookeeper_server


def missing(what: str) -> NoReturn:
    """Skip the test and say what it needs; fail it with CI=true, where everything has to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def require_zookeeper() -> None:
    """Go on only where a ZooKeeper server can be started."""
    if needs := zookeeper_server.missing():
        missing(needs)


def require_root(why: str) -> None:
    """Go on as root only."""
    if os.geteuid() != 0:
        missing(f"needs root: {why}")
