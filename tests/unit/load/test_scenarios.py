"""A scenario and its overrides become a plan, or the list of everything that is wrong."""

import io
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.load.scenario_files import SCENARIOS, plan_of, problems_of, scenario
from zk_locust import cli
from zk_locust.contract import parameters
from zk_locust.contract.parameters import BY_NAME, PARAMETERS, Parameter
from zk_locust.workload.scenario_files import LOCUSTFILES
from zk_locust.workload.scenario_plan import plan_as_json
from zk_locust.workload.scenarios import resolve_plan


@pytest.mark.parametrize("file", sorted(SCENARIOS.glob("*.yml")), ids=lambda file: file.stem)
def test_every_scenario_that_comes_with_the_project_is_sound(file: Path) -> None:
    plan, problems = resolve_plan(file.stem, SCENARIOS, {})
    assert problems == []
    assert plan is not None
    assert plan.description


def test_a_sound_scenario(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    assert (plan.name, plan.users, plan.spawn_rate, plan.warmup_s, plan.run_time_s) == ("mine", 8, 4.0, 5.0, 60.0)
    assert plan.planned_s == 8 / 4 + 5 + 60
    assert plan.locustfile == str(LOCUSTFILES / "locust_set.py")
    assert plan.environment == {
        "ZK_LOCUST_CLIENT": "native",
        "LOCUST_EXTRA_STATS_COLLECT": "1000.0",
        "ZK_LOCUST_ZK_METRICS_COLLECT": "1000.0",
        "ZK_LOCUST_VAL_SIZE": "64",
        "ZK_LOCUST_MIN_WAIT": "10.0",
    }
    assert plan.parameters["val-size"] == 64
    assert plan.parameters["key-size"] == 8, "defaults are in force too"
    assert "pseudo-root" not in plan.parameters, "the run chooses it"


def test_the_inventory_wins_over_the_scenario_and_parameters_are_laid_over(tmp_path: Path) -> None:
    overrides: dict[str, object] = {"users": 100, "run_time": 30, "parameters": {"val-size": 1, "key-size": 4}}
    plan = plan_of(tmp_path, overrides)
    assert (plan.users, plan.run_time_s) == (100, 30.0)
    assert [plan.parameters[name] for name in ("val-size", "key-size", "min-wait")] == [1, 4, "10ms"]


@pytest.mark.parametrize(
    ("warmup", "text", "limit_s"), [("auto", "auto:60s", 60), ("auto:2m", "auto:120s", 120), (7, "7s", 7), (0, "0s", 0)]
)
def test_the_times_of_the_plan_count_the_limit_of_the_warm_up(
    tmp_path: Path, warmup: object, text: str, limit_s: float
) -> None:
    for plan in (plan_of(tmp_path, warmup=warmup), plan_of(tmp_path, {"warmup": warmup})):
        assert (plan.warmup, plan.warmup_s, plan.planned_s) == (text, limit_s, 8 / 4 + limit_s + 60)
        printed = plan_as_json(plan, [])["plan"]
        assert printed["deadline_s"] == plan.planned_s + 40
        assert json.loads(json.dumps(printed))["warmup"] == text


@pytest.mark.parametrize(
    ("given", "client"),
    [
        ({}, "native"),
        ({"kazoo-timeout-s": 5, "digest-credential": "a:b", "kazoo-tls": False}, "native"),
        ({"client": "kazoo"}, "kazoo"),
        ({"kazoo-tls": True}, "kazoo"),
        ({"kazoo-tls-ca": "/etc/ca.pem"}, "kazoo"),
        ({"kazoo-sasl-options": '{"mechanism": "GSSAPI"}'}, "kazoo"),
        ({"kazoo-handler": "gevent-fast"}, "kazoo"),
        ({"kazoo-create-client": "mine:make"}, "kazoo"),
    ],
)
def test_a_scenario_that_names_no_client_drives_native_unless_it_sets_what_only_kazoo_has(
    tmp_path: Path, given: dict[str, object], client: str
) -> None:
    for plan in (plan_of(tmp_path, parameters=given), plan_of(tmp_path, {"parameters": given})):
        assert (plan.parameters["client"], plan.environment["ZK_LOCUST_CLIENT"]) == (client, client)


def test_a_scenario_is_found_by_name_and_by_path(tmp_path: Path) -> None:
    by_name, _ = resolve_plan("quick", SCENARIOS, {})
    by_file_name, _ = resolve_plan("quick.yml", SCENARIOS, {})
    by_path, _ = resolve_plan(str(SCENARIOS / "quick.yml"), tmp_path, {})
    assert by_name == by_file_name == by_path
    assert by_name is not None


@pytest.mark.parametrize("name", ["quik", "quick.yaml", "", ".", "/nowhere/quick.yml", "nul\0"])
def test_an_unknown_scenario_is_named_with_the_known_ones(name: str) -> None:
    plan, problems = resolve_plan(name, SCENARIOS, {})
    assert plan is None
    (problem,) = problems
    assert problem.startswith(f"benchmark_scenario [{name}]: there is no such scenario")
    assert "quick, read-mostly" in problem
    assert ("did you mean quick?" in problem) == name.startswith("qui")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("users: [1", "line 1"),
        ("a: b: c", "line 1]"),
        ("- users", "a scenario is a dictionary"),
        ("", "a scenario is a dictionary"),
        ("!!python/object:os.system {}", "not YAML that can be read"),
    ],
)
def test_a_file_that_is_no_scenario_has_that_one_problem_beside_those_of_the_inventory(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "bad.yml"
    file.write_text(text)
    plan, problems = resolve_plan(str(file), SCENARIOS, {"users": "many"})
    assert plan is None
    problem, of_inventory = problems
    assert problem.startswith(f"benchmark_scenario [{file}")
    assert said in problem
    assert of_inventory.startswith("benchmark_users [many]")


def test_a_file_that_is_no_text_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "bad.yml"
    file.write_bytes(b"\xff\xfe\x00")
    assert len(resolve_plan(str(file), SCENARIOS, {})[1]) == 1


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        *[("users", value, "not a whole number from 1") for value in (0, -1, 1.5, "many", True, "²", [8])],
        *[("spawn_rate", value, "not a number of users each second") for value in (0, -1, "fast", True, "nan", "inf")],
        *[
            ("warmup", value, "not a duration; write e.g. 500ms")
            for value in ("soon", -1, True, "5 parsecs", "auto 9s")
        ],
        ("warmup", "auto:5s", "write a limit of more than 12s, e.g. auto:60s"),
        *[("run_time", value, "not a duration") for value in ("", "-5s", "inf", [5])],
        *[("run_time", value, "measures for whole seconds, one at least") for value in (0, "500ms", 0.5, "2500ms")],
        ("locustfile", "locust_st.py", "did you mean locust_set.py?"),
        ("locustfile", "locust_set", "there is no such locustfile, did you mean locust_set.py?"),
        ("locustfile", "", "no locustfile is given, and no workload; the starter kit has: locust_"),
        ("parameters", ["val-size"], "not a dictionary"),
        ("parameters", "val-size=8", "not a dictionary"),
    ],
)
def test_each_bad_setting_is_named_with_its_source_and_remedy(
    tmp_path: Path, key: str, value: object, said: str
) -> None:
    changes: dict[str, Any] = {key: value}
    (in_scenario,) = problems_of(tmp_path, **changes)
    (in_inventory,) = problems_of(tmp_path, {key: value})
    for problem in (in_scenario, in_inventory):
        assert said in problem
        assert "val-size=8" not in problem
        assert "['val-size']" not in problem
    if key != "parameters":
        assert "[" in in_scenario
        assert "[" in in_inventory
        assert in_scenario.startswith(f"{key} in mine.yml [{value}]")
        assert in_inventory.startswith(f"benchmark_{key} [{value}]")


