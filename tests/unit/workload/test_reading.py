"""A description becomes a workload, or one problem for each mistake."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zk_locust.contract.parameters import BY_NAME
from zk_locust.workload.reading import read_workload, workload_of, workload_text
from zk_locust.workload.specification import Broadcast, Keys, Locks, Tree, Values, Watches, Workload, size_of_all

GET: dict[str, Any] = {"operations": {"get": 1}}


def sound(**content: Any) -> Workload:
    workload, problems = read_workload(GET | content)
    assert problems == []
    assert workload is not None
    return workload


def test_what_is_not_said_has_its_default() -> None:
    assert sound() == Workload(operations=(("get", 1),), keys=Keys(hot_nodes=100))
    assert workload_of(None).operations == (("get", 9.0), ("set", 1.0))


def test_everything_that_can_be_said() -> None:
    workload = sound(
        seed=7, nodes=1000, depth=3, fan_out=10, operations={"get": 1, "churn": 0.5, "lock": 2, "set": 0},
        keys={"choice": "hot-set", "hot_nodes": 5, "hot_share": 0.5},
        values={"distribution": "lognormal", "median": 100, "sigma": 1, "least": 10, "most": 1000},
        watches={"per_node": 2, "on": "children"}, ephemerals={"per_user": 3},
        locks={"count": 4, "hold": "2ms", "timeout": 5, "check": True},
    )  # fmt: skip
    assert workload == Workload(
        operations=(("get", 1), ("churn", 0.5), ("lock", 2)),
        tree=Tree(1000, 3, 10),
        keys=Keys("hot-set", hot_nodes=5, hot_share=0.5),
        values=Values("lognormal", 10, 1000, median=100, sigma=1),
        watches=Watches(per_node=2, on="children"),
        ephemerals_per_user=3,
        locks=Locks(4, 0.002, 5.0, True),
        seed=7,
    )
    assert size_of_all(workload) == 1 + 5 + 10 + 100 + 1000 + 4


def test_a_list_of_sizes_is_the_same_from_json_and_from_yaml(tmp_path: Path) -> None:
    file = tmp_path / "workload.yml"
    file.write_text("operations: {get: 1}\nvalues: {distribution: list, sizes: {64: 9, 4096: 1}}\n")
    expected = Values("list", 64, 4096, (64, 4096), (9, 1))
    assert workload_of(str(file)).values == expected
    text = workload_text(str(file))
    assert workload_of(text).values == expected
    assert workload_text(text) == text


def test_a_broadcast_needs_no_operations() -> None:
    workload, problems = read_workload({"broadcast": {"nodes": 3, "every": "1s"}})
    assert problems == []
    assert workload is not None
    assert workload.broadcast == Broadcast(3, 1.0)


D = "distribution"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ([], " [[]]: this is not a dictionary; write e.g. {operations: {get: 9, set: 1}, nodes: 1000}"),
        ({}, ".operations []: there are none; write e.g. {get: 9, set: 1}"),
        (GET | {"node": 3}, ".node [3]: there is no such setting, did you mean nodes?; it has: seed, operations"),
        ({"operations": {"gets": 1}}, ".operations.gets [1]: there is no such setting, did you mean get?"),
        ({"operations": {"get": 0, "set": 0}}, ".operations [{'get': 0, 'set': 0}]: the weights add up to nothing"),
        ({"operations": {"get": -1}}, ".operations.get [-1]: this is not from 0 to 1e+09; write e.g. 1"),
        ({"operations": {"get": "many"}}, ".operations.get [many]: this is not a number; write e.g. 1"),
        ({"operations": {"get": True}}, ".operations.get [True]: this is not a number"),
        ({"operations": {"get": float("nan")}}, ".operations.get [nan]: this is not a number"),
        ({"operations": {"get": 10**401}}, f".operations.get [1{'0' * 56}…]: this is not from 0 to 1e+09"),
        ({"operations": {"get": float("inf")}}, ".operations.get [inf]: this is not a number"),
        (GET | {"seed": 10**401}, f".seed [1{'0' * 56}…]: this is not from 0"),
        (GET | {"values": {D: "list", "sizes": {1: 10**401}}}, f".values.sizes.1 [1{'0' * 56}…]: this is not from 0"),
        ({"operations": {"lock": 1}, "locks": {"hold": "9" * 401}}, f".locks.hold [{'9' * 57}…]: this is not a dura"),
        ({"operations": {"create": 1, "delete": 2}}, ".operations.delete [2]: more is deleted than created"),
        (GET | {"nodes": 0}, ".nodes [0]: this is not from 1 to 1e+07; write e.g. 1000"),
        (GET | {"nodes": 2.5}, ".nodes [2.5]: this is not a whole number"),
        (GET | {"depth": 2}, ".fan_out []: a tree of depth 2 needs one; write e.g. 10"),
        (GET | {"fan_out": 2}, ".fan_out [2]: a tree of depth 1 has no folders; write e.g. depth: 2"),
        (GET | {"nodes": 80, "depth": 3, "fan_out": 10}, ".fan_out [10]: 100 folders are more than the 80 nodes; writ"),
        (GET | {"keys": "zipff"}, ".keys.choice [zipff]: this is unknown, did you mean zipf?; known: uniform, seq"),
        (GET | {"keys": {"choice": "zipf", "exponent": -1}}, ".keys.exponent [-1]: this is not from 0 to 5"),
        (GET | {"keys": {"exponent": 1}}, ".keys.exponent [1]: only zipf has it; write choice: zipf, or leave it out"),
        (GET | {"nodes": 9, "keys": {"choice": "hot-set", "hot_nodes": 10}}, ".keys.hot_nodes [10]: this is not from"),
        (GET | {"keys": {"choice": "hot-set", "hot_share": 2}}, ".keys.hot_share [2]: this is not from 0 to 1"),
        (GET | {"values": -1}, ".values [-1]: this is not from 0"),
        (GET | {"values": 1048576}, ".values [1048576]: the servers take 1047551 bytes at most; write less, or raise"),
        (GET | {"values": {"least": 1}}, ".values.distribution []: it is missing; known: uniform, list, lognormal"),
        (GET | {"values": {D: "gauss"}}, ".values.distribution [gauss]: this is unknown; known: uniform"),
        (GET | {"values": {D: "uniform", "least": 1}}, ".values.most []: uniform needs it; write e.g."),
        (GET | {"values": {D: "uniform", "least": 9, "most": 1}}, ".values.least [9]: this is more than most [1]"),
        (GET | {"values": {D: "uniform", "least": -9, "most": 1}}, ".values.least [-9]: this is not from 0"),
        (GET | {"values": {D: "list", "sizes": {1: 0}}}, ".values.sizes [{1: 0}]: the weights add up to noth"),
        (GET | {"values": {D: "list", "sizes": {-1: 1}}}, ".values.sizes.-1 [-1]: this is not from 0"),
        (GET | {"values": {D: "list", "sizes": {2000000: 1}}}, ".values.sizes.2000000 [2000000]: the serv"),
        (GET | {"values": {D: "lognormal", "median": 5, "sigma": 1, "least": 6, "most": 7}},
         ".values.median [5]: this is not from least [6] to most [7]"),
        (GET | {"watches": {}}, ".watches [{}]: this needs one of per_user and per_node; write e.g."),
        (GET | {"nodes": 3, "watches": {"per_user": 4}}, ".watches.per_user [4]: this is not from 0 to 3; write e.g."),
        (GET | {"watches": {"per_node": 1, "on": "date"}}, ".watches.on [date]: this is unknown, did you mean data?"),
        (GET | {"watches": {"per_user": 1, "on": "children"}}, ".watches.on [children]: nothing comes and goes below"),
        ({"operations": {"lock": 1}, "nodes": 2, "locks": {"count": 3}}, ".locks.count [3]: only 2 of them would be"),
        ({"operations": {"churn": 1}}, ".operations.churn []: there are no ephemeral nodes; write e.g. ephemerals"),
        (GET | {"ephemerals": {"per_user": 0}}, ".ephemerals.per_user [0]: this is not from 1"),
        (GET | {"locks": {"count": 1}}, ".locks [{'count': 1}]: nobody takes them; write e.g. operations: {lock: 1}"),
        ({"operations": {"lock": 1}, "locks": {"hold": "soon"}}, ".locks.hold [soon]: this is not a duration"),
        ({"operations": {"lock": 1}, "locks": {"check": 3}}, ".locks.check [3]: this is neither true nor false"),
        (GET | {"broadcast": {}}, ".operations [{'get': 1}]: with broadcast the users do nothing else; leave out one"),
        ({"broadcast": {"every": 0}}, ".broadcast.every [0]: the writer must pause between two writes"),
        (GET | {"jute_maxbuffer": 1 << 27}, ".jute_maxbuffer [134217728]: this is not from 1025 to 6.71089e+07; write"),
        (GET | {"seed": -1}, ".seed [-1]: this is not from 0"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_problem_with_its_remedy(content: object, problem: str) -> None:
    workload, problems = read_workload(content)
    assert workload is None
    assert [found.removeprefix("workload")[: len(problem)] for found in problems] == [problem]
    assert "; " in problems[0]


def test_a_raised_jute_maxbuffer_takes_larger_values() -> None:
    assert sound(values=2_000_000, jute_maxbuffer=4_194_304).values.most == 2_000_000


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"operations.gat .*; workload.nodes \[0\]: .*; workload.keys.choice \[x"):
        workload_text(json.dumps({"operations": {"gat": 1}, "nodes": 0, "keys": "x"}))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{no json", r"\[\{no json\] is not JSON: .*; write e.g. "),
        (
            "/no/such/file.yml",
            r"\[/no/such/file.yml\] cannot be read: No such file or directory; give JSON, or",
        ),
    ],
)
def test_text_that_is_neither_json_nor_a_file_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        BY_NAME["workload"].convert(text)


def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.yml"
    file.write_text("operations: {get: 1\n")
    with pytest.raises(ValueError, match=r"w.yml, line 2\] is not YAML that can be read"):
        workload_text(str(file))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3),
    max_leaves=5,
)
NAMES = (
    "operations", "nodes", "depth", "fan_out", "keys", "values", "watches", "ephemerals", "locks", "broadcast", "seed",
    "jute_maxbuffer",
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(NAMES), ANYTHING))
def test_whatever_it_is_it_is_read_or_refused(content: dict[str, Any]) -> None:
    workload, problems = read_workload(content)
    assert (workload is None) == bool(problems)


VALUES = ("distribution", "least", "most", "sizes", "median", "sigma")


@given(st.dictionaries(st.sampled_from(VALUES), ANYTHING), st.sampled_from(["uniform", "list", "lognormal"]))
def test_whatever_values_are_they_are_read_or_refused(values: dict[str, Any], distribution: str) -> None:
    for content in (values, values | {"distribution": distribution}):
        workload, problems = read_workload({"operations": {"get": 1}, "values": content})
        assert (workload is None) == bool(problems)
