"""Loads Locust before any test does, without its patching of the standard library: tests here use real threads."""

import os
from pathlib import Path

import pytest

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
import locust  # noqa: F401

del os.environ["LOCUST_SKIP_MONKEY_PATCH"]  # the processes that tests start are patched, as they are for users

# What takes longest is begun first, so that the processes of a parallel test run end together.
_LONGEST_FIRST = ("fleet", "test_provisioning", "test_benchmark")


def _group(item: pytest.Item) -> str:
    """The tests of a file share fixtures, those of the fleet a lab."""
    return "fleet" if item.path.parent.name == "fleet" else str(item.path.relative_to(Path(__file__).parent))


@pytest.hookimpl(tryfirst=True)  # the processes of a parallel run read the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep in one process what shares fixtures."""

    def place(item: pytest.Item) -> int:
        return next((i for i, name in enumerate(_LONGEST_FIRST) if name in (_group(item), item.path.stem)), len(items))

    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=place)
