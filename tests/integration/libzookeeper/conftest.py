"""Servers and clients for the tests of the libzookeeper client."""

from collections.abc import Iterator
from typing import Any

import gevent
import pytest

from lab.zookeeper_server import ZooKeeperServers
from tests.integration.clients import require_library, starter
from tests.integration.libzookeeper.handling import Start
from tests.needs import require_zookeeper
from zk_locust.clients.libzookeeper import LibZooKeeperClient, library


@pytest.fixture(scope="module")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    require_library()
    with ZooKeeperServers(1, tmp_path_factory.mktemp("standalone")) as servers:
        yield servers


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    require_library()
    with ZooKeeperServers(3, tmp_path_factory.mktemp("ensemble")) as servers:
        yield servers


@pytest.fixture(autouse=True)
def hub_errors(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Every test ends in time, and without an error in gevent's hub unless it removes the error from this list."""
    errors: list[Any] = []
    monkeypatch.setattr(gevent.get_hub(), "handle_error", lambda *details: errors.append(details), raising=False)
    with gevent.Timeout(60, AssertionError("the test did not end")):
        yield errors
    assert not errors


@pytest.fixture
def start() -> Iterator[Start]:
    yield from starter(LibZooKeeperClient)
    loaded = library.load().completions
    assert not loaded.calls
    assert not loaded.raised
