"""Load hosts that share their state folder are refused by name."""

from typing import Any

import pytest

from playbooks.filter_plugins.shared_folder import shared_folder_problems

GROUPS = {"locust_master": ["load1"], "locust_workers": ["load1", "load2", "load3"]}
FOLDER = "/home/bench/.cache/zk-locust/load"
NFS = "nas:/export/home/bench/.cache/zk-locust/load"


def probed(machine: str, shared: str, path: str = FOLDER) -> dict[str, Any]:
    return {"__preflight_load_host": {"machine": machine, "folders": {path: {"writable": True, "shared": shared}}}}


def test_load_hosts_that_share_a_home_are_named() -> None:
    hostvars = {"load1": probed("a", NFS), "load2": probed("b", NFS), "load3": probed("c", "")}
    (problem,) = shared_folder_problems(GROUPS, hostvars)
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
    assert shared_folder_problems(GROUPS, hostvars) == []
