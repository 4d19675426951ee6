"""Load hosts that share their state folder are refused by name."""

import sys
from pathlib import Path
from typing import Any

import pytest

from fleet.shared_folders import shared_folder_problems
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
        name: local | {"load_host_state_dir": str(tmp_path / name), "load_host_probe": probed(name, NFS)}
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


# A host's Python, on which all disks are those of a server. Each such host is a machine of its own.
PYTHON = """#!{python}
import pathlib, re, sys
read = pathlib.Path.read_text
def read_text(file, *given, **named):
    if str(file) == "/etc/machine-id":
        return pathlib.Path(__file__).name
    text = read(file, *given, **named)
    return re.sub(r" - \\S+ ", " - nfs4 ", text) if str(file) == "/proc/self/mountinfo" else text
pathlib.Path.read_text = read_text
exec(sys.stdin.read(), {{"__name__": "__main__"}})
"""


def test_what_the_role_has_probed_counts_where_preflight_was_not_there(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    hosts = {}
    for name in ("a", "b"):
        python = tmp_path / name
        python.write_text(PYTHON.format(python=sys.executable))
        python.chmod(0o755)
        local = {"ansible_connection": "local", "ansible_python_interpreter": str(python)}
        hosts[name] = local | {"load_host_state_dir": str(home)}
    children: dict[str, Any] = {
        "zookeeper": {},
        "locust_master": {"hosts": {"a": {}}},
        "locust_workers": {"hosts": {"a": {}, "b": {}}},
    }
    play = Fleet(tmp_path, {"all": {"hosts": hosts, "children": children}}).play("provision").failed()
    assert f"a, b: load_host_state_dir [{home}/load] is one folder of a network" in " ".join(play.screen.split())
    assert list(home.iterdir()) == [], "nothing was made"
