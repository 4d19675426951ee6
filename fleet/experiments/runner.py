"""Goes through an experiment's plan: one benchmark after the other, void ones again, the manifest after each."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fleet.errors import FleetError
from fleet.experiments import manifest
from fleet.experiments.arms import Arm
from fleet.experiments.budget import refuse_next_run
from fleet.experiments.capacity import LOAD_SIDE, Capacity, Step, more_load_hosts, next_rate
from fleet.experiments.killed_run import NOTE, note_of, take_over
from fleet.experiments.left import left_s, open_slots
from fleet.run_record import now
from zk_locust.contract.durations import format_duration
from zk_locust.contract.experiment import CAPACITY, PAIRED
from zk_locust.contract.verdicts import VOID

LOAD_SIDE_ATTEMPTS = 2
"""A step is repeated once if the load side was its limit: it may have been so by chance."""


@dataclass(frozen=True, slots=True)
class Request:
    """A benchmark to be run. `number` counts all of the experiment, repeats too; `label` names its run.

    Of a search: `rate_per_s` is offered, and `idle_us` the median service time at the lowest rate, None until known.
    """

    number: int
    arm: Arm
    label: str
    rate_per_s: float | None = None
    idle_us: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a benchmark: the id of its run, empty where there is none, its verdict, and the reasons.

    For a search: `step` has what was found for each objective, `passed` whether all hold, and `load_limited` whether
    the load side was the limit. `took_s` is the benchmark's time, seconds. `summary` are its figures for the screen.
    `hopeless` says why no other attempt can be better.
    """

    run_id: str
    verdict: str
    took_s: float
    reasons: tuple[str, ...] = ()
    passed: bool | None = None
    load_limited: bool = False
    step: dict[str, Any] = field(default_factory=dict)
    summary: str = ""
    hopeless: str = ""


RunOne = Callable[[Request], Outcome]


class VoidRunsError(FleetError):
    """A run stays void."""


def run(folder: Path, arms: Sequence[Arm], run_one: RunOne, say: Callable[[str], object]) -> None:
    """Do what is left of an experiment's plan.

    Raises VoidRunsError where a run stays void, and BudgetSpentError before a run for which the budget is too short.
    The plan can be resumed.

    An exception of `run_one`, KeyboardInterrupt too, leaves the experiment interrupted.
    """
    content = manifest.load(folder)
    take_over(folder.parent.parent, content)
    reopen_half_blocks(content)
    content |= {"state": manifest.RUNNING, "reason": "", "ended": None}
    manifest.save(folder, content)
    by_name = {arm.name: arm for arm in arms}
    try:
        if content["kind"] == CAPACITY:
            for arm in arms:
                _search(folder, content, arm, run_one, say)
        else:
            _plan(folder, content, by_name, run_one, say)
    except BaseException as error:
        state = manifest.FAILED if isinstance(error, VoidRunsError) else manifest.INTERRUPTED
        reason = str(error) or ("" if isinstance(error, KeyboardInterrupt) else type(error).__name__)
        manifest.save(folder, content | {"state": state, "reason": reason, "ended": now()})
        raise
    manifest.save(folder, content | {"state": manifest.FINISHED, "ended": now()})


def reopen_half_blocks(content: dict[str, Any]) -> None:
    """Let the runs of a half-finished block of a comparison not count, so that the complete block is run again.

    The runs of a block are compared because they follow one another; after an interruption they would not.
    """
    if content["kind"] not in PAIRED:
        return
    half = {slot.block for slot in open_slots(content)}
    for entry in content["runs"]:
        if entry["counts"] and entry["block"] in half:
            entry["counts"] = False
            entry["reasons"] = [*entry["reasons"], "its block was interrupted, and is run again"]


def _plan(
    folder: Path, content: dict[str, Any], arms: Mapping[str, Arm], run_one: RunOne, say: Callable[[str], object]
) -> None:
    total = len(content["plan"])
    for slot in open_slots(content):
        left = format_duration(left_s(content))
        say(f"experiment: run {slot.number} of {total}, block {slot.block}, {slot.arm}; about {left} left")
        _valid_run(folder, content, arms[slot.arm], {"slot": slot.number, "block": slot.block}, run_one, say)


