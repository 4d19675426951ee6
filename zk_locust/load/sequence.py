"""The sequence: all steps of the suite, one after the other, by a schedule that all users of all workers share.

The schedule counts from the start of the measured stage, which every process knows (`stage_changed`), so all are in the
same step without telling each other. Before it, during a warm-up, users run the first step. The process that leads the
load notes in `events.csv` where a step starts and ends, and the measured stage is as long as all steps together.
"""

import logging
import random
import time
from dataclasses import dataclass
from typing import Any, ClassVar

import gevent
from locust import task

from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.options import Options
from zk_locust.contract.stage_names import MEASURED
from zk_locust.load.companion import Companion
from zk_locust.load.sequence_length import repetitions_of, step_length_s
from zk_locust.load.sequence_steps import Step, chosen_steps
from zk_locust.load.stages import happened, plan_of, stage_changed
from zk_locust.load.task_sets import ZKLocustTaskSet
from zk_locust.load.user_classes import may_run
from zk_locust.load.users_check import short_value

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


class Sequence(Companion):
    """Where this process is in the schedule. The leading one also ends the load after the last step, and notes steps.

    A process has one sequence; its users find it in `Sequence.here`.
    """

    here: ClassVar["Sequence | None"] = None

    def __init__(self, environment: Any, task_set: type, *, leads: bool) -> None:
        super().__init__(environment, task_set, leads=leads)
        Sequence.here = self
        self._began_s: float | None = None
        self._schedule: Schedule | None = None  # on the leading process, where users run the sequence
        self._turn: int | None = None
        self._walking: Any = None
        stage_changed.add_listener(self._on_stage_changed)

    def turn(self, schedule: Schedule) -> int | None:
        """Return the number of the turn; None while it is not the measured stage."""
        return None if self._began_s is None else schedule.turn_at(time.perf_counter() - self._began_s)

    def check(self) -> None:
        """Raise ConfigurationError for `--bench-include` that fits no step, and for stages of users."""
        options = self.environment.parsed_options
        Schedule.of(options)
        if Options.of(options).user_stages and may_run(self.environment, self.task_set):
            raise ConfigurationError(
                "--user-stages", short_value(options, "--user-stages"), "each step of the sequence has the same users",
                "leave out these stages, or use another locustfile",
            )  # fmt: skip

    def on_test_start(self, **_: Any) -> None:
        """Have the measured stage be as long as all steps, as the parameters say now."""
        self._schedule = None
        if may_run(self.environment, self.task_set):
            self._schedule = Schedule.of(self.environment.parsed_options)
            self._limit_measured_stage(self._schedule)

    def _limit_measured_stage(self, schedule: Schedule) -> None:
        plan, total_s = plan_of(self.environment), schedule.total_s
        if plan is None:
            return
        plan.limit_measured_stage(total_s)
        if plan.measured_s is not None and plan.measured_s < total_s:
            logger.warning(
                "--run-time ends the sequence after %g s; its %d steps take %g s",
                plan.measured_s, len(schedule.turns), total_s,
            )  # fmt: skip

    def _on_stage_changed(self, environment: Any, stage: str, elapsed_s: float, **_: Any) -> None:
        if environment is not self.environment:
            return
        self._began_s = time.perf_counter() - elapsed_s if stage == MEASURED else None
        if stage == MEASURED and self._schedule is not None and self._walking is None:
            self._begin(self._schedule, 0)
            self._walking = gevent.spawn(self._walk, self._schedule, time.perf_counter())

    def _walk(self, schedule: Schedule, began_s: float) -> None:
        for turn in range(1, len(schedule.turns)):
            gevent.sleep(max(0.0, began_s + turn * schedule.step_s - time.perf_counter()))
            self._end(schedule)
            self._begin(schedule, turn)

    def on_test_stopping(self, **_: Any) -> None:
        """End the running step."""
        if self._walking is not None:
            self._walking.kill()
            self._walking = None
        if self._schedule is not None:
            self._end(self._schedule)

    def _begin(self, schedule: Schedule, turn: int) -> None:
        self._turn = turn
        logger.info("Step %d of %d: %s", turn + 1, len(schedule.turns), schedule.turns[turn].name)
        self._note("step-start", schedule, turn)

    def _end(self, schedule: Schedule) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            self._note("step-end", schedule, turn)

    def _note(self, event: str, schedule: Schedule, turn: int) -> None:
        detail = f"{turn + 1} of {len(schedule.turns)}"
        happened.fire(environment=self.environment, event=event, subject=schedule.turns[turn].name, detail=detail)


class SequenceTaskSet(ZKLocustTaskSet):
    """What a user of the sequence does: the operations of the running step."""

    companion = Sequence

    def __init__(self, parent: Any) -> None:
        super().__init__(parent)
        self._schedule = Schedule.of(self.user.environment.parsed_options)
        self._turn: int | None = None
        self._step: Step | None = None
        self._choices: list[Any] = []

    @task
    def run_operation(self) -> None:
        """Run one operation of the step."""
        turn = Sequence.here.turn(self._schedule) if Sequence.here is not None else None
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
