"""What an arm sets, over what its inventory says."""

from typing import Any

from ansible.errors import AnsibleError

from fleet.experiments.arms import LONGEST_NAME, Arm, arms_of, at_rate, equal_arms, merged_variables, with_inventory
from fleet.experiments.specification import Specification
from fleet.inventory import HostVariables, Inventory
from lab.places import PROJECT


def inventory(controller: dict[str, Any] | None = None, **members: dict[str, Any]) -> Inventory:
    hosts = {name: HostVariables(name, variables) for name, variables in members.items()}
    return Inventory(["here"], {"zookeeper": list(members)}, hosts, HostVariables("localhost", controller or {}))


def test_parameters_and_properties_are_laid_over_those_of_the_inventory() -> None:
    controller = {"benchmark_parameters": {"client": "native", "val-size": 1}}
    found = inventory(controller, zk1={"zookeeper_properties": {"tickTime": 1}})
    variables = {"benchmark_parameters": {"val-size": 2}, "zookeeper_properties": {"syncLimit": 3}}
    arms, problems = with_inventory([Arm("a", variables)], lambda _: found)
    assert problems == []
    assert arms[0].variables == {
        "benchmark_parameters": {"client": "native", "val-size": 2},
        "zookeeper_properties": {"tickTime": 1, "syncLimit": 3},
    }


def test_properties_that_hosts_have_differently_are_refused() -> None:
    found = inventory(zk1={"zookeeper_properties": {"tickTime": 1}}, zk2={"zookeeper_properties": {"tickTime": 2}})
    _, problems = with_inventory([Arm("a", {"zookeeper_properties": {"syncLimit": 3}})], lambda _: found)
    assert len(problems) == 1
    assert problems[0].startswith("arms.a.zookeeper_properties: hosts of inventory here have different values of it")


def test_arms_differ_by_what_the_inventory_leaves_open() -> None:
    found = inventory(zk1={"zookeeper_heap": "256m"})
    same, other = Arm("same", {"zookeeper_heap": "256m"}), Arm("other", {"zookeeper_heap": "1g"})
    assert equal_arms([Arm("base", {}), other], lambda _: found) == []
    assert len(equal_arms([Arm("base", {}), same], lambda _: found)) == 1


def test_an_arm_differs_from_members_of_which_only_some_have_its_value() -> None:
    found = inventory(zk1={"zookeeper_heap": "2g"}, zk2={})
    arms = [Arm("as-it-is", {}), Arm("all", {"zookeeper_heap": "2g"})]
    assert equal_arms(arms, lambda _: found, roles=PROJECT / "roles") == []


def test_an_arm_differs_from_members_whose_value_needs_their_facts() -> None:
    def evaluate(value: object) -> object:
        raise AnsibleError(f"{value} needs facts")

    found = inventory(zk1={})
    found.hosts = {"zk1": HostVariables("zk1", {"zookeeper_heap": "{{ ansible_facts }}"}, evaluate)}
    arms = [Arm("as-it-is", {}), Arm("other", {"zookeeper_heap": "2g"})]
    assert equal_arms(arms, lambda _: found) == []


def test_an_arm_with_an_inventory_of_its_own_differs() -> None:
    assert equal_arms([Arm("a", {}), Arm("b", {}, "elsewhere")], lambda _: inventory(zk1={})) == []


def test_a_step_of_a_search_keeps_how_operations_arrive() -> None:
    arm = Arm("a", {"benchmark_arrival": {"process": "poisson", "stages": [{"rate": 1, "for": "1s"}]}, "x": 1})
    assert at_rate(arm, 500).variables == {"benchmark_arrival": {"process": "poisson", "rate": 500}, "x": 1}


def test_both_arms_of_a_noise_experiment_set_the_same() -> None:
    first, second = arms_of(Specification("mine", "noise", scenario="quick", variables={"zookeeper_heap": "1g"}))
    assert first.variables == second.variables == {"zookeeper_heap": "1g", "benchmark_scenario": "quick"}
    assert first.name != second.name


def test_the_cells_of_a_matrix_are_named_by_their_values() -> None:
    grid: dict[str, list[Any]] = {"benchmark_parameters.val-size": [8, 64], "zookeeper_heap": ["1g", "2g"]}
    arms = arms_of(Specification("mine", "matrix", grid=grid, variables={"benchmark_parameters": {"client": "kazoo"}}))
    assert [arm.name for arm in arms][:2] == ["val-size 8, heap 1g", "val-size 8, heap 2g"]
    assert arms[0].place == ("8", "1g")
    assert arms[0].variables == {"benchmark_parameters": {"client": "kazoo", "val-size": 8}, "zookeeper_heap": "1g"}


def test_the_names_of_cells_with_long_values_are_short_and_differ() -> None:
    grid: dict[str, list[Any]] = {"benchmark_locustfile": ["/" + 300 * "x" + end for end in ("a", "b")]}
    first, second = arms_of(Specification("mine", "matrix", grid=grid))
    assert first.name != second.name
    assert max(len(first.name), len(second.name)) <= LONGEST_NAME


def test_an_axis_inside_of_a_variable_keeps_its_other_settings() -> None:
    grid: dict[str, list[Any]] = {"benchmark_arrival.rate": [100, 200], "zookeeper_properties.tickTime": [1000, 3000]}
    given = {"benchmark_arrival": {"process": "poisson", "seed": 3}}
    spec = Specification("mine", "matrix", grid=grid, variables=given)
    assert arms_of(spec)[0].variables["benchmark_arrival"] == {"process": "poisson", "seed": 3, "rate": 100}

    of_inventory = inventory(given, zk1={"zookeeper_properties": {"syncLimit": 3}})
    spec = Specification("mine", "matrix", grid=grid)
    cells, problems = with_inventory(arms_of(spec), lambda _: of_inventory, merged_variables(spec))
    assert problems == []
    assert cells[3].variables == {
        "benchmark_arrival": {"process": "poisson", "seed": 3, "rate": 200},
        "zookeeper_properties": {"syncLimit": 3, "tickTime": 3000},
    }


def test_an_axis_for_a_complete_variable_replaces_the_inventorys() -> None:
    grid: dict[str, list[Any]] = {"benchmark_arrival": [{"rate": 1}, {"rate": 2}], "benchmark_arrival.seed": [1, 2]}
    spec = Specification("mine", "matrix", grid=grid)
    of_inventory = inventory({"benchmark_arrival": {"process": "poisson"}}, zk1={})
    cells, _ = with_inventory(arms_of(spec), lambda _: of_inventory, merged_variables(spec))
    assert cells[0].variables == {"benchmark_arrival": {"rate": 1, "seed": 1}}
