"""A run folder, read once, computed and judged: everything that the screen, the page and Markdown show."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from reporting.analyse import headline as headlines
from reporting.analyse import machine_samples, machine_usage
from reporting.analyse import timeline as timelines
from reporting.analyse import workers as fleet_workers
from reporting.analyse.headline import Headline
from reporting.analyse.machine_usage import Machines
from reporting.analyse.timeline import Timeline
from reporting.analyse.workers import Workers
from reporting.read import run_folder
from reporting.read.run_folder import RunFolder
from reporting.verdict import judgement
from reporting.verdict.evidence import Evidence
from reporting.verdict.judgement import Verdict
from reporting.verdict.thresholds import CPU_SHORT_PERCENT


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """A run with everything that was computed from its files, and its verdict.

    `samples` are those of `machine_samples.within_load`.
    """

    run: RunFolder
    timeline: Timeline
    headline: Headline
    workers: Workers
    samples: pd.DataFrame
    machines: Machines
    verdict: Verdict


def load_run(path: Path) -> JudgedRun:
    """Read and judge the run folder at `path`. Raises InputError when it is none."""
    run = run_folder.load(path)
    timeline = timelines.build(run)
    headline = headlines.build(run, timeline)
    workers = fleet_workers.build(run, timeline, CPU_SHORT_PERCENT)
    samples = machine_samples.within_load(run, timeline)
    machines = machine_usage.build(run, timeline, samples)
    verdict = judgement.judge(Evidence(run, timeline, headline, workers, machines))
    return JudgedRun(run, timeline, headline, workers, samples, machines, verdict)
