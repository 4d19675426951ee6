"""Members and load hosts reach their state, over SSH, from nothing; a second pass changes nothing."""

import re
from pathlib import Path

import pytest

from tests.fleet.lab_fleet import LOAD_FOLDER, LabFleet
from tests.lab import Lab

pytestmark = pytest.mark.fleet


def test_from_bare_hosts_to_a_fleet_and_nothing_on_a_second_pass(lab: Lab, tmp_path: Path) -> None:
    fleet = LabFleet(lab, tmp_path)
    first = fleet.play("provision").succeeded()
    assert sorted(fleet.modes().values()) == ["follower", "follower", "leader"]
    versions = {}
    for name in fleet.load_hosts:
        host = lab.hosts[name]
        # Debian's python3 alone cannot make an environment with pip.
        assert host.run(["python3", "-c", "import ensurepip"], check=False).returncode != 0
        answer = host.run([f"{LOAD_FOLDER}/host-run", "--help"])
        assert "usage: zk-locust host-run" in answer.stdout
        (environment,) = host.run(["ls", f"{LOAD_FOLDER}/environments"]).stdout.split()
        versions[name] = re.sub(r"-[0-9a-f]{16}$", "", environment)
    assert versions == {"load1": "py3.11-x86_64", "load2": "py3.11-x86_64", "load3": "py3.13-x86_64"}

    second = fleet.play("provision").succeeded()
    assert second.changed == 0, second.screen
    checked = fleet.play("provision", "--check").succeeded()
    assert checked.changed == 0, checked.screen
    print(f"provisioning of {len(lab.hosts)} hosts: {first.seconds:.0f} s, second pass {second.seconds:.0f} s")
