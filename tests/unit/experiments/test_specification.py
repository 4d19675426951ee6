"""Experiment files: what they say, and one clear message for each mistake."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.experiments.arms import arms_of
from fleet.experiments.specification import Specification
from fleet.experiments.specification_reading import read_content, read_file
from fleet.experiments.unique_names import read_yaml
from lab.places import PROJECT
from zk_locust.contract.experiment import Objective, parse_objective
from zk_locust.contract.inventory.names import role_variables

VARIABLES = role_variables(PROJECT / "roles")
COMPARE = {"kind": "compare", "arms": {"a": {"zookeeper_heap": "256m"}, "b": {"zookeeper_heap": "1g"}}}
MATRIX = {"kind": "matrix", "grid": {"benchmark_users": [1, 2]}}
CAPACITY = {"kind": "capacity", "objectives": ["p99 < 20ms"]}


def read(content: object) -> Specification:
    spec, problems = read_content("mine", content, VARIABLES)
    assert problems == []
    assert spec is not None
    return spec


def problem(content: object) -> str:
    spec, problems = read_content("mine", content, VARIABLES)
    assert spec is None
    assert len(problems) == 1, problems
    return problems[0]


def test_a_comparison_has_five_pairs_unless_it_says_otherwise() -> None:
    assert read(COMPARE).pairs == 5
    assert read(COMPARE | {"pairs": 8, "equivalence": "10%"}).equivalence == pytest.approx(0.1)


def test_each_kind_is_read() -> None:
    assert read({"kind": "noise"}).kind == "noise"
    assert read(MATRIX).grid == {"benchmark_users": [1, 2]}
    assert read(CAPACITY | {"rates": {"lowest": 10, "highest": 2000}}).rates == (10, 1000, 2000)
    assert read(CAPACITY | {"budget": "2h"}).budget_s == 7200


def test_faults_are_repeated_five_times_unless_the_file_says_more() -> None:
    spec = read({"kind": "recovery"})
    assert (spec.repeats, spec.blocks, spec.equivalence) == (5, 5, 0.2)
    assert spec.figures == ("leader", "write", "read", "rate", "silence")
    assert read({"kind": "recovery", "figures": ["p99"], "repeats": 7, "equivalence": "10%"}).figures == ("p99",)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"kind": "recovery", "repeats": 4}, "repeats [4]: this is not a whole number from 5 to 1000; a fault that is"),
        (
            {"kind": "recovery", "figures": ["p50"]},
            "figures [p50]: there is no such figure; known: leader, write, ",
        ),
        ({"kind": "recovery", "figures": ["writes"]}, "figures [writes]: there is no such figure, did you mean write?"),
        ({"kind": "recovery", "pairs": 5}, "pairs: kind recovery has no such setting"),
        (["kind"], "experiment [mine]: an experiment is a dictionary"),
        ({"kind": "comprae"}, "kind [comprae]: there is no such kind, did you mean compare?"),
        ({"kind": ["compare"]}, "kind [['compare']]: there is no such kind"),
        ({"arms": {}}, "kind []: there is no such kind; known: compare (pairs of runs of two or more arms); noise"),
        (COMPARE | {"arms": {"a": {}}}, "arms: a comparison needs two arms or more, and has 1"),
        ({"kind": "compare"}, "arms: a comparison needs two arms or more, and has 0"),
        (COMPARE | {"pairs": 1}, "pairs [1]: this is not a whole number from 5"),
        (COMPARE | {"pairs": True}, "pairs [True]: this is not a whole number"),
        (MATRIX | {"repeats": 1}, "repeats [1]: this is not a whole number from 2 to 1000; one run does not tell"),
        (COMPARE | {"figures": ["p98"]}, "figures [p98]: there is no such figure, did you mean p99?"),
        (COMPARE | {"paires": 5}, "paires: an experiment has no such setting, did you mean pairs?"),
        (COMPARE | {"objectives": ["p99 < 1ms"]}, "objectives: kind compare has no such setting"),
        (COMPARE | {"variables": {"zookeeper_heep": "1g"}}, "variables.zookeeper_heep: there is no such variable, did"),
        (
            COMPARE | {"arms": {"a": {"zookeper_heap": 1}, "b": {}}},
            "arms.a.zookeper_heap: there is no such variable, di",
        ),
        (COMPARE | {"arms": {"a": {}, "b": {}}}, "arms.b: it sets the same as arms.a"),
        (COMPARE | {"arms": {"a b": {}, "b": {"zookeeper_heap": 1}}}, "arms [a b]: an arm's name has 1 to 40"),
        (COMPARE | {"variables": {"benchmark_label": "x"}}, "variables.benchmark_label: the experiment sets this its"),
        (COMPARE | {"variables": {"inventory": "x"}}, "variables.inventory: name the inventory with -i"),
        (COMPARE | {"equivalence": "no"}, "equivalence [no]: this is not a share"),
        (COMPARE | {"data": "old"}, "data [old]: known: fresh"),
        (COMPARE | {"budget": "soon"}, "budget [soon] is not a duration"),
        (MATRIX | {"grid": {"benchmark_users": [1]}}, "grid.benchmark_users [[1]]: this is not a list of two values"),
        (MATRIX | {"grid": {"benchmark_users": [1, 1]}}, "grid.benchmark_users [[1, 1]]: a value occurs twice"),
        (MATRIX | {"grid": {"benchmark_usres": [1, 2]}}, "grid.benchmark_usres: there is no such variable, did you me"),
        (
            MATRIX | {"grid": {"benchmark_parameters.kazoo-sasl-options": ["a", "b"]}},
            "grid.benchmark_parameters.kazoo-sasl-options: cells are named by their values, and these have a secret;",
        ),
        (
            MATRIX | {"grid": {"benchmark_parameters": [{"kazoo-sasl-options": "a"}, {}]}},
            "grid.benchmark_parameters: cells are named by their values, and these have a secret; write kind: compare",
        ),
        (
            MATRIX | {"grid": {"benchmark_users": [8, 9], "benchmark_users.x": [1, 2]}},
            "grid.benchmark_users.x: grid.benchmark_users [8] sets the complete variable, which then has no x; leave",
        ),
        (
            MATRIX | {"grid": {"inventory": ["a", "b"], "inventory.x": [1, 2]}},
            "grid.inventory.x: this names no setting of a variable; leave out the dot",
        ),
        (
            MATRIX | {"grid": {"benchmark_parameters.": [1, 2]}},
            "grid.benchmark_parameters.: this names no setting of a variable; write e.g. benchmark_parameters.NAME",
        ),
        (MATRIX | {"budget": 0}, "budget [0]: no run fits into it; write e.g. 2h, or leave it out for no limit"),
        (MATRIX | {"budget": "0s"}, "budget [0s]: no run fits into it"),
        (MATRIX | {"scenario": None}, "scenario: no scenario is named; name one, or leave it out"),
        ({"kind": "matrix"}, "grid: a matrix needs a setting with two values or more"),
        ({"kind": "capacity"}, "objectives: a search for a capacity needs an objective"),
        (CAPACITY | {"objectives": ["p99 > 20ms"]}, "objectives [p99 > 20ms] is not an objective; write e.g."),
        (CAPACITY | {"objectives": ["p98 < 20ms"]}, "objectives [p98 < 20ms]: there is no figure p98, did you mean p9"),
        (CAPACITY | {"objectives": ["p99 < fast"]}, "objectives [p99 < fast]: [fast] is not a duration"),
        (CAPACITY | {"objectives": ["failures < 1"]}, "objectives [failures < 1]: 1 is not a share above 0 %"),
        (
            CAPACITY | {"rates": {"lowest": 10, "highest": 10}},
            "rates [lowest 10, first 10, highest 10]: lowest must be",
        ),
        (CAPACITY | {"rates": {"lowest": 0}}, "rates.lowest [0]: this is not a number of operations a second above 0"),
        (CAPACITY | {"rates": {"least": 1}}, "rates [{'least': 1}]: this is not a dictionary of lowest"),
    ],
)
def test_bad_input_gets_one_message_with_setting_value_and_remedy(content: object, expected: str) -> None:
    assert problem(content).startswith(expected)


def test_every_problem_is_named_at_once() -> None:
    _, problems = read_content("mine", COMPARE | {"pairs": 2, "figures": [], "extra": 1}, VARIABLES)
    assert len(problems) == 3


def test_a_secret_is_in_no_message() -> None:
    content = COMPARE | {"variables": {"zookeeper_passwrd": "s3cret"}}
    assert "s3cret" not in problem(content)


def test_a_file_that_is_no_yaml_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "bad.yml"
    file.write_text("kind: compare\narms: [\n")
    spec, problems = read_file(file, VARIABLES)
    assert spec is None
    assert f"experiment [{file}, line 3]: this is not YAML that can be read" in problems[0]


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        ("kind: noise\nkind: compare\n", "kind", 2),
        ("kind: compare\narms:\n  a: {}\n  b: {zookeeper_heap: 1g}\n  a: {zookeeper_heap: 2g}\n", "a", 5),
        ("kind: compare\narms:\n  '1': {}\n  1: {zookeeper_heap: 1g}\n", "1", 4),
        ("kind: noise\nvariables:\n  benchmark_parameters: {client: native, client: kazoo}\n", "client", 3),
        ("kind: matrix\ngrid:\n  benchmark_users: [1, 2]\n  benchmark_users: [3, 4]\n", "benchmark_users", 4),
        ("kind: noise\nvariables:\n  benchmark_faults:\n    - {at: 1s, do: kill, at: 2s}\n", "at", 4),
        ("kind: noise\nvariables:\n  a: &a {k: 1}\n  b: {k: 2, k: 3, <<: *a}\nkind: noise\n", "kind", 5),
        ("kind: noise\nvariables:\n  a: &a {k: 1}\n  b: {k: 2, k: 3, <<: *a}\n", "k", 4),
        ("kind: noise\nvariables:\n  a: &a {k: {l: 1, l: 2}}\n  b: {<<: *a, k: 2}\n", "l", 3),
    ],
)
def test_a_name_that_occurs_twice_is_refused_with_its_line(tmp_path: Path, text: str, name: str, line: int) -> None:
    file = tmp_path / "mine.yml"
    file.write_text(text)
    assert read_file(file, VARIABLES) == (
        None,
        [f"experiment [{file}, line {line}]: the name {name} occurs twice; rename or remove one of them"],
    )


def test_a_dictionary_that_is_merged_from_an_anchor_may_be_overridden(tmp_path: Path) -> None:
    file = tmp_path / "mine.yml"
    file.write_text(
        "kind: compare\narms:\n  a: &a {zookeeper_heap: 1g, benchmark_users: 3}\n  b: {<<: *a, zookeeper_heap: 2g}\n"
    )
    spec, _ = read_file(file, VARIABLES)
    assert spec is not None
    assert spec.arms["b"] == {"zookeeper_heap": "2g", "benchmark_users": 3}


def test_what_a_merged_dictionary_has_merged_and_overridden_itself_is_there_once() -> None:
    text = "b: &b {k: 0, m: 1}\nx: {inner: &a {<<: *b, k: 1}}\ny: {<<: *a, z: 2}\n"
    assert read_yaml(text) == {
        "b": {"k": 0, "m": 1}, "x": {"inner": {"k": 1, "m": 1}}, "y": {"k": 1, "m": 1, "z": 2},
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "# nothing\n", "null", "- &a [1]\n- *a\n", "&a {b: *a}", "{1: 2}"])
def test_other_yaml_is_read_as_ever(text: str) -> None:
    assert repr(read_yaml(text)) == repr(yaml.safe_load(text))


def test_an_empty_description_is_none(tmp_path: Path) -> None:
    assert read(COMPARE | {"description": None}).description == ""


def test_an_axis_inside_of_a_dictionary_is_laid_over_an_axis_of_dictionaries() -> None:
    for turned in (False, True):
        axes: list[tuple[str, Any]] = [
            ("benchmark_parameters", [{"client": "kazoo"}, {"client": "native"}]),
            ("benchmark_parameters.val-size", [8, 64]),
        ]
        cells = arms_of(read({"kind": "matrix", "grid": dict(axes[::-1] if turned else axes)}))
        found = [tuple(sorted(cell.variables["benchmark_parameters"].items())) for cell in cells]
        assert len(set(found)) == 4, found
        assert {name for cell in found for name, _ in cell} == {"client", "val-size"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p99 < 20ms", ("p99", "all operations", 20_000)),
        ("p99.9 of get < 1s", ("p99.9", "get", 1_000_000)),
        ("p50<500us", ("p50", "all operations", 500)),
        ("failures < 0.1%", ("failures", "all operations", 0.001)),
    ],
)
def test_objectives_are_read(text: str, expected: tuple[Any, ...]) -> None:
    assert parse_objective(text) == Objective(text, *expected)