@pytest.mark.parametrize("key", ["users", "spawn_rate", "warmup", "run_time"])
def test_what_the_scenario_does_not_say_may_be_said_by_the_inventory(tmp_path: Path, key: str) -> None:
    (problem,) = problems_of(tmp_path, **{key: None})
    assert problem == f"{key}: mine.yml does not say it; add it there or set benchmark_{key}"
    plan_of(tmp_path, {key: 10}, **{key: None})


@pytest.mark.parametrize("value", ["swordfish", ["swordfish"], {"kazoo-sasl-options": "swordfish"}])
def test_parameters_of_the_wrong_kind_are_named_without_their_value(tmp_path: Path, value: object) -> None:
    found = [*problems_of(tmp_path, parametrs=value), *problems_of(tmp_path, {"parameters": value})]
    found += problems_of(tmp_path, {"parameters": {"val-size": {"password": "swordfish"}}})
    assert len(found) >= 3
    assert not [problem for problem in found if "swordfish" in problem]


def test_an_unknown_setting_is_named_with_the_nearest(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, run_tim="5s")
    assert problem.startswith("run_tim in mine.yml [5s]: a scenario has no such setting, did you mean run_time?")


@pytest.mark.parametrize(
    "name", ["stats-csv", "stats-distrib", "zk-metrics-csv", "zk-admin-addresses", "zk-client-addresses", "warm-up"]
)
def test_what_the_run_sets_itself_cannot_be_set(tmp_path: Path, name: str) -> None:
    value = {"zk-admin-addresses": "a=h:1", "zk-client-addresses": "a=h:1", "warm-up": 3}.get(name, "x")
    (problem,) = problems_of(tmp_path, {"parameters": {name: value}})
    assert problem.startswith(f"benchmark_parameters.{name} [")
    assert "the run sets this itself" in problem


