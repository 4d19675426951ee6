"""The trials: what is planted, and what must be found."""

from collections.abc import Iterator
from typing import Any, Final

from benchmarks.experiments.lab_trials import LAB_TRIALS
from benchmarks.experiments.result import Result, Setting, Trial
from benchmarks.experiments.scripted_runs import ScriptedRuns, conduct
from benchmarks.truth.locust_run import Load
from fleet.errors import FleetError
from fleet.experiments.arms import Arm
from fleet.experiments.specification import KEPT, Specification

PLANTED: Final = 1.1
CAPACITY_PER_S: Final = 500.0
_DELAY_US: Final = 5000
_USERS: Final = 8
_SESSIONS: Final = 32
_LEAST_PER_S: Final = 0.95 * CAPACITY_PER_S
# The searches begin below and above the capacity.
_FIRST_PER_S: Final = (200.0, 700.0, 150.0, 1000.0, 330.0)


def counted(statement: str, count: int, of: int, aim: str, holds: bool) -> Result:
    """Return in how many of the experiments the statement was true."""
    return Result(statement, f"{count} of {of}", aim, holds)


def _least(of: int) -> int:
    """Return 18 of 20, and the same share of any other number."""
    return -(-of * 9 // 10)


def _comparison(setting: Setting, name: str, number: int, ratio: float) -> dict[str, Any]:
    arms = [Arm("baseline", {"delay_us": _DELAY_US}), Arm("candidate", {"delay_us": _DELAY_US * ratio})]
    spec = Specification(
        name=f"{name}-{number:02d}", kind="compare", arms={arm.name: arm.variables for arm in arms}, data=KEPT,
        seed=number,
    )  # fmt: skip
    load = Load(_USERS, setting.seconds, options={"warm-up": "500ms"})
    return conduct(spec, arms, ScriptedRuns(setting.program, setting.folder, load, setting.noise))


def _equal(setting: Setting) -> Iterator[str | Result]:
    alarms = 0
    for number in range(setting.first, setting.first + setting.comparisons):
        found = _comparison(setting, "equal", number, 1.0)
        changed = [each["figure"] for each in found["figures"] if each["answer"] == "changed"]
        alarms += bool(changed)
        yield f"equal {number}: {found['answer']}"
    most = setting.comparisons * 3 // 20
    yield counted("equal arms: any figure is called changed", alarms, setting.comparisons, f"≤ {most}", alarms <= most)


def _planted(setting: Setting) -> Iterator[str | Result]:
    seen = covered = 0
    for number in range(setting.first, setting.first + setting.comparisons):
        found = _comparison(setting, "planted", number, PLANTED)
        p50 = next(each for each in found["figures"] if each["figure"] == "p50")
        seen += p50["answer"] == "changed"
        covered += p50["low"] <= PLANTED <= p50["high"]
        yield f"planted {number}: p50 {p50['answer']}, {p50['ratio']:.3f} ({p50['low']:.3f} to {p50['high']:.3f})"
    of, least = setting.comparisons, _least(setting.comparisons)
    yield counted("10 % planted: p50 is called changed", seen, of, f"≥ {least}", seen >= least)
    yield counted("10 % planted: the interval of p50 covers it", covered, of, f"≥ {least}", covered >= least)


def _capacity(setting: Setting) -> Iterator[str | Result]:
    within = 0
    for number in range(setting.first, setting.first + setting.searches):
        first = _FIRST_PER_S[(number - 1) % len(_FIRST_PER_S)]
        spec = Specification(
            name=f"capacity-{number:02d}", kind="capacity", objectives=("p99 < 50ms",), rates=(50.0, first, 5000.0),
            data=KEPT,
        )  # fmt: skip
        load = Load(_SESSIONS, setting.search_seconds, options={"warm-up": "500ms"})
        runs = ScriptedRuns(
            setting.program, setting.folder, load, objectives=spec.objectives,
            script={"one_at_a_time": True, "delay_us": 1e6 / CAPACITY_PER_S},
        )  # fmt: skip
        try:
            found = conduct(spec, [Arm("server", {})], runs)
        except FleetError as error:
            yield f"capacity {number}: {error}"
            continue
        low = found["capacity"]["server"]["low_per_s"]
        within += low is not None and _LEAST_PER_S <= low <= CAPACITY_PER_S
        yield f"capacity {number}: {found['answer']} ({len(found['runs'])} runs)"
    of = setting.searches
    yield counted("capacity of 500/s: the answer is 475 to 500/s", within, of, f"{of}", within == of)


TRIALS: Final[dict[str, Trial]] = {
    "equal": Trial("comparisons of equal arms", _equal),
    "planted": Trial("comparisons of arms with a planted difference", _planted),
    "capacity": Trial("searches for a known capacity", _capacity),
    **LAB_TRIALS,
}
