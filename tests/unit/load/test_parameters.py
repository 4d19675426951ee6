"""The table of parameters: what it makes of values, environment, command line and documentation."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from locust.argument_parser import LocustArgumentParser

from zk_locust.contract import parameters
from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.nearest_name import nearest
from zk_locust.contract.options import Options
from zk_locust.contract.parameters import BY_NAME, PARAMETERS, Parameter, check, environment_of
from zk_locust.contract.parameters_page import parameters_page

PAGE = Path(__file__).parents[3] / "docs" / "parameters.md"
SECRET = "swordfish"


def reject(text: str) -> str:
    raise ValueError(f"[{text}] is refused; write another")


@pytest.fixture
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have one parameter more, a secret one, that refuses only `bad…`."""

    def convert(text: str) -> str:
        return reject(text) if text.startswith("bad") else text

    secret = Parameter("--password", "ZK_LOCUST_PASSWORD", convert, None, "a password", "Client", secret=True)
    monkeypatch.setattr(parameters, "PARAMETERS", (*PARAMETERS, secret))
    monkeypatch.setitem(BY_NAME, secret.name, secret)


def parser() -> Any:
    result = LocustArgumentParser(prog="locust")
    parameters.add_parameters(result)
    return result


def parse(arguments: Sequence[str], environment: dict[str, str] | None = None) -> Any:
    return parser().parse_args(list(arguments), env_vars=environment or {})


def test_names_flags_and_environment_variables_are_each_there_once() -> None:
    for names in (
        [p.name for p in PARAMETERS],
        [p.environment for p in PARAMETERS],
        [p.destination for p in PARAMETERS],
    ):
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
def test_every_default_is_a_value_that_could_be_given(parameter: Parameter) -> None:
    if parameter.default is not None:
        assert parameter.convert(parameters._as_text(parameter.default)) == parameter.default


def test_flag_wins_over_environment_and_that_over_the_default() -> None:
    environment = {"ZK_LOCUST_VAL_SIZE": "1024", "ZK_LOCUST_KEY_SIZE": "16", "ZK_LOCUST_REMOVE_NODES": "true"}
    options = parse(["--val-size", "512"], environment)
    assert (options.val_size, options.key_size, options.remove_nodes) == (512, 16, True)
    assert options.pseudo_root == "/kl"


def test_a_bad_flag_ends_with_one_line_and_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--client", "kazo"])
    assert ended.value.code == 2
    assert "[kazo] is unknown, did you mean kazoo?" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.usefixtures("_secret")
def test_a_secret_is_masked_and_not_in_the_web_ui() -> None:
    known = parser()
    assert known.secret_args_included_in_web_ui == {}
    assert "password" not in known.args_included_in_web_ui
    assert "val_size" in known.args_included_in_web_ui


@pytest.mark.usefixtures("_secret")
def test_a_bad_secret_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--password", f"bad{SECRET}"])
    assert SECRET not in capsys.readouterr().err


