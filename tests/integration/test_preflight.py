"""Preflight refuses what cannot work on this machine, all at once and before anything is started."""

import os
import socket

import pytest

from tests.integration.local_fleet import LocalFleet, held_port
from tests.integration.ssh_server import SshServer, make_key, require_sshd

pytestmark = pytest.mark.integration


def test_preflight_names_every_problem_of_an_inventory_at_once(fresh_fleet: LocalFleet) -> None:
    hosts = fresh_fleet.inventory["zookeeper"]["hosts"]
    hosts["zk1"].update(zookeeper_id=7, zookeeper_heap="big")
    hosts["zk2"].update(zookeeper_id=7, zookeeper_install_method="pakage", zookeeper_peer_type="observr")
    hosts["zk3"].update(zookeeper_id=300, zookeeper_properties={"dataDir": "/srv"}, zookeeper_admin_port=99999)
    hosts["zk2"]["zookeeper_client_port"] = hosts["zk1"]["zookeeper_client_port"]
    fresh_fleet.inventory["locust_master"]["hosts"]["load2"] = {}
    fresh_fleet.inventory["locust_workers"]["hosts"]["load1"] = {"locust_processes": -2}
    blocked = fresh_fleet.folder / "small.yml"
    play = fresh_fleet.play(
        "preflight", benchmark_results_dir=str(blocked / "results"), benchmark_scenario="quikc", benchmark_users=-1
    ).failed()
    for expected in (
        "group locust_master [load1, load2]: there is one master",
        "zk1, zk2: zookeeper_id [7] is used by each of them",
        "zk3: zookeeper_id [300] must be a whole number from 1 to 255",
        "zk1: zookeeper_heap [big] must be a number with a unit",
        "zk2: zookeeper_install_method [pakage] must be one of auto, package, archive, existing, did you mean package?",
        "zk2: zookeeper_peer_type [observr] must be participant or observer, did you mean observer?",
        "zk3: zookeeper_properties.dataDir [/srv] belongs to the role; set zookeeper_data_dir",
        "zk3: zookeeper_admin_port [99999] must be a port from 1 to 65535",
        f"zk2: zookeeper_client_port [{fresh_fleet.port('zk1')}] is also zookeeper_client_port of zk1",
        "load1: locust_processes [-2] must be a number of workers",
        "benchmark_scenario [quikc]",
        "benchmark_users [-1]",
        f"benchmark_results_dir [{blocked}/results] cannot be written: {blocked} is not a folder",
    ):
        assert expected in play.screen
    assert "preflight found 13 problems; nothing was started" in play.screen
    assert "PLAY [Probe every host]" not in play.screen
    assert not fresh_fleet.state.exists()


def test_preflight_refuses_unknown_variables_of_ours_wherever_they_stand(fresh_fleet: LocalFleet) -> None:
    fresh_fleet.inventory["all"]["vars"]["benchmark_user"] = 3
    fresh_fleet.inventory["zookeeper"]["vars"] = {"zookeper_heap": "2g"}
    fresh_fleet.inventory["zookeeper"]["hosts"]["zk1"] |= {"zookeeper_bind_adress": "::1", "rack": "r1"}
    fresh_fleet.inventory["locust_workers"]["hosts"]["load1"] = {"locust_process": 1}
    play = fresh_fleet.play("preflight", load_host_wheel="/x", datacenter="dc1").failed()
    for expected in (
        "every host: benchmark_user: there is no such variable, did you mean benchmark_users?",
        "zk1, zk2, zk3: zookeper_heap: there is no such variable, did you mean zookeeper_heap?",
        "zk1: zookeeper_bind_adress: there is no such variable, did you mean zookeeper_bind_address?",
        "load1: locust_process: there is no such variable, did you mean locust_processes?",
        "every host: load_host_wheel: there is no such variable, did you mean load_host_wheels?",
    ):
        assert expected in play.screen
    assert "preflight found 5 problems; nothing was started" in play.screen
    assert "PLAY [Probe every host]" not in play.screen