def _search(folder: Path, content: dict[str, Any], arm: Arm, run_one: RunOne, say: Callable[[str], object]) -> None:
    """Search one arm's capacity; nothing is done for an arm that has its answer."""
    if arm.name in content["capacity"]:
        return
    rates = tuple(content["settings"]["rates"])
    steps = [
        Step(entry["rate_per_s"], entry["passed"])
        for entry in content["runs"]
        if entry["arm"] == arm.name and entry["counts"]
    ]
    while not isinstance(found := next_rate(steps, *rates), Capacity):
        left = format_duration(left_s(content))
        say(f"experiment: {arm.name}, step {len(steps) + 1} at {found:,g}/s; at most about {left} left")
        told = _told_idle(content, arm, run_one)
        outcome = _valid_run(folder, content, arm, {"slot": None, "block": None}, told, say, found)
        if outcome.load_limited:
            achieved = float(outcome.step.get("rate_per_s") or 0.0)
            carried = max([achieved, *(step.rate_per_s for step in steps if step.passed)])
            # A run that lost all its workers does not know how many hosts it had.
            found_hosts = [entry["step"].get("load_hosts") for entry in content["runs"] if entry["arm"] == arm.name]
            hosts = max([1, *(int(each) for each in found_hosts if each)])
            content["capacity"][arm.name] = {
                **Capacity(LOAD_SIDE, max((s.rate_per_s for s in steps if s.passed), default=None), None).as_dict(),
                "more_load_hosts": more_load_hosts(hosts, found, carried),
                "limited_at_per_s": found,
            }
            break
        assert outcome.passed is not None
        steps.append(Step(found, outcome.passed))
        say(f"experiment: {found:,g}/s {'meets the objectives' if outcome.passed else 'does not meet the objectives'}")
    else:
        content["capacity"][arm.name] = found.as_dict()
    manifest.save(folder, content)


def _told_idle(content: Mapping[str, Any], arm: Arm, run_one: RunOne) -> RunOne:
    """Let each step know the median service time of the arm's first one that passed, which has the lowest rate."""

    def told(request: Request) -> Outcome:
        own = [entry for entry in content["runs"] if entry["arm"] == arm.name and entry["counts"] and entry["passed"]]
        return run_one(replace(request, idle_us=own[0]["step"].get("service_p50_us") if own else None))

    return told


def _valid_run(
    folder: Path,
    content: dict[str, Any],
    arm: Arm,
    place: dict[str, Any],
    run_one: RunOne,
    say: Callable[[str], object],
    rate_per_s: float | None = None,
) -> Outcome:
    """Run a benchmark until it is not void, and return what became of it."""
    most = 1 + int(content["settings"]["void_repeats"])
    voids = limited = 0
    while voids < most:
        refuse_next_run(content)
        attempt = voids + limited + 1
        number = len(content["runs"]) + 1
        label = f"{content['name']}-{number:02d}-{arm.name}"
        entry = {"number": number, "arm": arm.name, **place, "attempt": attempt, "rate_per_s": rate_per_s}
        manifest.save(folder, content | {NOTE: note_of(entry, label)})
        outcome = run_one(Request(number, arm, label, rate_per_s))
        counts = outcome.verdict != VOID and not outcome.load_limited
        content["runs"].append(
            entry
            | {"run_id": outcome.run_id, "verdict": outcome.verdict, "counts": counts, "reasons": list(outcome.reasons)}
            | {"took_s": _finite(outcome.took_s), "passed": outcome.passed, "load_limited": outcome.load_limited}
            | {"step": outcome.step}
        )
        manifest.save(folder, content)
        if outcome.hopeless:
            raise VoidRunsError(outcome.hopeless)
        if outcome.verdict != VOID or outcome.load_limited:
            found = f": {outcome.summary}" if outcome.summary else ""
            say(f"experiment: {outcome.verdict}, took {format_duration(outcome.took_s)}{found}")
            limited += outcome.load_limited
            if not outcome.load_limited or limited == LOAD_SIDE_ATTEMPTS:
                return outcome
            say(f"experiment: the load side was the limit, attempt {limited} of {LOAD_SIDE_ATTEMPTS}")
            continue
        voids += 1
        why = outcome.reasons[0] if outcome.reasons else "it has no result"
        say(f"experiment: run {number} is void ({why}), attempt {voids} of {most}")
    raise VoidRunsError(
        f"a run of {arm.name} was void {most} times, the last time: {why}; correct the cause, and continue with "
        f"{manifest.resume_words(content)}"
    )


def _finite(seconds: float) -> float:
    return round(seconds, 3) if math.isfinite(seconds) else 0.0
