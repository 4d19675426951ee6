"""Locust patches the standard library when it is imported; the tests of other parts run in the same process."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.small_disk import small_disk

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
import locust  # noqa: F401

del os.environ["LOCUST_SKIP_MONKEY_PATCH"]

# A machine that has something else to do is no failure.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Return a disk of 256 KiB, which can really be full."""
    with small_disk(tmp_path / "disk") as folder:
        yield folder