def test_only_the_admin_servers_of_somebody_elses_ensemble_may_be_named(tmp_path: Path) -> None:
    file = str(scenario(tmp_path))
    overrides: dict[str, object] = {"parameters": {"zk-admin-addresses": "a=h:1"}}
    plan, problems = resolve_plan(file, SCENARIOS, overrides, managed=False)
    assert problems == []
    assert plan is not None
    assert plan.environment["ZK_ADMIN_ADDRESSES"] == "a=h:1"
    overrides = {"parameters": {"stats-csv": "x"}}
    assert len(resolve_plan(file, SCENARIOS, overrides, managed=False)[1]) == 1


def test_a_history_is_refused_with_a_client_that_keeps_none(tmp_path: Path) -> None:
    threads = {"client": "kazoo", "kazoo-handler": "threading"}
    (problem,) = problems_of(tmp_path, {"parameters": threads | {"history": True}})
    assert problem == (
        "benchmark_parameters.client [kazoo]: kazoo's handler with threads keeps no history; choose another "
        "kazoo-handler, or leave history out"
    )
    with_history = [{"client": client, "history": True} for client in ("native", "kazoo", "libzookeeper")]
    for allowed in (*with_history, {"history": True}, threads | {"history": False}):
        assert resolve_plan(str(scenario(tmp_path)), SCENARIOS, {"parameters": allowed})[1] == []


@pytest.mark.parametrize("client", ["native", "libzookeeper", "zkpython"])
def test_a_load_that_would_not_be_protected_as_asked_is_refused(tmp_path: Path, client: str) -> None:
    (problem,) = problems_of(tmp_path, {"parameters": {"client": client, "kazoo-tls": True}})
    assert problem.startswith(
        f"benchmark_parameters.client [{client}]: it speaks neither TLS nor SASL, and kazoo-tls is"
    )
    (problem,) = problems_of(tmp_path, {"parameters": {"client": client, "kazoo-tls-ca": "/etc/ca.pem"}})
    assert "kazoo-tls-ca is set" in problem  # it implies TLS
    for allowed in ({"client": client, "kazoo-tls": False}, {"client": "kazoo", "kazoo-tls": True}):
        assert resolve_plan(str(scenario(tmp_path)), SCENARIOS, {"parameters": allowed})[1] == []


