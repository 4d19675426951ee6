"""What a test does where something that it needs is not there."""

import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip the test and say what it needs; fail it with CI=true, where everything has to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def require_root(why: str) -> None:
    """Go on as root only."""
    if os.geteuid() != 0:
        missing(f"needs root: {why}")
