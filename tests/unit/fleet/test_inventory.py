"""Reading an inventory: what Ansible resolves, and one line for what it cannot."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleet.errors import InputError
from fleet.inventory import HostVariables, Inventory

PROJECT = Path(__file__).parents[3]
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


@pytest.mark.parametrize(
    ("value", "truth"), [("yes", True), ("False", False), (True, True), (0, False), ("on", True), ("1", True)]
)
def test_truth_values_of_ini_files(value: object, truth: bool) -> None:
    assert HostVariables("zk1", {"zookeeper_managed": value}).is_true("zookeeper_managed", not truth) is truth
    assert HostVariables("zk1", {}).is_true("zookeeper_managed", truth) is truth


@pytest.mark.parametrize("value", ["perhaps", "y"])
def test_what_is_no_truth_value_is_refused(value: str) -> None:
    with pytest.raises(InputError, match=rf"^zk1: zookeeper_managed \[{value}\] must be true or false; correct it"):
        HostVariables("zk1", {"zookeeper_managed": value}).is_true("zookeeper_managed", True)


def test_a_vaulted_variable_is_read_as_playbooks_read_it(tmp_path: Path) -> None:
    """In a process of its own: Ansible's configuration is read once."""
    password = tmp_path / "password"
    password.write_text("swordfish\n")
    inventory = tmp_path / "hosts.yml"
    vault = [str(Path(sys.executable).with_name("ansible-vault")), "encrypt_string", "--name", "ansible_user", "ada"]
    environment = os.environ | {"ANSIBLE_VAULT_PASSWORD_FILE": str(password)}
    secret = subprocess.run(vault, env=environment, capture_output=True, text=True, check=True).stdout
    group = "locust_master:\n  hosts:\n    load1:\n  vars:\n"
    inventory.write_text(group + textwrap.indent(secret, "    "))
    load = f"Inventory.load([{str(inventory)!r}])"
    code = f"from fleet.inventory import Inventory; print({load}.variables('load1')['ansible_user'])"
    read = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=PROJECT)
    assert read.stdout == "ada\n", read.stderr
    missing = environment | {"ANSIBLE_VAULT_PASSWORD_FILE": str(tmp_path / "nothing")}
    refused = subprocess.run([sys.executable, "-c", code], env=missing, capture_output=True, text=True, cwd=PROJECT)
    assert "InputError: ANSIBLE_VAULT_PASSWORD_FILE [" in refused.stderr
