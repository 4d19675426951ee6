"""Members and load hosts reach their state, over SSH, from nothing; a second pass changes nothing."""

import itertools
import re

import pytest

from lab.plays import Play
from tests.fleet.lab_fleet import LOAD_FOLDER, LabFleet

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


def test_limits_are_set_where_that_is_asked_once_and_their_files_can_be_removed(fleet: LabFleet) -> None:
    host = fleet.lab.hosts["load1"]
    files = ["/etc/security/limits.d/zk-locust.conf", "/etc/sysctl.d/60-zk-locust.conf"]
    kernel = [f"/proc/sys/net/ipv4/{name}" for name in ("ip_local_port_range", "tcp_tw_reuse")]
    before = [host.run(["cat", file]).stdout.strip() for file in kernel]
    fleet.vars["load_host_set_limits"] = True
    try:
        # So that no host may need the package procps.
        host.run("if [ -e /usr/sbin/sysctl ]; then mv /usr/sbin/sysctl /usr/sbin/sysctl.away; fi")
        assert fleet.play("provision", "--limit", "load1").succeeded().changed > 0
        assert host.run(["cat", *kernel]).stdout.split() == ["10240", "65535", "1"]
        assert "* hard nofile 1048576\n" in host.run(["cat", files[0]]).stdout
        # A run takes its limit from the login that starts it. Not even root of every container may raise it.
        allowed = host.run("prlimit --nofile=1048576:1048576 sh -c 'ulimit -Hn' || ulimit -Hn").stdout
        assert host.ssh("ulimit -Hn").stdout == allowed
        second = fleet.play("provision", "--limit", "load1").succeeded()
        assert second.changed == 0, second.screen
        # Where only the kernel has forgotten, e.g. after a boot without them, it is told again.
        host.run(f"echo 0 >{kernel[1]}")
        assert fleet.play("provision", "--limit", "load1").succeeded().changed > 0
        assert host.run(["cat", kernel[1]]).stdout.strip() == "1"
        fleet.play("teardown", "--limit", "load1").succeeded()
        assert host.run(["ls", *files], check=False).stdout == ""
    finally:
        host.run("if [ -e /usr/sbin/sysctl.away ]; then mv /usr/sbin/sysctl.away /usr/sbin/sysctl; fi")
        for file, value in zip(kernel, before, strict=True):
            host.run(f"echo {value} >{file}")
        host.run(["rm", "-f", *files])
        del fleet.vars["load_host_set_limits"]
        fleet.play("provision", "--limit", "load1").succeeded()


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
