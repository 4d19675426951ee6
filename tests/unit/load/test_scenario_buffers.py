"""The members' jute.maxbuffer bounds what a scenario's load may send."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.load.scenario_files import SCENARIOS, scenario
from zk_locust.workload.scenarios import resolve_plan


def sized(folder: Path, limit: int | None, **changes: Any) -> list[str]:
    return resolve_plan(str(scenario(folder, **changes)), SCENARIOS, {}, max_buffer_bytes=limit)[1]


def test_a_value_above_the_members_buffer_is_refused_with_the_largest_that_fits(tmp_path: Path) -> None:
    (problem,) = sized(tmp_path, 0xFFFFF, parameters={"val-size": 1048555})
    assert problem == (
        "benchmark_parameters.val-size [1048555]: the members' jute.maxbuffer is 1048575 bytes; write 1048554 or less,"
        " or raise it with zookeeper_properties: {jute.maxbuffer: 2097110}"
    )
    assert sized(tmp_path, 0xFFFFF, parameters={"val-size": 1048554}) == []
    assert sized(tmp_path, 4_194_304, parameters={"val-size": 2_000_000}) == []
    assert sized(tmp_path, None, parameters={"val-size": 2_000_000}) == [], "nothing is known of an external ensemble"


@pytest.mark.parametrize(
    ("limit", "given", "handed"),
    [
        (4_194_304, {}, "4194304"),
        (4_194_304, {"jute-maxbuffer": 3_000_000}, "3000000"),
        (2**31 - 1, {}, "67108864"),
        (0xFFFFF, {}, None),
        (None, {}, None),
    ],
)
def test_the_load_gets_the_members_buffer(
    tmp_path: Path, limit: int | None, given: dict[str, Any], handed: str | None
) -> None:
    file = scenario(tmp_path, parameters=given)
    plan, problems = resolve_plan(str(file), SCENARIOS, {}, max_buffer_bytes=limit)
    assert problems == []
    assert plan is not None
    assert plan.environment.get("ZK_LOCUST_JUTE_MAXBUFFER") == handed


def test_a_workload_gets_a_raised_buffer(tmp_path: Path) -> None:
    workload = {"operations": {"set": 1}, "values": 2_000_000}
    file = scenario(tmp_path, locustfile=None, workload=workload)
    plan, problems = resolve_plan(str(file), SCENARIOS, {}, max_buffer_bytes=4_194_304)
    assert problems == []
    assert plan is not None
    assert json.loads(plan.environment["ZK_LOCUST_WORKLOAD"]) == workload | {"jute_maxbuffer": 4_194_304}


@pytest.mark.parametrize(
    "values",
    [5000, {"distribution": "uniform", "least": 1, "most": 5000}, {"distribution": "list", "sizes": {10: 1, 5000: 1}}],
)
def test_a_workloads_value_above_the_members_buffer_is_refused(tmp_path: Path, values: Any) -> None:
    changes: dict[str, Any] = {"locustfile": None, "workload": {"operations": {"set": 1}, "values": values}}
    (problem,) = sized(tmp_path, 4096, **changes)
    assert problem.startswith("workload in mine.yml: workload.values [5000]: the members' jute.maxbuffer is 4096 bytes")
    assert sized(tmp_path, 6000, **changes) == []
