"""What integration tests share."""

from collections.abc import Iterator

import pytest

from tests.integration.local_fleet import LocalFleet, local_fleet
from tests.needs import require_zookeeper


@pytest.fixture
def fresh_fleet() -> Iterator[LocalFleet]:
    """An ensemble that nobody has provisioned."""
    require_zookeeper()
    with local_fleet() as fleet:
        yield fleet
