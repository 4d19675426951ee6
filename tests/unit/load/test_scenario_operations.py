"""The names of a load's operations, which objectives are checked with before anything is started."""

from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from tests.unit.load.scenario_files import SCENARIOS, plan_of
from zk_locust import task_sets
from zk_locust.load.mixes import mix_of
from zk_locust.load.task_sets import OperationsTaskSet
from zk_locust.workload.scenario_files import LOCUSTFILES
from zk_locust.workload.scenario_operations import STARTER_KIT
from zk_locust.workload.scenarios import resolve_plan

# Their operations depend on the workload, and on --bench-include.
OTHERS = {"locust_workload", "locust_sequence"}


@pytest.mark.parametrize("file", sorted(LOCUSTFILES.glob("locust_*.py")), ids=lambda file: file.stem)
def test_the_table_has_the_operations_of_each_locustfile(file: Path) -> None:
    if file.stem in OTHERS:
        assert file.stem not in STARTER_KIT
        return
    client = MagicMock()
    client.value_size.return_value = 8
    named = [
        found
        for name, found in vars(task_sets).items()
        if isinstance(found, type) and issubclass(found, OperationsTaskSet) and f"[{name}]" in file.read_text()
    ]
    labels = {op.label for found in named for op, _ in mix_of(found.default_name, client, None, {})}
    assert labels
    assert set(STARTER_KIT[file.stem]) == labels
    assert plan_of_locustfile(file) == STARTER_KIT[file.stem]


def plan_of_locustfile(file: Path) -> tuple[str, ...] | None:
    plan, _ = resolve_plan("quick", SCENARIOS, {"locustfile": file.name})
    assert plan is not None
    return plan.operations


@pytest.mark.parametrize(
    ("workload", "operations"),
    [
        ({"operations": {"get": 9, "set": 1, "exists": 0}}, ("get", "set")),
        ({"operations": {"create": 2, "delete": 1}}, ("create", "delete")),
        ({"operations": {"lock": 1}, "locks": {"count": 2}}, ("lock_acquire", "lock_release")),
        (
            {"operations": {"churn": 1}, "ephemerals": {"per_user": 2}, "watches": {"per_user": 1, "on": "children"}},
            ("create_ephemeral", "delete_ephemeral", "watch_again"),
        ),
        ({"broadcast": {"nodes": 2, "every": "1s"}}, ("get_watch", "set", "watch_delivery")),
    ],
)
def test_a_workload_has_the_operations_of_its_mix(
    tmp_path: Path, workload: dict[str, Any], operations: tuple[str, ...]
) -> None:
    assert plan_of(tmp_path, locustfile=None, workload=workload).operations == operations


def test_a_locustfile_of_the_users_own_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "locust_get.py").write_text("")
    own = str(tmp_path / "locust_get.py")
    assert plan_of(tmp_path, locustfile=own).operations is None
