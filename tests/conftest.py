"""Loads Locust before any test does, and distributes the tests to the processes of a parallel run."""

import gc
import os
import signal

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Locust must not patch the standard library: these tests use real threads.
os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
import locust  # noqa: F401

os.environ["ZK_LOCUST_PORT_SHARE"] = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")

# Started in the background of a script, a process ignores Ctrl-C and passes that on, also to those that hear it in use.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

del os.environ["LOCUST_SKIP_MONKEY_PATCH"]  # processes that tests start are patched, as they are for users

FLEET = "tests/fleet/"
# They use only labs of their own.
OWN_LABS = ("tests/fleet/test_controllers.py", "tests/fleet/test_members.py", "tests/fleet/test_member_safety.py")
# The longest tests start first, so that the processes of a parallel run end together.
_LONGEST_FIRST = (
    FLEET, OWN_LABS[0], "tests/integration/test_provisioning.py", "tests/integration/test_benchmark.py", *OWN_LABS[1:]
)  # fmt: skip


class KeepsFixturesTogether(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Gives all tests of a file to one process, and likewise all fleet tests that share a lab."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return FLEET if file.startswith(FLEET) and file not in OWN_LABS else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> KeepsFixturesTogether:
    """Tell xdist which tests belong together. Its own mark `xdist_group` has no effect in pytest 9.2."""
    return KeepsFixturesTogether(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest tests first."""

    def place(item: pytest.Item) -> int:
        starts = [i for i, start in enumerate(_LONGEST_FIRST) if item.nodeid.startswith(start)]
        return max(starts, default=len(_LONGEST_FIRST))  # the most specific entry

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Set aside what the tests are made of: the garbage collector would look at all of it again and again."""
    gc.collect()
    gc.freeze()
