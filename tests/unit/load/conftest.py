"""Locust patches the standard library when it is imported; the tests of other parts run in the same process."""

import os
from collections.abc import Iterator

import hypothesis
import pytest

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
import locust  # noqa: F401

del os.environ["LOCUST_SKIP_MONKEY_PATCH"]

from zk_locust.load.timer import TimerSettings, adopt

# A machine that has something else to do is no failure.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def _fresh_timer_settings() -> Iterator[None]:
    """Let no timer follow what a session of an earlier test has adopted: an open loop would wait for ever."""
    yield
    adopt(TimerSettings())
