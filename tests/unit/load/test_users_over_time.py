"""Users over time: what stages and control programs may say, what is refused, and what a program does."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from locust import LoadTestShape
from locust.env import Environment
from locust.event import Events
from locust.runners import STATE_RUNNING

from tests.unit.load.fakes import options
from tests.unit.load.scenario_files import plan_of, problems_of
from zk_locust.contract.control_program import parse_control_program
from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.run_plan import run_plan
from zk_locust.contract.user_stages import (
    UserStage,
    course,
    of_plan,
    parse_user_stages,
    planned_users,
    read_user_stages,
    too_slow,
)
from zk_locust.load import user_control
from zk_locust.load.control_program import run_control_program
from zk_locust.load.controller import Controller
from zk_locust.load.user_control import UserControl
from zk_locust.load.users_check import check_users_over_time, take_users_of_stages
from zk_locust.workload.scenario_plan import plan_as_json

STAGES = [{"users": 2, "for": "10s"}, {"from": 4, "to": 10, "for": "6s"}, {"from": 1, "to": 4, "steps": 2, "for": "4s"}]
FOUND = (UserStage(2, 2, 10), UserStage(4, 10, 6), UserStage(1, 1, 2), UserStage(4, 4, 2))


def test_stages_are_constant_ramps_and_staircases() -> None:
    assert read_user_stages(STAGES) == (FOUND, [])
    assert parse_user_stages(json.dumps(STAGES)) == FOUND
    assert [str(stage) for stage in FOUND[:2]] == ["2 users for 10 s", "4 to 10 users for 6 s"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], "user_stages [[]]: this is not a list of stages; write e.g. [{users: 10, for: 30s}, {from: 10, to: 100, "),
        ([{"users": 0, "for": 1}], "user_stages[1].users [0]: this is not a whole number from 1 to 10000000; write"),
        ([{"users": 1.5, "for": 1}], "user_stages[1].users [1.5]: this is not a whole number from 1 to 10000000"),
        ([{"users": 5}], "user_stages[1] [{'users': 5}]: the stage has no length; add for: 30s"),
        ([{"rate": 5, "for": 1}], "user_stages[1].rate [5]: there is no such setting; it has: users, from, to, steps"),
        ([{"from": 5, "for": 1}], "a stage has users, or from and to; write {users: 10, for: 30s}, or {from: 10, to:"),
    ],
)  # fmt: skip
def test_a_mistake_in_stages_is_named_with_its_remedy(content: object, said: str) -> None:
    found, problems = read_user_stages(content)
    assert found == ()
    assert any(said in problem for problem in problems), problems


def test_a_step_takes_place_at_the_spawn_rate_and_a_ramp_takes_the_rest() -> None:
    points = course(FOUND, 1.0)
    assert points[:6] == [(0, 2), (0, 2), (10, 2), (10, 2), (12, 4), (16, 10)]
    assert points[6:9] == [(16, 10), (18, 1), (18, 1)]
    assert planned_users(points, 0, 9) == (2, 2)
    assert planned_users(points, 9, 11) == (2, 3)
    assert planned_users(points, 14, 14) == (7, 7)
    assert planned_users(points, 30, 40) == (4, 4)


def test_a_step_that_takes_longer_than_its_stage_is_refused() -> None:
    assert too_slow(FOUND, 4.5) == ""
    assert too_slow(FOUND, 1.0) == (
        "stage 3 begins with a change of 9 users, which takes 9 s at 1 users a second, and lasts 2 s"
    )


@pytest.mark.parametrize("content", [[{"from_users": 1}], [{"from_users": 1, "to_users": 1, "planned_s": 0}], [3]])
def test_stages_of_a_manifest_in_another_shape_are_refused(content: list[Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        of_plan(content)


def test_a_scenario_has_stages_of_users_in_place_of_users_and_run_time(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, users=None, run_time=None, spawn_rate=5, warmup=0, user_stages=STAGES,
                   parameters={"client": "native"})  # fmt: skip
    assert (plan.users, plan.first_users, plan.run_time_s) == (10, 2, 20)
    assert parse_user_stages(plan.environment["ZK_LOCUST_USER_STAGES"]) == FOUND
    written = run_plan(plan_as_json(plan, [])["plan"], {"load1": 2}, [], ["zk1"])
    assert of_plan(written["user_stages"] or ()) == FOUND
    assert written["users"] == 10
    assert written["stages"][0] == {"name": "warm-up", "planned_s": 0.0}  # in which the first users start
    assert plan_of(tmp_path, {"user_stages": STAGES}, spawn_rate=5, run_time="7s").run_time_s == 7
    assert run_plan(plan_as_json(plan_of(tmp_path), [])["plan"], {}, [], [])["user_stages"] is None


def test_mistakes_in_a_scenarios_stages_of_users_are_refused(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, {"user_stages": [{"users": "many", "for": 1}]})
    assert problem.startswith("benchmark_user_stages: user_stages[1].users [many]: this is not a whole number")
    (problem,) = problems_of(tmp_path, user_stages=STAGES, spawn_rate=9)
    assert problem == ("users in mine.yml [8]: user_stages in mine.yml says how many users run; leave out one of them")
    (problem,) = problems_of(tmp_path, {"users": 5}, users=None, user_stages=STAGES, spawn_rate=9)
    assert problem.startswith("benchmark_users [5]: user_stages in mine.yml says how many users run")
    (problem,) = problems_of(tmp_path, users=None, user_stages=STAGES, spawn_rate=1)
    assert problem.startswith("user_stages in mine.yml: stage 3 begins with a change of 9 users, which takes 9 s at 1")
    (problem,) = problems_of(tmp_path, users=None, user_stages=STAGES, spawn_rate=9, arrival=100)
    assert problem.startswith("user_stages in mine.yml: the sessions of an open loop stay the same")
    (problem,) = problems_of(
        tmp_path, {"locustfile": "locust_sequence.py"}, users=None, user_stages=STAGES, spawn_rate=9
    )
    assert problem == (
        "user_stages in mine.yml: each step of the sequence has the same users; leave out these stages, or change "
        "benchmark_locustfile"
    )
    (problem,) = problems_of(tmp_path, {"parameters": {"user-stages": json.dumps(STAGES)}})
    assert problem.endswith("the run sets this itself; set benchmark_user_stages, or user_stages in the scenario")
    (problem,) = problems_of(
        tmp_path, users=None, user_stages=STAGES, spawn_rate=9, parameters={"control-program": "sleep 5"}
    )
    assert problem.startswith("benchmark_parameters.control-program: user_stages in mine.yml changes the number of")


class Steps(LoadTestShape):
    """A shape of a locustfile."""

    def tick(self) -> None:
        """End at once."""


STEPS = Steps()  # type: ignore[no-untyped-call]


def environment(shape: object = None, **given: Any) -> Any:
    parsed = SimpleNamespace(hosts="zk1:2181", spawn_rate=9, num_users=None)
    vars(parsed).update(given)
    return SimpleNamespace(parsed_options=parsed, shape_class=shape)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"control_program": "sleep 1"},
            r"--user-stages \[\[{.*…\]: --control-program changes the number of users too",
        ),
        ({"shape": STEPS}, r"LoadTestShape \[Steps\] changes the number of users too; leave out"),
        ({"arrival_rate": "5"}, r"the sessions of an open loop stay the same; leave out this, or the arrival rate"),
        ({"spawn_rate": 1}, r"stage 3 begins with a change of 9 users.*; raise --spawn-rate, or write a ramp"),
    ],
)
def test_what_contradicts_stages_of_users_is_refused(given: dict[str, Any], said: str) -> None:
    check_users_over_time(environment(user_stages=json.dumps(STAGES)))
    with pytest.raises(ConfigurationError, match=said):
        check_users_over_time(environment(user_stages=json.dumps(STAGES), **given))


def test_a_function_excludes_stages_but_not_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_control, "_functions", [check_users_over_time])
    check_users_over_time(environment(control_program="sleep 1"))
    with pytest.raises(
        ConfigurationError, match=r"register_controller \[check_users_over_time\] changes the number of users too"
    ):
        check_users_over_time(environment(user_stages=json.dumps(STAGES)))
    with pytest.raises(ConfigurationError, match=r"LoadTestShape \[Steps\]: register_controller \[check"):
        check_users_over_time(environment(STEPS))
    with pytest.raises(ConfigurationError, match=r"register_controller \[check.*\]: the sessions of an open loop"):
        check_users_over_time(environment(arrival_rate="5"))


def test_a_load_starts_with_the_users_of_the_first_stage() -> None:
    found = environment(user_stages=json.dumps(STAGES))
    take_users_of_stages(found, page=False)
    assert found.parsed_options.num_users == 2
    found.parsed_options.num_users = 3
    with pytest.raises(
        ConfigurationError, match=r"--users \[3\]: --user-stages begins with 2 users; leave out --users"
    ):
        take_users_of_stages(found, page=False)
    take_users_of_stages(found, page=True)
    assert found.parsed_options.num_users == 2


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("slep 5\nsleep 1", "line 1 [slep 5]: there is no such instruction, did you mean sleep?; known: poll_initial"),
        ("sleep soon", "line 1 [sleep soon]: this is not a whole number from 0"),
        ("sleep 1\n\n multiply_num_clients <>-1", "line 3 [multiply_num_clients <>-1]: [-1] is not a number above 0"),
        ("sleep 1 2", "line 1 [sleep 1 2]: sleep has 1 arguments, not 2"),
        ("change_num_clients 5", "no instruction sleeps; add e.g. sleep 5000"),
        ("sleep 0", "no instruction sleeps; add e.g. sleep 5000"),
    ],
)
def test_a_mistake_in_a_program_is_named_with_its_line(program: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"line|sleeps") as refused:
        parse_control_program(program)
    assert said in str(refused.value)
    with pytest.raises(ConfigurationError, match="--control-program"):
        options(control_program=program)


class Ended(BaseException):
    """Ends a program, which runs in a loop."""


class Users:
    """Users that start and stop at once, and a program that ends after some pauses."""

    def __init__(self, users: int, pauses: int) -> None:
        self.target_user_count = users
        self.had: list[int] = []
        self.rates: list[float | None] = []
        self._pauses = pauses

    def change(self, users: int, rate: float | None) -> None:
        self.target_user_count = users
        self.rates.append(rate)

    def pause(self, _ms: float, _cause: str | None = None) -> None:
        self.had.append(self.target_user_count)
        if len(self.had) == self._pauses:
            raise Ended


def ran(program: str, users: int, pauses: int) -> Users:
    runner = Users(users, pauses)
    controller = Controller(runner, lambda: None, runner.change)
    vars(controller)["sleep_ms"] = runner.pause
    with pytest.raises(Ended):
        run_control_program(parse_control_program(program), controller)
    return runner


@pytest.mark.parametrize(
    ("program", "had"),
    [
        # The example of the older locustfile locust_set_with_controller.py.
        (
            "\n  poll_initial_hatch_complete 500\n  # bounds\n  set_min_num_clients 16\n  set_max_num_clients 64\n"
            "  sleep 5000\n  multiply_num_clients <>2\n",
            [16, 32, 64, 32, 16, 32],
        ),
        ("sleep 1\nmultiply_num_clients <>3\nsleep 1\nmultiply_num_clients", [16, 48, 64, 21, 16, 48]),
        ("sleep 1\nadd_num_clients <>24", [16, 40, 64, 40, 16, 40]),
        ("sleep 1\nadd_num_clients 10\nsleep 1\nadd_num_clients -4", [16, 26, 22, 32, 28, 38]),
        ("sleep 1\nmultiply_num_clients 1.5", [16, 24, 36, 54, 64, 64]),
        ("change_num_clients 1000 5\nsleep 1\nchange_num_clients 1\nsleep 1", [64, 16, 64, 16, 64, 16]),
    ],
)
def test_a_program_goes_up_and_down_between_its_bounds(program: str, had: list[int]) -> None:
    """By default the bounds are the users of the start and 4 times as many."""
    assert ran(program, 16, len(had)).had == had


def test_a_program_may_say_at_which_rate_users_start() -> None:
    assert ran("change_num_clients 20 5\nsleep 1\nchange_num_clients 16\nsleep 1", 16, 2).rates == [5.0, None]


class SlowRunner:
    """A runner that starts its users in a greenlet, as Locust's local one does."""

    state = STATE_RUNNING
    target_user_count = 2

    def __init__(self) -> None:
        self.asked: list[tuple[int, float]] = []
        self.ended = 0

    def start(self, users: int, rate: float) -> None:
        self.asked.append((users, rate))
        try:
            gevent.sleep(10)
        finally:
            self.ended += 1