def test_values_are_converted() -> None:
    given = {
        "val-size": "1024",
        "min_wait": "30ms",
        "--max-wait": 60,
        "ignore-connection-down": True,
        "client": "kazoo",
    }
    values, problems = check(given)
    assert problems == []
    assert values == {
        "val-size": 1024, "min-wait": 30.0, "max-wait": 60.0, "ignore-connection-down": True, "client": "kazoo",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("val-size", "big", "val-size [big]: is not a whole number of bytes; write e.g. 1024"),
        ("val-size", -1, "val-size [-1]: is negative"),
        ("val-size", 67108865, "val-size [67108865]: is more than any server takes; write 67108864 or less (servers"),
        ("val-size", True, "val-size [True]: is not a whole number"),
        ("val-size", None, "val-size []: the value is missing"),
        ("hosts", None, "hosts []: the value is missing"),
        ("hosts", "zk1:port", "hosts [zk1:port]"),
        ("min-wait", "soon", "min-wait [soon]: is not a duration; write e.g. 500ms"),
        ("min-wait", -5, "min-wait [-5]: is not a duration"),
        ("client", "kazo", "client [kazo]: is unknown, did you mean kazoo?; known: kazoo"),
        ("pseudo-root", "kl", "pseudo-root [kl]: is not the path of a node; write e.g. /zk-locust"),
        ("pseudo-root", "/", "pseudo-root [/]"),
        ("pseudo-root", "/a/../b", "pseudo-root [/a/../b]: is not the path of a node"),
        ("kazoo-timeout-s", 3000000, "kazoo-timeout-s [3000000]: is more than 24 days, which no server takes; write"),
        ("operation-timeout", "36000m", "operation-timeout [36000m]: is more than 24 days"),
        ("operation-timeout", 0, "operation-timeout [0]: is too short; use at least 1ms, e.g. 10s"),
        ("kazoo-timeout-s", "1us", "kazoo-timeout-s [1us]: is"),
        ("pseudo-root", "/a//b", "pseudo-root [/a//b]"),
        ("zk-admin-port", 70_000, "zk-admin-port [70000]: is not a port"),
        ("zk-admin-port", 0, "zk-admin-port [0]"),
        ("zk-admin-addresses", "a=b", "zk-admin-addresses [a=b]"),
        (
            "zk-client-addresses",
            "a=b",
            "zk-client-addresses [a=b]: is no list of addresses; write e.g. zk1=10.0.0.1:2181",
        ),
        (
            "zk-metrics-collect",
            "99ms",
            "zk-metrics-collect [99ms]: is too short; use at least 100ms, or 0 to read none",
        ),
        ("remove-nodes", "perhaps", "remove-nodes [perhaps]: is neither true nor false; write true or false"),
        (
            "exception-behavior",
            "log-failures",
            "exception-behavior [log-failures]: is unknown, did you mean log-failure?",
        ),
        ("val-siez", 1, "val-siez: there is no such parameter, did you mean val-size?; docs/parameters.md"),
        ("xyzzy", 1, "xyzzy: there is no such parameter; docs/parameters.md"),
    ],
)
def test_each_problem_names_parameter_value_and_remedy(name: str, value: object, named: str) -> None:
    values, problems = check({name: value})
    assert values == {}
    (problem,) = problems
    assert problem.startswith(f"benchmark_parameters.{named}")


def test_all_problems_are_named_at_once() -> None:
    _, problems = check({"val-size": "big", "xyzzy": 1, "client": "telnet", "key-size": 8})
    assert len(problems) == 3


@pytest.mark.usefixtures("_secret")
def test_a_secret_is_in_no_problem_and_apart_from_the_plain_environment() -> None:
    for bad in ({"password": f"bad{SECRET}"}, {"pasword": SECRET}, {"pasword": {"user": SECRET}}):
        values, problems = check(bad)
        assert values == {}
        assert len(problems) == 1
        assert SECRET not in problems[0]
    values, problems = check({"password": SECRET, "val-size": 4})
    assert problems == []
    assert environment_of(values) == ({"ZK_LOCUST_VAL_SIZE": "4"}, {"ZK_LOCUST_PASSWORD": SECRET})


@given(
    st.fixed_dictionaries(
        {
            "min-wait": st.floats(0, 1e9),
            "max-wait": st.floats(0, 1e9),
            "kazoo-timeout-s": st.floats(0.01, 1e6),
            "val-size": st.integers(0, 64 * 1024 * 1024),
            "remove-nodes": st.booleans(),
            "pseudo-root": st.sampled_from(["/a", "/a/b c", "/ü"]),
        }
    )
)
def test_what_the_environment_carries_is_what_was_given(given: dict[str, Any]) -> None:
    values, problems = check(given)
    assert problems == []
    plain, _ = environment_of(values)
    for name, value in values.items():
        assert BY_NAME[name].convert(plain[BY_NAME[name].environment]) == value
        assert value == pytest.approx(given[name]) if isinstance(value, float) else value == given[name]


