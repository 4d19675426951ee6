"""Members of a lab of their own: releases side by side, devices of their own, members that come and go."""

import tarfile
from pathlib import Path

import pytest

from lab import Lab
from tests.fleet.lab_fleet import LabFleet
from tests.stand_in_archive import stand_in_archive

pytestmark = pytest.mark.fleet


def test_members_come_and_go_with_a_pushed_release_and_devices_of_their_own(small_lab: Lab, tmp_path: Path) -> None:
    fleet = LabFleet(small_lab, tmp_path)
    archive = stand_in_archive(tmp_path, "3.8.0")
    checksum = archive.with_name(f"{archive.name}.sha512").read_text().split()[0]
    fleet.vars |= {
        "zookeeper_install_method": "archive",
        "zookeeper_version": "3.8.0",
        "zookeeper_archive_url": archive.as_uri(),
        "zookeeper_archive_checksum": f"sha512:{checksum}",
        "zookeeper_archive_cache": str(tmp_path / "cache"),
        "zookeeper_data_dir": "/srv/snapshots",
        "zookeeper_data_log_dir": "/srv/transactions",
    }
    members = ("--limit", "zookeeper")

    no_release = tmp_path / "tools.tar.gz"
    with tarfile.open(no_release, "w:gz") as tar:
        tar.add(__file__, arcname="tools/README")
    wrong = fleet.play(
        "provision", *members, zookeeper_archive_url=no_release.as_uri(), zookeeper_archive_checksum=""
    ).failed()
    assert "zk1: ZooKeeper 3.8.0 could not be installed from zookeeper_archive_url [" in wrong.screen
    assert "the archive holds no zookeeper-<version>.jar" in wrong.screen

    fleet.play("provision", *members).succeeded()
    assert fleet.modes() == {"zk1": "standalone"}
    zk1 = small_lab.hosts["zk1"]
    assert zk1.run("ls /srv/snapshots/zk1").stdout.split() == ["myid", "version-2"]
    assert zk1.run("ls /srv/transactions/zk1").stdout.split() == ["version-2"]
    assert "/versions/3.8.0" in zk1.run("readlink /var/lib/zk-locust/zookeeper/zk1/current").stdout

    small_lab.add_host("zk2")
    small_lab.add_host("zk3", observer=True)
    fleet.read_inventory()
    fleet.play("provision", *members).succeeded()
    assert sorted(fleet.modes().values()) == ["follower", "leader", "observer"]
    assert fleet.mode("zk3") == "observer"

    small_lab.remove_host("zk2")
    fleet.read_inventory()
    fleet.play("provision", *members).succeeded()
    assert fleet.modes() == {"zk1": "leader", "zk3": "observer"}

    fleet.play("teardown", *members).succeeded()
    assert zk1.run("ls -A /srv/snapshots /srv/transactions").stdout.split() == ["/srv/snapshots:", "/srv/transactions:"]
