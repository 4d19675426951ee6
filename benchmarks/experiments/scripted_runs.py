"""Runs of an experiment against the scripted server, in place of those that playbooks make."""

import json
import math
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import reporting
from benchmarks.truth.locust_run import Load
from benchmarks.truth.scripted_server import ScriptedServer
from benchmarks.verdict.recorded_run import Course, record
from fleet.experiments import manifest, plan, runner
from fleet.experiments.arms import Arm
from fleet.experiments.benchmark import outcome_of
from fleet.experiments.runner import Outcome, Request
from fleet.experiments.specification import Specification


@dataclass(frozen=True)
class ScriptedRuns:
    """Runs one benchmark: a new server, and one Locust worker. An arm's variables are options of the server.

    `noise` is the standard deviation, as a share, by which the server's delay differs from run to run.
    """

    program: Path
    results: Path
    load: Load
    noise: float = 0.0
    objectives: Sequence[str] = ()
    script: Mapping[str, object] = field(default_factory=dict)

    def __call__(self, request: Request) -> Outcome:
        """Run it."""
        began = time.monotonic()
        script = {**self.script, **request.arm.variables}
        factor = math.exp(random.Random(request.label).gauss(0, self.noise))
        script["delay_us"] = round(float(str(script["delay_us"])) * factor)
        load = self.load
        if request.rate_per_s is not None:
            load = Load(load.users, load.seconds, arrival_rate=request.rate_per_s, options=load.options)
        folder = self.results / f"{request.label}.locust"
        with ScriptedServer(self.program, precise=True, **script) as server:
            found = record(folder, server.hosts, Course(load, workers=1))
        run = found.rename(self.results / request.label)
        (run / "report.json").write_text(json.dumps(reporting.run_data(run)))
        return outcome_of(run, time.monotonic() - began, self.objectives)


def conduct(spec: Specification, arms: Sequence[Arm], runs: ScriptedRuns) -> dict[str, Any]:
    """Run an experiment and return the content of its `experiment.json`. Raises FleetError where a run stays void."""
    slots = [] if spec.kind == "capacity" else plan.blocks([arm.name for arm in arms], spec.pairs, spec.seed)
    folder = manifest.create(
        runs.results, spec.name, spec, arms, slots, run_s=0.0, most_runs=len(slots), inventory=["scripted server"]
    )
    runner.run(folder, arms, runs, lambda _: None)
    reporting.write_experiment(folder)
    found: dict[str, Any] = json.loads((folder / "experiment.json").read_text())
    return found
