"""What cannot work is said before anything is started: every host, one line each, with the remedy."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import Lab
from lab.keys import make_key
from tests.fleet.lab_fleet import LabFleet

pytestmark = pytest.mark.fleet

# A stand-in for a clock that is off: containers share the machine's.
AN_HOUR_OFF = "#!/bin/sh\nexec /usr/bin/date -u -d '1 hour' +%s.%N\n"


def address_of_nobody(lab: Lab) -> str:
    """Return an address of the lab's network that no host has."""
    return lab.hosts["load3"].address.rsplit(".", 1)[0] + ".250"


@pytest.fixture
def broken(lab: Lab, fleet: LabFleet, tmp_path: Path) -> Iterator[LabFleet]:
    """A fleet in which every host has a fault of its own."""
    make_key(tmp_path / "another_key", "another")
    hosts = fleet.inventory["zookeeper"]["hosts"]
    hosts["zk1"] |= {"ansible_user": "plain"}  # who may not use sudo
    hosts["zk3"] |= {"zookeeper_state_dir": "/srv/full"}
    workers = fleet.inventory["locust_workers"]["hosts"]
    # As another user: a connection that an earlier test has left open asks for no key.
    workers["load2"] |= {"ansible_user": "root", "ansible_ssh_private_key_file": str(tmp_path / "another_key")}
    workers["load3"] |= {"ansible_host": address_of_nobody(lab)}
    lab.hosts["zk2"].put(AN_HOUR_OFF, "/usr/local/bin/date", 0o755)
    lab.hosts["zk3"].run("mkdir -p /srv/full && mount -t tmpfs -o size=1m full /srv/full")
    yield fleet
    lab.hosts["zk2"].run("rm /usr/local/bin/date")
    lab.hosts["zk3"].run("umount /srv/full && rmdir /srv/full")


def test_every_host_that_cannot_take_part_is_named_at_once(broken: LabFleet) -> None:
    refused = broken.play("benchmark", preflight_load_host_python="3.12").failed()
    lines = [line for line in refused.screen.splitlines() if line.startswith("  ") and ": " in line]
    for expected in (
        "zk1: ansible_become [true]: plain may not become root without a password (",
        "zk2: clock [60 min ahead of the controller's] is off by more than 60 s; synchronise it",
        "zk3: zookeeper_state_dir [/srv/full] has ",
        # The state's folder is another one now, so the member that runs there is a stranger.
        "zk3: zookeeper_client_port [2181], ",
        "load1: Python [3.11.2] is too old: load hosts need 3.12 or newer",
        f"load2: ansible_host [{broken.lab.hosts['load2'].address}] cannot be reached: ",
        f"load3: ansible_host [{address_of_nobody(broken.lab)}] cannot be reached",
    ):
        assert [line for line in lines if expected in line], (expected, refused.screen)
    assert "preflight found 7 problems; nothing was started" in refused.screen, refused.screen
    assert "Permission denied" in refused.screen  # of load2
    assert broken.runs() == set()
    assert not (broken.results / ".unfinished").exists()


def test_an_inventory_that_cannot_work_is_refused_before_any_host_is_asked(lab: Lab, tmp_path: Path) -> None:
    fleet = LabFleet(lab, tmp_path)
    hosts = fleet.inventory["zookeeper"]["hosts"]
    for host in hosts.values():
        host["zookeeper_peer_type"] = "observer"
    hosts["zk2-again"] = {"ansible_host": hosts["zk2"]["ansible_host"], "zookeeper_peer_type": "observer"}
    refused = fleet.play("benchmark").failed()
    assert "group zookeeper [observers only]: observers do not vote" in refused.screen
    assert f"zk2-again: is zk2 once more: the same machine ({lab.hosts['zk2'].address}:22)" in refused.screen
    assert "preflight found 2 problems" in refused.screen
    assert "PLAY [Probe every host]" not in refused.screen
