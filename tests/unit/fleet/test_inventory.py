"""Reading an inventory: what Ansible resolves, and one line for what it cannot."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleet.errors import InputError
from fleet.inventory import Inventory, as_bool

Loaded = Callable[[dict[str, Any]], Inventory]

GROUPS: dict[str, Any] = {
    "zookeeper": {"hosts": {"zk1": {"zookeeper_client_port": "{{ base + 1 }}"}, "zk2": {}}, "vars": {"base": 21810}},
    "locust_master": {"hosts": {"zk2": {}}},
    "locust_workers": {"hosts": {"load1": {}, "zk2": {}}},
}


def test_groups_and_templated_variables(loaded: Loaded) -> None:
    inventory = loaded(GROUPS)
    assert inventory.group("zookeeper") == ["zk1", "zk2"]
    assert inventory.master == "zk2"
    assert inventory.load_hosts == ["zk2", "load1"], "each once, the master's first"
    assert inventory.contract_hosts == ["zk1", "zk2", "load1"]
    assert inventory.variables("zk1")["zookeeper_client_port"] == 21811


def test_variables_of_other_hosts_and_of_group_vars(loaded: Loaded, written: Any, tmp_path: Path) -> None:
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "zookeeper.yml").write_text("shown: \"{{ hostvars['load1'].own }}\"\n")
    content = GROUPS | {"locust_workers": {"hosts": {"load1": {"own": "as load1 says"}}}}
    assert loaded(content).variables("zk1")["shown"] == "as load1 says"


def test_an_inventory_that_does_not_exist() -> None:
    with pytest.raises(InputError, match=r"^inventory \[inventory/nowhere\] does not exist; name a file"):
        Inventory.load(["inventory/nowhere"])


def test_an_inventory_that_cannot_be_parsed_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "hosts.yml"
    file.write_text("zookeeper: {{ [")
    with pytest.raises(InputError, match=r"cannot be read: YAML parsing failed: .*; correct it$") as error:
        Inventory.load([str(file)])
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", ""), "Ansible's own ten lines are kept off the screen"


def test_a_template_that_fails_names_host_and_variable_and_spoils_no_other(loaded: Loaded) -> None:
    inventory = loaded({"zookeeper": {"hosts": {"zk1": {"a": "{{ nowhere }}", "b": 1}}}})
    variables = inventory.variables("zk1")
    assert variables["b"] == 1
    with pytest.raises(InputError, match=r"^zk1: a cannot be evaluated: 'nowhere' is undefined; correct"):
        variables["a"]


def test_an_unknown_host_names_the_nearest(loaded: Loaded) -> None:
    with pytest.raises(InputError, match=r"--host \[load2\] is not in .*did you mean load1\? known: zk1, zk2, load1"):
        loaded(GROUPS).variables("load2")


@pytest.mark.parametrize(("hosts", "said"), [({}, "no host"), ({"a": {}, "b": {}}, "a, b")])
def test_there_is_one_master(loaded: Loaded, hosts: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=rf"group locust_master \[{said}\]: name exactly one host"):
        _ = loaded(GROUPS | {"locust_master": {"hosts": hosts}}).master


def test_an_inventory_of_something_else(loaded: Loaded) -> None:
    with pytest.raises(InputError, match="has no host in zookeeper, locust_master or locust_workers"):
        _ = loaded({"web": {"hosts": {"a": {}}}}).contract_hosts


@pytest.mark.parametrize(("value", "truth"), [("yes", True), ("False", False), (True, True), (0, False), ("on", True)])
def test_truth_values_of_ini_files(value: object, truth: bool) -> None:
    assert as_bool(value) is truth