@pytest.mark.parametrize("scenario_name", ["quick", "mine"])
def test_the_refusal_of_an_unprotected_load_prints_what_to_add(tmp_path: Path, scenario_name: str) -> None:
    of_scenario = {"client": "native", "val-size": 64}
    name = "quick" if scenario_name == "quick" else str(scenario(tmp_path, parameters=of_scenario))
    asked: dict[str, Any] = {"hosts": "zk1:2281,zk2:2281", "kazoo-tls": True, "kazoo-tls-ca": "/etc/ca.pem"}
    if scenario_name == "quick":  # it names no client
        assert resolve_plan(name, SCENARIOS, {"parameters": asked})[1] == []
        asked["client"] = "native"
    _, problems = resolve_plan(name, SCENARIOS, {"parameters": asked})
    (problem,) = problems
    said = re.search(r"add (-e .*) to the command", problem)
    assert said, problem
    option, value = shlex.split(said[1])
    assert option == "-e"
    added = yaml.safe_load(value)
    assert added == {"benchmark_parameters": asked | {"client": "kazoo"}}, "-e replaces the inventory's, all of it"
    assert resolve_plan(name, SCENARIOS, {"parameters": added["benchmark_parameters"]})[1] == []


@pytest.mark.parametrize("secret", ["kazoo-sasl-options", "kazoo-tls-key-password", "my-password"])
def test_the_refusal_of_an_unprotected_load_prints_no_secret(tmp_path: Path, secret: str) -> None:
    asked = {"client": "native", "kazoo-tls": True, secret: '{"password": "hush-7"}'}
    problems = problems_of(tmp_path, {"parameters": asked})
    assert "hush-7" not in str(problems)
    (problem,) = (problem for problem in problems if "neither TLS nor SASL" in problem)
    assert "set client: kazoo in benchmark_parameters, beside what is there" in problem
    assert "-e {" not in problem


def test_a_run_without_statistics_is_refused(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, {"parameters": {"stats-collect": 0}})
    assert "stats-collect [0]" in problem


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    overrides: dict[str, object] = {"users": "many", "parameters": {"val-siez": 1, "client": "telnet"}}
    problems = problems_of(tmp_path, overrides, warmup="soon", locustfile="none.py", color="red")
    assert len(problems) == 6


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"def f(:\n", "line 1]: this is not Python"), (b"a = 1\nb = (\n", "line 2"), (b"a = '\0'\n", "null bytes")],
)
def test_a_locustfile_that_is_no_python_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "mine.py").write_bytes(content)
    (problem,) = problems_of(tmp_path, locustfile="mine.py")
    assert problem.startswith("locustfile in mine.yml [mine.py")
    assert said in problem


def test_a_locustfile_beside_the_scenario_is_found(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("a = 1\n")
    assert plan_of(tmp_path, locustfile="mine.py").locustfile == str(tmp_path / "mine.py")


def test_a_locustfiles_own_parameter_is_secret_by_its_name(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"parameters": {"bench-api-key": "swordfish", "bench-keys": "many"}})
    assert plan.secret_environment == {"ZK_LOCUST_BENCH_API_KEY": "swordfish"}
    assert plan.parameters["bench-keys"] == "many"
    assert "swordfish" not in str(plan.parameters | plan.environment)


def test_secrets_are_in_no_parameter_and_no_plain_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = Parameter("--password", "ZK_LOCUST_PASSWORD", str, None, "a password", "Client", secret=True)
    monkeypatch.setattr(parameters, "PARAMETERS", (*PARAMETERS, secret))
    monkeypatch.setitem(BY_NAME, secret.name, secret)
    plan = plan_of(tmp_path, {"parameters": {"password": "swordfish"}})
    assert plan.secret_environment == {"ZK_LOCUST_PASSWORD": "swordfish"}
    shown = plan_as_json(plan, [])
    del shown["plan"]["secret_environment"]
    assert "swordfish" not in json.dumps(shown)


settings = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.lists(st.integers())