def test_what_is_not_given_is_not_in_the_environment() -> None:
    assert environment_of({"hosts": None, "val-size": 1}) == ({"ZK_LOCUST_VAL_SIZE": "1"}, {})


@pytest.mark.parametrize(
    ("word", "answer"), [("knows", ", did you mean known?"), ("xyzzy", ""), ("", ""), ("set", ", did you mean set?")]
)
def test_the_nearest_name(word: str, answer: str) -> None:
    assert nearest(word, ["known", "set", "other"]) == answer


def test_the_page_lists_every_parameter_and_is_current() -> None:
    page = parameters_page()
    for parameter in PARAMETERS:
        assert f"| `{parameter.flag}" in page
        assert f"`{parameter.environment}`" in page
    assert PAGE.read_text(encoding="utf-8") == page + "\n", "run zk-locust parameters > docs/parameters.md"


def test_options_have_the_defaults_of_the_table_and_seconds() -> None:
    options = Options.of(object())
    assert (options.hosts, options.client, options.pseudo_root) == (None, "kazoo", "/kl")
    assert (options.min_wait_s, options.max_wait_s, options.operation_timeout_s) == (0.0, 0.0, 10.0)


@pytest.mark.parametrize(
    ("least", "most", "expected"),
    [("30", "60", (0.03, 0.06)), ("30", None, (0.03, 0.03)), ("30", "10", (0.03, 0.03)), ("0", "5ms", (0.0, 0.005))],
)
def test_the_most_wait_is_never_below_the_least(least: str, most: str | None, expected: tuple[float, float]) -> None:
    arguments = ["--min-wait", least, *(("--max-wait", most) if most is not None else ())]
    options = Options.of(parse(arguments))
    assert (options.min_wait_s, options.max_wait_s) == pytest.approx(expected)


def test_without_hosts_there_are_no_client_settings() -> None:
    with pytest.raises(ConfigurationError, match=r"--hosts \[\]: .*; give --hosts host:port"):
        Options.of(object()).client_settings()


def test_client_settings_are_seconds() -> None:
    settings = Options.of(parse(["--hosts", "zk1", "--kazoo-timeout-s", "500ms", "--operation-timeout", "2s"]))
    assert settings.client_settings().session_timeout_s == 0.5
    assert settings.client_settings().operation_timeout_s == 2.0


def test_text_from_the_form_of_locusts_page_is_converted_or_refused() -> None:
    form = parse([])
    form.max_wait, form.hosts, form.zk_admin_addresses = "7ms", "zk1:2181", ""
    assert Options.of(form).max_wait_s == 0.007
    form.max_wait = ""
    assert Options.of(form).max_wait_s == 0.0
    form.client = "telnet"
    with pytest.raises(ConfigurationError, match=r"--client \[telnet\]: is unknown"):
        Options.of(form)


@pytest.mark.parametrize(
    ("name", "given", "of_form", "said"),
    [
        ("arrival-rate", "100", 0.0, r"--arrival-rate \[0.0\]: is not a number of operations a second above 0"),
        ("arrival-rate", "100", -5.0, r"--arrival-rate \[-5.0\]: is not a number of operations"),
        ("arrival-rate", "100", math.nan, r"--arrival-rate \[nan\]: is not a number of operations"),
        ("arrival-queue", "9", -1, r"--arrival-queue \[-1\]: is not a whole number from 1"),
        ("stats-collect", "1s", 1.0, r"--stats-collect \[1.0\]: is too short"),
        ("operation-timeout", "2s", -1.0, r"--operation-timeout \[-1.0\]: is not a duration"),
        ("val-size", "9", -8, r"--val-size \[-8\]: is negative"),
    ],
)
def test_numbers_that_locusts_page_has_converted_itself_are_checked(
    name: str, given: str, of_form: float, said: str
) -> None:
    form = parse([f"--{name}", given])
    Options.of(form)
    setattr(form, name.replace("-", "_"), of_form)
    with pytest.raises(ConfigurationError, match=said):
        Options.of(form)
