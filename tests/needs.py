"""What a test does if something that it needs is missing."""

import os
from typing import NoReturn

import pytest

from lab import zookeeper_server


def missing(what: str) -> NoReturn:
    """Skip the test and name what is missing; with CI=true fail it, because CI must have everything."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def require_zookeeper() -> None:
    """Go on only where a ZooKeeper server can be started."""
    if needs := zookeeper_server.missing():
        missing(needs)


def require_root(why: str) -> None:
    """Go on only as root."""
    if os.geteuid() != 0:
        missing(f"needs root: {why}")