def test_a_change_is_known_at_once_and_ends_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    runner, had = SlowRunner(), list[int]()

    def grow(controller: Controller) -> None:
        for _ in range(2):
            controller.start_hatching(num_clients=2 * controller.get_num_clients())
            had.append(controller.get_num_clients())
            gevent.sleep(0)

    monkeypatch.setattr(user_control, "_functions", [grow])
    control = UserControl(Environment(events=Events(), parsed_options=environment().parsed_options), runner)
    control.on_test_start()
    gevent.sleep(0)
    assert had == []  # the users of the start are starting
    control.on_spawning_complete(2)
    gevent.sleep(0.01)
    control.on_test_stopping()
    assert had == [4, 8]
    assert runner.asked == [(4, 2.0), (8, 4.0)]
    assert runner.ended == 1


def test_a_controller_has_what_functions_of_2019_ask_for() -> None:
    runner = SimpleNamespace(
        target_user_count=4, user_count=3, environment=SimpleNamespace(parsed_options=SimpleNamespace(spawn_rate=2))
    )
    asked: list[tuple[int, float | None]] = []
    controller = Controller(runner, lambda: None, lambda users, rate: asked.append((users, rate)))
    assert controller.wait_initial_hatch_complete(sleep_ms=10) == controller.get_num_clients() == 4
    assert (controller.get_user_count(), controller.get_num_workers(), controller.get_hatch_rate()) == (3, 1, 2.0)
    controller.start_hatching(num_clients=2, hatch_rate=-2)
    controller.start_hatching(num_clients=9, hatch_rate=0)
    controller.start_hatching()
    assert asked == [(2, 2), (9, None), (4, None)]
    with pytest.raises(ValueError, match=r"num_clients \[-1\] is below 0"):
        controller.start_hatching(num_clients=-1)