@given(
    st.dictionaries(
        st.sampled_from(["users", "spawn_rate", "warmup", "run_time", "locustfile", "parameters"]),
        settings | st.dictionaries(st.sampled_from([*BY_NAME, "xyzzy"]), settings),
    )
)
def test_whatever_the_inventory_says_there_is_a_plan_or_a_problem(overrides: dict[str, object]) -> None:
    plan, problems = resolve_plan("quick", SCENARIOS, overrides)
    assert (plan is None) == bool(problems)
    json.dumps(plan_as_json(plan, problems))


def test_the_command_hears_whose_ensemble_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = {"parameters": {"zk-admin-addresses": "a=h:1"}}
    for managed in (True, False):
        request = {"scenario": "quick", "scenarios_dir": str(SCENARIOS), "overrides": overrides, "managed": managed}
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(request)))
        assert cli.main(["resolve-plan"]) == 0
        assert bool(json.loads(capsys.readouterr().out)["problems"]) == managed


def test_the_command_prints_plan_and_problems_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for users, problems in ((5, 0), ("many", 1)):
        request = {"scenario": "quick", "scenarios_dir": str(SCENARIOS), "overrides": {"users": users}}
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(request)))
        assert cli.main(["resolve-plan"]) == 0
        answer = json.loads(capsys.readouterr().out)
        assert len(answer["problems"]) == problems
        assert (answer["plan"] is None) == bool(problems)


@pytest.mark.parametrize(
    ("hosts", "members"),
    [
        (
            "a.example.org,b.example.org:2182/app",
            [("a.example.org:2181", "a.example.org", 2181), ("b.example.org:2182", "b.example.org", 2182)],
        ),
        ("[::1],[fd00::2]:2182", [("[::1]:2181", "::1", 2181), ("[fd00::2]:2182", "fd00::2", 2182)]),
        (None, []),
    ],
)
def test_a_plan_has_the_members_that_its_connect_string_names(
    tmp_path: Path, hosts: str | None, members: list[tuple[str, str, int]]
) -> None:
    plan = plan_of(tmp_path, {"parameters": {"hosts": hosts} if hosts else {}})
    shown = plan_as_json(plan, [])["plan"]["members"]
    assert [(member["name"], member["address"], member["client_port"]) for member in shown] == members


@pytest.mark.parametrize(
    ("parameters", "run_time", "planned_s"),
    [
        ({}, None, 200.0),
        ({"bench-include": "connect,set", "bench-step-duration": "5s", "bench-repetitions": 2}, None, 40.0),
        ({"bench-include": "connect,set", "bench-step-duration": "1100ms"}, None, 5.0),
        ({}, "1h", 200.0),
        ({}, "30s", 30.0),
    ],
)
def test_the_sequence_runs_as_long_as_its_steps_unless_it_is_to_be_cut_short(
    tmp_path: Path, parameters: dict[str, object], run_time: str | None, planned_s: float
) -> None:
    plan = plan_of(tmp_path, locustfile="locust_sequence.py", run_time=run_time, parameters=parameters)
    assert plan.run_time_s == planned_s
    assert plan.planned_s == planned_s + 2 + 5


def test_a_pattern_that_fits_no_step_is_a_problem_before_any_host_is_touched(tmp_path: Path) -> None:
    parameters = {"bench-include": "sett"}
    (problem,) = problems_of(tmp_path, locustfile="locust_sequence.py", run_time=None, parameters=parameters)
    assert problem.startswith("benchmark_parameters.bench-include [sett]: it fits no step, did you mean set_")


def test_an_unknown_scenario_hides_no_other_problem(tmp_path: Path) -> None:
    overrides: dict[str, object] = {"users": 0, "run_time": "abc", "parameters": {"val-siz": 1}}
    plan, problems = resolve_plan("quik", tmp_path, overrides)
    assert plan is None
    assert [problem.split(" ")[0].rstrip(":") for problem in problems] == [
        "benchmark_scenario",
        "benchmark_users",
        "benchmark_run_time",
        "benchmark_parameters.val-siz",
    ]
