"""Inventories for the tests of `fleet`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.inventory import Inventory
from tests import stand_in_ssh

Written = Callable[[dict[str, Any]], Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Write an inventory; return its file."""

    def write(content: dict[str, Any]) -> Path:
        file = tmp_path / "hosts.yml"
        file.write_text(yaml.safe_dump(content))
        return file

    return write


@pytest.fixture
def loaded(written: Written) -> Callable[[dict[str, Any]], Inventory]:
    """Write an inventory and load it."""
    return lambda content: Inventory.load([str(written(content))])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without anything in it but `.ssh`, so that no configuration of the tester's own counts."""
    folder = tmp_path / "home"
    (folder / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("ANSIBLE_SSH_EXECUTABLE", str(stand_in_ssh.make(folder)))
    return folder
