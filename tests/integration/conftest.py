"""What integration tests share."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.load_host import Host
from tests.integration.local_fleet import LocalFleet, local_fleet
from tests.needs import require_zookeeper
from zk_locust.agent.process_identity import find


@pytest.fixture
def fresh_fleet() -> Iterator[LocalFleet]:
    """An ensemble that nobody has provisioned."""
    require_zookeeper()
    with local_fleet() as fleet:
        yield fleet


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A load host, whose processes end with the test."""
    host = Host(tmp_path)
    yield host
    for file in tmp_path.glob("*/status.json"):
        status = json.loads(file.read_text())
        for identity in (status["supervisor"], *status["processes"].values()):
            process = find(identity)
            if process is not None:
                process.kill()
