"""The sequence: a whole suite, one step after the other, by a schedule that all users of all workers share.

The schedule counts from the start of the measured stage, which every process knows (`stage_changed`), so all are in the
same step without telling each other. Before it, during a warm-up, users run the first step. The process that leads the
load notes in `events.csv` where a step starts and ends, and the measured stage is as long as all steps together.
"""

import logging
import random
import time
from dataclasses import dataclass
from typing import Any

import gevent
import locust
from locust import task
from locust.runners import WorkerRunner

from zk_locust.load.picked_classes import may_run
from zk_locust.load.sequence_length import repetitions_of, step_length_s
from zk_locust.load.sequence_steps import Step, chosen_steps
from zk_locust.load.settings_check import add_settings_check
from zk_locust.load.stages import MEASURED, happened, plan_of, stage_changed
from zk_locust.load.task_sets import ZKLocustTaskSet

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which step is when. `turns` has every step as often as it runs."""

    turns: tuple[Step, ...]
    step_s: float

    @classmethod
    def of(cls, parsed_options: Any) -> "Schedule":
        """Read Locust's parsed options. Raises ConfigurationError for `--bench-include` that fits no step."""
        steps = chosen_steps(getattr(parsed_options, "bench_include", None))
        repetitions = repetitions_of(getattr(parsed_options, "bench_repetitions", None))
        return cls(tuple(steps) * repetitions, step_length_s(getattr(parsed_options, "bench_step_duration", None)))

    @property
    def total_s(self) -> float:
        """Length of all steps together, seconds."""
        return len(self.turns) * self.step_s

    def turn_at(self, elapsed_s: float) -> int:
        """Return the number of the running turn; the first before the start, the last after the end."""
        return max(0, min(int(elapsed_s / self.step_s), len(self.turns) - 1))


class SequenceClock:
    """Where this process is in the schedule."""

    def __init__(self) -> None:
        self._began_s: float | None = None
        stage_changed.add_listener(self._on_stage_changed)

    def _on_stage_changed(self, stage: str, elapsed_s: float, **_: Any) -> None:
        self._began_s = time.perf_counter() - elapsed_s if stage == MEASURED else None

    def turn(self, schedule: Schedule) -> int | None:
        """Return the number of the turn; None while it is not the measured stage."""
        return None if self._began_s is None else schedule.turn_at(time.perf_counter() - self._began_s)


_clock: SequenceClock | None = None


def register_sequence() -> None:
    """Let the load follow the schedule. Safe to call again."""
    global _clock
    if _clock is None:
        _clock = SequenceClock()
        locust.events.init.add_listener(_on_init)
    add_settings_check(Schedule.of)


def _on_init(environment: Any, runner: Any, **_: Any) -> None:
    if runner is not None and not isinstance(runner, WorkerRunner) and may_run(environment, SequenceTaskSet):
        SequenceLeader(environment)


class SequenceLeader:
    """The master's, or the local process's share: it ends the load after the last step, and notes the steps."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._schedule = Schedule.of(environment.parsed_options)
        self._turn: int | None = None
        self._walking: Any = None
        events = environment.events
        # Before the plan's own listeners: it takes the length when a test starts, and waits for workers when it stops.
        events.test_start._handlers.insert(0, self._on_test_start)
        events.test_stopping._handlers.insert(0, self._on_test_stopping)
        stage_changed.add_listener(self._on_stage_changed)
        self._limit_measured_stage()

    def _on_test_start(self, **_: Any) -> None:
        # The page's form may have changed it.
        self._schedule = Schedule.of(self._environment.parsed_options)
        self._limit_measured_stage()

    def _limit_measured_stage(self) -> None:
        plan, total_s = plan_of(self._environment), self._schedule.total_s
        if plan is None:
            return
        plan.limit_measured_stage(total_s)
        if plan.measured_s is not None and plan.measured_s < total_s:
            logger.warning(
                "--run-time ends the sequence after %g s; its %d steps take %g s",
                plan.measured_s, len(self._schedule.turns), total_s,
            )  # fmt: skip

    def _on_stage_changed(self, stage: str, **_: Any) -> None:
        if stage == MEASURED and self._walking is None:
            self._begin(0)
            self._walking = gevent.spawn(self._walk, time.perf_counter())

    def _walk(self, began_s: float) -> None:
        for turn in range(1, len(self._schedule.turns)):
            gevent.sleep(max(0.0, began_s + turn * self._schedule.step_s - time.perf_counter()))
            self._end()
            self._begin(turn)

    def _on_test_stopping(self, **_: Any) -> None:
        if self._walking is not None:
            self._walking.kill()
            self._walking = None
        self._end()

    def _begin(self, turn: int) -> None:
        self._turn = turn
        self._note("step-start", turn)

    def _end(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            self._note("step-end", turn)

    def _note(self, event: str, turn: int) -> None:
        count = len(self._schedule.turns)
        name = self._schedule.turns[turn].name
        if event == "step-start":
            logger.info("Step %d of %d: %s", turn + 1, count, name)
        happened.fire(environment=self._environment, event=event, subject=name, detail=f"{turn + 1} of {count}")


class SequenceTaskSet(ZKLocustTaskSet):
    """What a user of the sequence does: the operations of the running step."""

    def __init__(self, parent: Any) -> None:
        super().__init__(parent)
        self._schedule = Schedule.of(self.user.environment.parsed_options)
        self._turn: int | None = None
        self._step: Step | None = None
        self._choices: list[Any] = []

    @task
    def run_operation(self) -> None:
        """Run one operation of the step."""
        turn = _clock.turn(self._schedule) if _clock is not None else None
        if turn is None:
            turn = self._turn or 0
        if turn != self._turn:
            self._enter(turn)
        random.choice(self._choices)(self)

    def _enter(self, turn: int) -> None:
        user: Any = self.user
        before, step = self._step, self._schedule.turns[turn]
        if step.connects or (before is not None and before.leaves_watches):
            user.client.stop()
        if not step.connects:
            user.connect()
        self._choices = [op.task for op, weight in step.operations(user.client) for _ in range(weight)]
        self._turn, self._step = turn, step
