"""A results folder, a record that is open in it, and a process that has ended."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.run_record import open_record
from tests import own_modules

own_modules.make_importable()


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "results"


@pytest.fixture
def folder(results: Path) -> Path:
    return open_record(results, "quick", "", os.getpid())


@pytest.fixture
def ended() -> int:
    """Return the id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(30)
    return process.pid
