"""Load hosts that share their state folder are refused by name."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.shared_folders import shared_folder_problems
from lab.places import PROJECT
from lab.plays import Fleet

FOLDER = "/home/bench/.cache/zk-locust/load"
NFS = "nas:/export/home/bench/.cache/zk-locust/load"


def probed(machine: str, shared: str, path: str = FOLDER) -> dict[str, Any]:
    return {"machine": machine, "folders": {path: {"writable": True, "shared": shared}}}


def test_load_hosts_that_share_a_home_are_named() -> None:
    hostvars = {"load1": probed("a", NFS), "load2": probed("b", NFS), "load3": probed("c", "")}
    (problem,) = shared_folder_problems(hostvars)
    assert problem.startswith(f"load1, load2: load_host_state_dir [{FOLDER}] is one folder of a network file system")
    assert "set load_host_state_dir to a folder on a disk of each host's own" in problem


@pytest.mark.parametrize(
    "hostvars",
    [
        {"load1": probed("a", ""), "load2": probed("b", ""), "load3": probed("c", "")},
        {"load1": probed("a", NFS), "load2": probed("a", NFS), "load3": probed("c", "")},
        {"load1": probed("a", NFS), "load2": probed("b", f"{NFS}2"), "load3": {}},
    ],
    ids=["disks of their own", "one machine", "different folders"],
)
def test_load_hosts_with_folders_of_their_own_are_not(hostvars: dict[str, Any]) -> None:
    assert shared_folder_problems(hostvars) == []


def test_hosts_that_tell_no_machine_are_several_machines() -> None:
    hostvars = {"load1": probed("", NFS), "load2": probed("", NFS), "load3": probed("c", "")}
    (problem,) = shared_folder_problems(hostvars)
    assert problem.startswith("load1, load2: ")


def test_provisioning_that_is_called_alone_refuses_a_shared_folder(tmp_path: Path) -> None:
    """Stands in for a network file system: what hosts tell of their folders is given beforehand."""
    local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    hosts = {
        name: local | {"load_host_state_dir": str(tmp_path / name), "__preflight_load_host": probed(name, NFS)}
        for name in ("a", "b")
    }
    children = {
        "zookeeper": {},
        "locust_master": {"hosts": {"a": {}}},
        "locust_workers": {"hosts": dict.fromkeys(hosts)},
    }
    play = Fleet(tmp_path, {"all": {"hosts": hosts, "children": children}}).play("provision").failed()
    assert "a, b: load_host_state_dir" in " ".join(play.screen.split())
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == [], "nothing was made"


def test_the_role_probes_the_folder_itself() -> None:
    tasks = yaml.safe_load((PROJECT / "roles/load_host/tasks/shared_folder.yml").read_text())
    (probe,) = (task for task in tasks if "host_probe" in task)
    assert probe["register"] == "__load_host_probed"
    (refusal,) = (task for task in tasks if "ansible.builtin.assert" in task)
    assert "'__load_host_probed'" in refusal["vars"]["_own"], "what it has found counts too"
    assert probe["host_probe"]["folders"] == ["{{ load_host_folder }}"]
