"""A run folder, read once, computed and judged: everything that the screen, the page and Markdown show."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from reporting.analyse import (
    headline,
    load_side,
    machine_samples,
    machine_usage,
    recovery,
    steadiness,
    timeline,
    users,
    why,
    workers,
)
from reporting.analyse.why import Why
from reporting.consistency import result as consistency
from reporting.consistency.result import Consistency
from reporting.read import memory, run_folder
from reporting.verdict import judgement
from reporting.verdict.evidence import Evidence
from reporting.verdict.figures import JudgedFigure
from reporting.verdict.judgement import Verdict
from reporting.verdict.thresholds import CPU_SHORT_PERCENT, MIN_STAGE_SHARE


@dataclass(frozen=True)  # without slots: cached_property keeps its value in __dict__
class JudgedRun(Evidence):
    """A run, what was computed from its files, its verdict, the verdicts of its figures, and why it was slow."""

    verdict: Verdict
    figures: tuple[JudgedFigure, ...]

    @cached_property
    def why(self) -> Why:
        """Why it was slow, computed at the first use: only the report shows it, and verdicts do not need it."""
        found = why.build(self.run, self.timeline, self.headline, self.workers, self.samples)
        memory.release()
        return found

    @cached_property
    def consistency(self) -> Consistency:
        """Whether the ensemble was consistent, as far as a history was recorded; checked at the first use."""
        found = consistency.of_run(self.run.path, self.run.manifest)
        memory.release()
        return found


def judge_run(path: Path) -> JudgedRun:
    """Read and judge the run folder at `path`. Raises InputError when it is none."""
    run = run_folder.load(path)
    times = timeline.build(run)
    samples = machine_samples.within_load(run, times)
    memory.release()
    results, of_workers = headline.build(run, times), workers.build(run, times, CPU_SHORT_PERCENT, MIN_STAGE_SHARE)
    evidence = (
        run,
        times,
        results,
        of_workers,
        samples,
        machine_usage.build(run, times, samples),
        load_side.build(run),
        steadiness.build(run, times),
        users.build(run, times),
        recovery.build(run, times),
    )
    judged = JudgedRun(*evidence, *judgement.judge(Evidence(*evidence)))
    memory.release()
    return judged