def test_preflight_refuses_what_the_hosts_cannot_give(fresh_fleet: LocalFleet) -> None:
    fresh_fleet.inventory["zookeeper"]["hosts"]["zk2"]["zookeeper_heap"] = "9000g"
    play = fresh_fleet.play("preflight", benchmark_users=2, locust_processes=3).failed()
    assert "zk1, zk2, zk3: zookeeper_heap [64m + 9000g + 64m] is more than the machine's memory of " in play.screen
    assert "controller: users [2] are fewer than the workers [3: load1 3]" in play.screen
    assert "; nothing was started" in play.screen
    assert not fresh_fleet.state.exists()


def test_preflight_names_empty_groups(fresh_fleet: LocalFleet) -> None:
    for group in ("zookeeper", "locust_master", "locust_workers"):
        fresh_fleet.inventory[group] = {"hosts": {}}
    play = fresh_fleet.play("preflight").failed()
    for group in ("zookeeper", "locust_master", "locust_workers"):
        assert f"group {group} [no host]" in play.screen
    assert "preflight found 3 problems; nothing was started" in play.screen


def test_preflight_reports_all_hosts_in_one_message(fresh_fleet: LocalFleet) -> None:
    # Loopback's port 9 answers nobody; a port that is held, a Java and a Python that are not there.
    hosts = fresh_fleet.inventory["zookeeper"]["hosts"]
    hosts["zk1"].update(ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=9)
    hosts["zk2"].update(zookeeper_java="/nowhere/java", zookeeper_free_disk_mb=10**9)
    fresh_fleet.inventory["locust_workers"]["hosts"]["load2"] = {"ansible_python_interpreter": "/nowhere/python3"}
    no_sudo = {"ansible_become": True, "ansible_become_user": "nobody", "ansible_become_exe": "/nowhere/sudo"}
    fresh_fleet.inventory["locust_workers"]["hosts"]["load3"] = no_sudo
    with socket.create_server(("127.0.0.1", fresh_fleet.port("zk3", "peer"))), held_port() as port:
        play = fresh_fleet.play("preflight", locust_master_port=port).failed()
    for expected in (
        "zk1: ansible_host [127.0.0.1] cannot be reached: ",
        "zk2: zookeeper_java [/nowhere/java]: there is no program /nowhere/java",
        f"zk2: zookeeper_state_dir [{fresh_fleet.state}] has ",
        f"zk3: zookeeper_peer_port [{fresh_fleet.port('zk3', 'peer')}] is in use by process {os.getpid()} (",
        f"load1: locust_master_port [{port}] is in use by process {os.getpid()} (",
        "load2: ansible_python_interpreter [/nowhere/python3] runs no Ansible module: ",
        "load3: ansible_become [true]: there is no sudo for it (",
        "preflight found 7 problems; nothing was started",
    ):
        assert expected in play.screen, play.screen
    assert not fresh_fleet.state.exists()


def test_preflight_knows_a_member_again_that_is_reached_another_way(fresh_fleet: LocalFleet) -> None:
    require_sshd()
    key = fresh_fleet.folder / "key"
    hosts = fresh_fleet.inventory["zookeeper"]["hosts"]
    with SshServer(fresh_fleet.folder / "sshd", make_key(key)) as server:
        hosts["zk2"] = hosts["zk1"] | {
            "ansible_connection": "ssh",
            "ansible_host": "127.0.0.1",
            "ansible_port": server.port,
            "ansible_ssh_private_key_file": str(key),
            "ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null",
            "zookeeper_address": "127.0.0.2",
        }
        play = fresh_fleet.play("preflight").failed()
    assert "zk2: is zk1 once more: the same machine (the controller) and the same ports" in play.screen
    assert "preflight found 1 problem; nothing was started" in play.screen


def test_preflight_lets_the_admin_servers_of_somebody_elses_ensemble_be_named(fresh_fleet: LocalFleet) -> None:
    named = {"hosts": "a.example.org", "zk-admin-addresses": "a=a.example.org:8081"}
    fresh_fleet.play("preflight", benchmark_parameters=named, zookeeper_managed=False).succeeded()
    play = fresh_fleet.play("preflight", benchmark_parameters=named).failed()
    assert "benchmark_parameters.zk-admin-addresses [a=a.example.org:8081]: the run sets this itself" in play.screen
