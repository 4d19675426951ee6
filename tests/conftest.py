"""Loads Locust before any test does, and shares the tests out among the processes of a parallel run."""

import os

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

# Without Locust's patching of the standard library: tests here use real threads.
os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
import locust  # noqa: F401

os.environ["ZK_LOCUST_PORT_SHARE"] = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")

del os.environ["LOCUST_SKIP_MONKEY_PATCH"]  # the processes that tests start are patched, as they are for users

FLEET = "tests/fleet/"
# Its hosts are a lab of their own.
CONTROLLERS = "tests/fleet/test_controllers.py"
# What takes longest is begun first, so that the processes of a parallel run end together.
_LONGEST_FIRST = (FLEET, CONTROLLERS, "tests/integration/test_provisioning.py", "tests/integration/test_benchmark.py")


# The longest ones keep two cores busy. Most of the others wait a lot: a third process has room only then.
_BESIDE_THE_LONGEST = 2


class KeepsFixturesTogether(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Gives the tests of a file to one process, and those of the fleet that share a lab, too.

    More than two processes are at work only once the longest tests are done.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return FLEET if file.startswith(FLEET) and file != CONTROLLERS else file

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        super().mark_test_complete(node, item_index, duration)
        for helper in self.nodes[_BESIDE_THE_LONGEST:]:
            self._reschedule(helper)

    def _assign_work_unit(self, node: WorkerController) -> None:
        if node in self.nodes[:_BESIDE_THE_LONGEST] or not self._longest_are_on_their_way():
            super()._assign_work_unit(node)

    def _longest_are_on_their_way(self) -> bool:
        given = {scope: unit for units in self.assigned_work.values() for scope, unit in units.items()}
        left = [*self.workqueue, *(scope for scope, unit in given.items() if not all(unit.values()))]
        return any(scope.startswith(_LONGEST_FIRST) for scope in left)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> KeepsFixturesTogether:
    """Tell xdist what belongs together. Its own mark for that, `xdist_group`, has no effect in pytest 9.2."""
    return KeepsFixturesTogether(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what takes longest."""

    def place(item: pytest.Item) -> int:
        starts = [i for i, start in enumerate(_LONGEST_FIRST) if item.nodeid.startswith(start)]
        return max(starts, default=len(_LONGEST_FIRST))  # the longest start is the file's own

    items.sort(key=place)
