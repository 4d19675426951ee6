"""Scenarios as files, and the plans that they become."""

from pathlib import Path
from typing import Any

import yaml

from zk_locust.workload.scenario_plan import Plan
from zk_locust.workload.scenarios import resolve_plan

SCENARIOS = Path(__file__).parents[3] / "playbooks" / "scenarios"
SOUND: dict[str, Any] = {
    "description": "a test",
    "locustfile": "locust_set.py",
    "users": 8,
    "spawn_rate": 4,
    "warmup": "5s",
    "run_time": "1m",
    "parameters": {"val-size": 64, "min-wait": "10ms"},
}


def scenario(folder: Path, **changes: Any) -> Path:
    """Write a scenario that is sound but for `changes`; None leaves a setting out."""
    content = {key: value for key, value in (SOUND | changes).items() if value is not None}
    file = folder / "mine.yml"
    file.write_text(yaml.safe_dump(content))
    return file


def plan_of(folder: Path, overrides: dict[str, object] | None = None, **changes: Any) -> Plan:
    plan, problems = resolve_plan(str(scenario(folder, **changes)), SCENARIOS, overrides or {})
    assert problems == []
    assert plan is not None
    return plan


def problems_of(folder: Path, overrides: dict[str, object] | None = None, **changes: Any) -> list[str]:
    plan, problems = resolve_plan(str(scenario(folder, **changes)), SCENARIOS, overrides or {})
    assert plan is None
    assert problems
    return problems
