"""Options become hosts, addresses and an inventory; all wrong options are named at once."""

from ipaddress import IPv4Network
from pathlib import Path

import pytest
import yaml

from lab import LabError, LabOptions, inventory
from lab.__main__ import options_from, parser
from lab.keys import render_known_hosts
from lab.mirror import mirror_among
from lab.plan import MAX_MEMBERS, MAX_WORKERS, NETWORKS, RANGE, host_plan, plan_hosts, subnet
from lab.seed import render_hosts_file


def options(*words: str) -> LabOptions:
    return options_from(parser().parse_args(["up", *words]))


def test_the_default_lab_has_both_releases() -> None:
    found = [(host.name, host.role, host.release, host.address(0)) for host in plan_hosts(LabOptions())]
    assert found == [
        ("zk1", "member", "12", "198.18.0.11"),
        ("zk2", "member", "12", "198.18.0.12"),
        ("zk3", "member", "12", "198.18.0.13"),
        ("load1", "master", "12", "198.18.0.101"),
        ("load2", "worker", "12", "198.18.0.102"),
        ("load3", "worker", "13", "198.18.0.103"),
    ]


def test_observers_follow_the_members() -> None:
    hosts = plan_hosts(options("--members", "3", "--observers", "2", "--workers", "1"))
    assert [(host.name, host.role) for host in hosts[2:6]] == [
        ("zk3", "member"),
        ("zk4", "observer"),
        ("zk5", "observer"),
        ("load1", "master"),
    ]


def test_a_host_may_run_another_release_than_all() -> None:
    releases = {host.name: host.release for host in plan_hosts(options("--release", "13", "--on", "zk2=12"))}
    assert releases == {"zk1": "13", "zk2": "12", "zk3": "13", "load1": "13", "load2": "13", "load3": "13"}
    assert plan_hosts(options("--on", "load3=12"))[-1].release == "12"


def test_the_largest_lab_has_an_address_for_each_host() -> None:
    hosts = plan_hosts(LabOptions(members=MAX_MEMBERS, workers=MAX_WORKERS))
    addresses = {host.address(NETWORKS - 1) for host in hosts}
    assert len(addresses) == len(hosts) == MAX_MEMBERS + MAX_WORKERS + 1
    assert all(IPv4Network(address).subnet_of(subnet(NETWORKS - 1)) for address in addresses)
    assert max(addresses, key=lambda address: int(address.split(".")[3])) == "198.19.255.254"


def test_networks_fill_the_range() -> None:
    assert [str(subnet(number)) for number in (0, 1, 256, 511)] == [
        "198.18.0.0/24",
        "198.18.1.0/24",
        "198.19.0.0/24",
        "198.19.255.0/24",
    ]
    assert subnet(NETWORKS - 1).broadcast_address == RANGE.broadcast_address


def test_wrong_options_are_named_all_at_once() -> None:
    wrong = LabOptions(name="My Lab", members=0, workers=0, release="11", on={"zk9": "13", "load1": "10"})
    with pytest.raises(LabError) as raised:
        plan_hosts(wrong)
    for piece in ("[My Lab]", "members [0]", "workers [0]", "release [11]", "no host [zk9]", "[10] of load1"):
        assert piece in str(raised.value)


@pytest.mark.parametrize(("name", "release"), [("zk0", "12"), ("db1", "12"), ("zk90", "12"), ("load155", "12")])
def test_a_name_must_say_a_role(name: str, release: str) -> None:
    with pytest.raises(LabError, match="no host can be named"):
        host_plan(name, release)


def test_on_without_a_release_is_refused() -> None:
    with pytest.raises(LabError, match=r"--on \[load3\]"):
        options("--on", "load3")


def test_the_inventory_has_the_three_groups() -> None:
    text = inventory.render_hosts(plan_hosts(LabOptions(members=1, observers=1)), 3)
    assert inventory.HEADER in text
    assert yaml.safe_load(text) == {
        "zookeeper": {
            "hosts": {
                "zk1": {"ansible_host": "198.18.3.11"},
                "zk2": {"ansible_host": "198.18.3.12", "zookeeper_peer_type": "observer"},
            }
        },
        "locust_master": {"hosts": {"load1": {"ansible_host": "198.18.3.101"}}},
        "locust_workers": {
            "hosts": {"load2": {"ansible_host": "198.18.3.102"}, "load3": {"ansible_host": "198.18.3.103"}}
        },
    }


def test_the_inventory_checks_host_keys() -> None:
    variables = yaml.safe_load(inventory.render_variables(Path("/k/id"), Path("/k/known")))
    assert variables["ansible_ssh_private_key_file"] == "/k/id"
    assert "UserKnownHostsFile=/k/known" in variables["ansible_ssh_common_args"]
    assert "StrictHostKeyChecking=yes" in variables["ansible_ssh_common_args"]
    assert (variables["ansible_user"], variables["ansible_become"], variables["zookeeper_heap"]) == (
        "admin",
        True,
        "256m",
    )


def test_an_inventory_is_removed_without_what_lies_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    inventory.write(folder, plan_hosts(LabOptions()), 0, Path("/k/id"), Path("/k/known"))
    inventory.write(folder, plan_hosts(LabOptions(workers=1)), 0, Path("/k/id"), Path("/k/known"))
    (folder / "group_vars/zookeeper.yml").write_text("mine: 1\n")
    inventory.remove(folder)
    assert [path.name for path in folder.rglob("*")] == ["group_vars", "zookeeper.yml"]
    (folder / "group_vars/zookeeper.yml").unlink()
    inventory.remove(folder)
    assert not folder.exists()


def test_an_inventory_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("mine: 1\n")
    with pytest.raises(LabError, match="was not written by the lab"):
        inventory.write(tmp_path, plan_hosts(LabOptions()), 0, Path("/k/id"), Path("/k/known"))
    inventory.remove(tmp_path)
    assert (tmp_path / "hosts.yml").read_text() == "mine: 1\n"


def test_hosts_are_known_by_address_and_name() -> None:
    assert render_known_hosts([("zk1", "198.18.0.11", "ssh-ed25519 AAAA zk1")]) == "198.18.0.11,zk1 ssh-ed25519 AAAA\n"
    assert render_hosts_file({"zk1": "198.18.0.11"}).endswith("\n198.18.0.11 zk1\n")


def test_the_mirror_is_the_first_debian_archive_that_apt_knows() -> None:
    targets = """\
https://packages.example.org/tool nodistro main
http://security.example.org/debian-security bookworm-security main
http://mirror.example.org/debian/ bookworm contrib
http://mirror.example.org/debian/ bookworm main
http://other.example.org/debian/ trixie main
"""
    assert mirror_among(targets) == "http://mirror.example.org/debian"
    assert mirror_among("https://packages.example.org/tool nodistro main") is None
