"""Clean runs: nothing disturbs them, so a rule that speaks gives a false alarm."""

from collections.abc import Iterator
from typing import Final

from benchmarks.truth.locust_run import Load
from benchmarks.verdict.provocation import Setting
from benchmarks.verdict.recorded_run import Course
from reporting.verdict.judged_run import JudgedRun

# As playbooks/scenarios/quick.yml, against an ensemble that has served a run before: its JVMs have compiled what is
# hot.
_OPTIONS: Final[dict[str, object]] = {"max-wait": 60, "val-size": 128, "stats-collect": "1s", "warm-up": "4s"}
CLOSED: Final = Load(32, 20, wait_ms=30, options=_OPTIONS)
WARMING_S: Final = 20.0


def runs(setting: Setting, count: int) -> Iterator[JudgedRun]:
    """Judge so many clean runs, after one that only warms the ensemble up."""
    for number in range(count + 1):
        course = Course(CLOSED, locustfile="locust_set_and_get.py", servers=setting.ensemble, samples=True)
        run = setting.real(course)
        if number:
            yield run


def alarms(run: JudgedRun) -> list[str]:
    """Return what makes the run, or a figure of all operations or of one, not valid."""
    reasons = {reason for reason in run.verdict.reasons if reason.severity != "note"}
    reasons |= {reason for figure in run.figures for reason in figure.reasons if reason.severity != "note"}
    return sorted({f"{reason.rule}: {reason.text}" for reason in reasons if reason.rule != "few-operations"})
