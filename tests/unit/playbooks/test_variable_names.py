"""A variable that looks like ours and is none is refused with the nearest name; everybody else's are left alone."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from zk_locust.contract.inventory.names import judged_variables, role_variables

ROOT = Path(__file__).parents[3]
KNOWN = role_variables(ROOT / "roles")
GROUPS = {"zookeeper": ["a", "b"], "locust_master": ["m"], "locust_workers": ["m"]}


def problems(everywhere: dict[str, Any] | None = None, **by_host: dict[str, Any]) -> list[str]:
    hostvars = {name: (everywhere or {}) | by_host.get(name, {}) for name in ("localhost", "a", "b", "m")}
    return judged_variables(GROUPS, hostvars, KNOWN)[0]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("benchmark_user", "benchmark_users"),
        ("benchmark_warm_up", "benchmark_warmup"),
        ("zookeeper_heapsize", "zookeeper_heap"),
        ("zookeper_heap", "zookeeper_heap"),
        ("bench_users", "benchmark_users"),
        ("locust_process", "locust_processes"),
        ("load_host_wheel", "load_host_wheels"),
        ("run_lease_takes", "run_lease_take"),
        ("preflight_clock_limits", "preflight_clock_limit_s"),
    ],
)
def test_a_typing_error_is_refused_with_the_nearest_name(name: str, meant: str) -> None:
    (problem,) = problems({name: "hunter2"})
    assert problem.startswith(f"every host: {name}: there is no such variable, did you mean {meant}?; correct the name")
    assert "hunter2" not in problem


def test_the_hosts_that_have_it_are_named() -> None:
    (problem,) = problems(b={"zookeeper_bind_adress": "x"})
    assert problem.startswith(
        "b: zookeeper_bind_adress: there is no such variable, did you mean zookeeper_bind_address"
    )


@pytest.mark.parametrize(
    "name",
    [
        *("ansible_host", "inventory_hostname", "groups", "hostvars", "playbook_dir", "ansible_zookeeper_heap"),
        *("_zookeeper_debian_jars", "host_facts_answer", "preflight_began"),
        *("site", "datacenter", "users", "heap", "my_heap", "kafka_heap", "db_users", "zk_version", "rack_id", "label"),
    ],
)
def test_variables_of_others_are_left_alone(name: str) -> None:
    assert problems({name: "x"}) == []


OF_OTHER_SOFTWARE = (
    *("zookeeper_exporter_port", "zookeeper_hosts", "zookeeper_group", "zookeeper_cluster_name", "zookeeper_jvm_opts"),
    *("locust_exporter_port", "locust_version", "benchmark_owner"),
)


@pytest.mark.parametrize("name", OF_OTHER_SOFTWARE)
def test_our_prefix_alone_is_a_warning_and_a_problem_with_e(name: str) -> None:
    hostvars = {host: {name: "hunter2"} for host in ("localhost", "a", "b", "m")}
    assert problems({name: "hunter2"}) == []
    _, (warning,) = judged_variables(GROUPS, hostvars, KNOWN)
    assert warning == (
        f"every host: {name}: zk-locust has no such variable; if it belongs to other software, list it in"
        " preflight_variables_allowed"
    )
    (problem,), _ = judged_variables(GROUPS, hostvars, KNOWN, given={name})
    assert problem.startswith(f"every host: {name}: there is no such variable")
    assert judged_variables(GROUPS, hostvars, KNOWN, given={name})[1] == []


@pytest.mark.parametrize(
    "name",
    [
        *("bookkeeper_client_port", "bookkeeper_heap", "bookkeeper_version", "old_zookeeper_version"),
        "my_zookeeper_heap",
    ],
)
def test_names_without_our_prefix_may_resemble_ours(name: str) -> None:
    assert problems({name: "x"}) == []
    assert judged_variables(GROUPS, {"a": {name: "x"}, "b": {}, "m": {}}, KNOWN)[1] == []


@pytest.mark.parametrize("name", ["benchmark_user", "zookeeper_hosts", "zookeper_heap"])
def test_a_variable_that_is_allowed_is_left_alone(name: str) -> None:
    hostvars = {host: {name: "x", "preflight_variables_allowed": [name]} for host in ("localhost", "a", "b", "m")}
    assert judged_variables(GROUPS, hostvars, KNOWN, given={name})[0] == []
    assert judged_variables(GROUPS, hostvars, KNOWN)[1] == []
    as_text: dict[str, dict[str, Any]] = {
        "a": {name: "x", "preflight_variables_allowed": f"x, {name}"},
        "b": {},
        "m": {},
    }
    assert judged_variables(GROUPS, as_text, KNOWN)[0] == []
    assert "preflight_variables_allowed" in problems({"benchmark_user": 1})[0]


@pytest.mark.parametrize("name", ["benchmark_plan", "run_lease_run_id", "run_record_state"])
def test_what_only_plays_may_set_is_refused(name: str) -> None:
    assert problems(a={name: "x"}) == [f"a: {name} is set by the plays; remove it from the inventory and from -e"]
    hostvars: dict[str, dict[str, Any]] = {"localhost": {name: "x"}, "a": {}, "b": {}, "m": {}}
    assert judged_variables(GROUPS, hostvars, KNOWN, {"localhost": {name}})[0] == []


def test_facts_that_earlier_plays_have_set_are_not_the_users() -> None:
    hostvars = {name: {"zookeeper_serves": True} for name in ("localhost", "a", "b", "m")}
    facts = {name: {"zookeeper_serves": True} for name in ("a", "b", "m")}
    (problem,), _ = judged_variables(GROUPS, hostvars, KNOWN, facts, given={"zookeeper_serves"})
    assert problem.startswith("localhost: zookeeper_serves: there is no such variable")


def test_every_variable_of_roles_and_of_the_documents_is_known() -> None:
    defaults: set[str] = set()
    for file in ROOT.glob("roles/*/defaults/main.yml"):
        defaults |= set(yaml.safe_load(file.read_text()))
    assert len(defaults) > 50
    assert problems(dict.fromkeys(defaults)) == []
    others = ("benchmark_users", "benchmark_parameters", "benchmark_report_run", "benchmark_stop", "run_record_id")
    assert problems(dict.fromkeys(others)) == []


@pytest.mark.parametrize(
    ("variables", "rule"),
    [
        ({"zookeeper_start_timeout_s": "soon"}, "zookeeper_start_timeout_s [soon] must be a whole number"),
        ({"zookeeper_free_disk_mb": True}, "zookeeper_free_disk_mb [True] must be a whole number"),
        ({"benchmark_patience_s": "long"}, "benchmark_patience_s [long] must be a number"),
        ({"zookeeper_managed": "maybe"}, "zookeeper_managed [maybe] must be true or false"),
        ({"load_host_set_limits": 2}, "load_host_set_limits [2] must be true or false"),
    ],
)
def test_a_variable_of_the_wrong_type_is_refused(variables: dict[str, Any], rule: str) -> None:
    assert problems(a=variables) == [f"a: {rule}"]


def test_values_that_come_as_text_are_understood() -> None:
    given = {"zookeeper_start_timeout_s": "60", "benchmark_patience_s": "2.5", "zookeeper_managed": "yes"}
    assert problems(given | {"zookeeper_open_files": None}) == []


def test_a_word_that_plays_take_for_false_is_refused() -> None:
    """Ansible's filter `bool` takes `y` for false."""
    assert any("zookeeper_managed [y]" in problem for problem in problems({"zookeeper_managed": "y"}))
