"""The server that all ways share."""

from collections.abc import Iterator

import pytest

from lab.zookeeper_server import ZooKeeperServers
from tests.needs import require_zookeeper


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    with ZooKeeperServers(1, tmp_path_factory.mktemp("zookeeper")) as servers:
        yield servers
