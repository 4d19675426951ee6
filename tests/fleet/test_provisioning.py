"""Members and load hosts reach their state, over SSH, from nothing; a second pass changes nothing."""

import itertools
import re

import pytest

from tests.fleet.lab_fleet import LOAD_FOLDER, LabFleet
from tests.plays import Play

pytestmark = pytest.mark.fleet


def test_every_load_host_has_the_environment_of_its_own_python(fleet: LabFleet) -> None:
    versions = {}
    for name in fleet.load_hosts:
        host = fleet.lab.hosts[name]
        # Debian's python3 alone cannot make an environment with pip.
        assert host.run(["python3", "-c", "import ensurepip"], check=False).returncode != 0
        assert "usage: zk-locust host-run" in host.run([f"{LOAD_FOLDER}/host-run", "--help"]).stdout
        environments = host.run(["ls", f"{LOAD_FOLDER}/environments"]).stdout.split()
        versions[name] = {re.sub(r"-[0-9a-f]{16}$", "", environment) for environment in environments}
    assert versions == {"load1": {"py3.11-x86_64"}, "load2": {"py3.11-x86_64"}, "load3": {"py3.13-x86_64"}}
    assert sorted(fleet.modes().values()) == ["follower", "follower", "leader"]


def test_a_second_pass_changes_nothing(fleet: LabFleet, first_pass: Play) -> None:
    second = fleet.play("provision").succeeded()
    assert second.changed == 0, second.screen
    checked = fleet.play("provision", "--check").succeeded()
    assert checked.changed == 0, checked.screen
    print(f"provisioning of 6 hosts: {first_pass.seconds:.0f} s, second pass {second.seconds:.0f} s")


def test_a_changed_configuration_rolls_through_the_members_the_leader_last(fleet: LabFleet) -> None:
    (leader,) = (name for name, mode in fleet.modes().items() if mode == "leader")
    show = "systemctl show --value -p ExecMainStartTimestampMonotonic zookeeper-"
    fleet.play("provision", "--limit", "zookeeper", zookeeper_properties={"tickTime": 1900}).succeeded()
    started = {name: int(fleet.lab.hosts[name].run(show + name).stdout) for name in fleet.members}
    assert max(started, key=lambda name: started[name]) == leader
    # Each has had the time to serve before the next was stopped: none was started with another.
    moments = sorted(started.values())
    assert all(later - earlier > 1_000_000 for earlier, later in itertools.pairwise(moments))
    assert sorted(fleet.modes().values()) == ["follower", "follower", "leader"]
