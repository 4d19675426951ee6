"""A run folder, read and judged: everything that tables, page and Markdown tell, in one object."""

from dataclasses import dataclass
from pathlib import Path

from reporting.analyse import headline as headlines
from reporting.analyse import machines as machine_rows
from reporting.analyse import timeline as timelines
from reporting.analyse.headline import Headline
from reporting.analyse.machines import Machines
from reporting.analyse.timeline import Timeline
from reporting.read import run_folder
from reporting.read.run_folder import RunFolder
from reporting.verdict import judgement as verdicts
from reporting.verdict.judgement import Verdict


@dataclass(frozen=True, slots=True)
class Results:
    """A run with its timeline, its headline figures, what its machines used, and its verdict."""

    run: RunFolder
    timeline: Timeline
    headline: Headline
    machines: Machines
    verdict: Verdict


def evaluate(path: Path) -> Results:
    """Read and judge the run folder at `path`. Raises InputError when it is none."""
    run = run_folder.load(path)
    timeline = timelines.build(run)
    headline = headlines.build(run, timeline)
    machines = machine_rows.build(run, timeline)
    return Results(run, timeline, headline, machines, verdicts.judge(run, timeline, headline, machines))
