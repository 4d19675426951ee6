"""What every test of the native client is held to: an end in time, no error in the hub, nothing left open."""

from collections.abc import Iterator
from typing import Any

import gevent
import psutil
import pytest

from zk_locust.clients.native import pulse


@pytest.fixture(autouse=True)
def _bounded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    hub = gevent.get_hub()
    errors: list[Any] = []
    monkeypatch.setattr(hub, "handle_error", lambda *details: errors.append(details), raising=False)
    before = psutil.Process().num_fds()
    watchers = hub.loop.activecnt
    with gevent.Timeout(60, AssertionError("the test did not end")):
        yield errors
        with gevent.Timeout(3, False):
            while psutil.Process().num_fds() > before or pulse._pulses or hub.loop.activecnt > watchers + 2:
                gevent.sleep(0.01)
    assert psutil.Process().num_fds() <= before, "descriptors are left open"
    assert not pulse._pulses, "a timer is left"
    # Besides the time limits of this fixture.
    assert hub.loop.activecnt <= watchers, "a watcher is left in the loop"
    assert not errors, "an error reached gevent's hub"


@pytest.fixture
def hub_errors(_bounded: list[Any]) -> list[Any]:
    """What reached gevent's hub; a test that provokes an error takes it out."""
    return _bounded
