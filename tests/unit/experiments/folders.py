"""Makes folders of experiments: the real runner, with stand-ins for benchmarks whose figures a test gives."""

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from fleet.experiments import manifest
from fleet.experiments.arms import arms_of
from fleet.experiments.plan import blocks
from fleet.experiments.runner import Outcome, Request, run
from fleet.experiments.specification_reading import read_content
from lab.places import PROJECT
from zk_locust.contract.inventory.names import role_variables

VARIABLES: Final = role_variables(PROJECT / "roles")
COMPARE: Final = {
    "kind": "compare",
    "arms": {"old": {"zookeeper_version": "3.8.4"}, "new": {"zookeeper_version": "3.9.3"}},
}


def row(operation: str, rate: float, latency_us: float) -> dict[str, Any]:
    return {
        "operation": operation, "rate_per_s": rate, "p50_us": latency_us / 2, "p99_us": latency_us,
        "p99.9_us": latency_us * 2, "mean_us": latency_us / 2, "p95_us": latency_us,
    }  # fmt: skip


def experiment(
    results: Path,
    content: dict[str, Any],
    figures: Callable[[Request], tuple[float, float]],
    *,
    number: int = 1,
    about: dict[str, Any] | None = None,
    **outcome: Any,
) -> Path:
    """Run an experiment whose runs have these rates (per second) and latencies (µs).

    `about` is what its manifest is made of beside: inventories, variables of -e.
    """
    spec, problems = read_content("mine", content, VARIABLES)
    assert problems == []
    assert spec is not None
    arms = arms_of(spec)
    slots = [] if spec.kind == "capacity" else blocks([arm.name for arm in arms], spec.blocks, spec.seed)
    more: dict[str, Any] = {"run_s": 1.0, "most_runs": 30, "inventory": ["i"]} | (about or {})
    folder = manifest.create(results, f"{spec.kind}-{number}", spec, arms, slots, **more)
    prefix = f"run-{spec.kind}" if number == 1 else f"run-{spec.kind}-{number}"

    def run_one(request: Request) -> Outcome:
        rate, latency_us = figures(request)
        found = results / f"{prefix}-{request.number}"
        found.mkdir(parents=True)
        rows = [row(name, rate, latency_us) for name in ("all operations", "get")]
        report = {"schema_version": 1, "total": rows[0], "operations": rows[1:], "verdict": {"verdict": "valid"}}
        (found / "report.json").write_text(json.dumps(report))
        variables = {"zk1": {"benchmark_label": request.label, **request.arm.variables}}
        (found / "manifest.json").write_text(json.dumps({"inventory": {"hosts": variables}}))
        return Outcome(found.name, "valid", 5.0, **{name: each(request) for name, each in outcome.items()})

    run(folder, arms, run_one, lambda _: None)
    return folder


def noisy(seed: int, **factors: float) -> Callable[[Request], tuple[float, float]]:
    choice = random.Random(seed)

    def figures(request: Request) -> tuple[float, float]:
        noise = math.exp(choice.gauss(0, 0.01))
        return 1000 * noise, 5000 * noise * factors.get(request.arm.name, 1.0)

    return figures


def step(request: Request) -> dict[str, Any]:
    rate = request.rate_per_s or 0
    latency_us = 2000 + 1e6 / max(1.0, 520 - rate)
    checked = {"objective": "p99 < 20ms", "value": latency_us, "upper": latency_us * 1.05, "limit": 20000}
    return {"objectives": [checked], "success": 1.0, "backlog_per_s": 0.0}


def with_distributions(folder: Path, factors: dict[str, float]) -> None:
    """Give each run a distribution of get and one of set: 1,000 latencies, longer by the arm's factor."""
    content = json.loads((folder / "manifest.json").read_text())
    for entry in content["runs"]:
        latencies_us = [round(factors[entry["arm"]] * (500 + each)) for each in range(1000)]
        line = {
            "timestamp": "2026-11-27T09:00:00Z", "elapsed_s": 1.0, "interval_s": 1.0, "stage": "measured",
            "interval": 0, "type": "zookeeper", "requests": 1000, "failures": 0, "sum_us": sum(latencies_us),
            "min_us": latencies_us[0], "max_us": latencies_us[-1], "overflows": 0,
            "histogram": {str(value): latencies_us.count(value) for value in sorted(set(latencies_us))},
        }  # fmt: skip
        lines = [json.dumps(line | {"name": name}) for name in ("get", "set")]
        run_folder = folder.parent.parent / entry["run_id"]
        (run_folder / "locust-distrib.jsonl").write_text("\n".join(lines) + "\n")
