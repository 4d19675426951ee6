"""A run folder, read and judged: everything that tables, page and Markdown tell, in one object."""

from dataclasses import dataclass
from pathlib import Path

from reporting import headline as headlines
from reporting import machines as machine_rows
from reporting import run_folder
from reporting import timeline as timelines
from reporting import verdict as verdicts
from reporting.headline import Headline
from reporting.machines import Machines
from reporting.run_folder import RunFolder
from reporting.timeline import Timeline
from reporting.verdict import Verdict


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
