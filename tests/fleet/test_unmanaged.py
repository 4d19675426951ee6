"""An external ensemble is measured; only the benchmark's own nodes are changed in it."""

import json
from pathlib import Path

import pytest

from lab import Lab
from tests.fleet.lab_fleet import LabFleet

pytestmark = pytest.mark.fleet

# Everything that provisioning could have touched: files with their times, processes with their start, the nodes.
STATE = (
    "find /var/lib/zk-locust /etc/systemd/system -not -path '*/log/*' -not -path '*/data/version-2*' "
    "-printf '%p %T@ %i\\n' | sort; systemctl show -p ExecMainStartTimestamp 'zookeeper-*'"
)
NODES = (
    "java -cp /usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar:/usr/share/java/* "
    "org.apache.zookeeper.ZooKeeperMain -server 127.0.0.1:2181 ls -R / 2>/dev/null | grep ^/"
)


def test_an_ensemble_of_somebody_elses_is_measured_and_left_as_it_was(
    lab: Lab, fleet: LabFleet, tmp_path: Path
) -> None:
    before = {name: lab.hosts[name].run(STATE).stdout for name in fleet.members}
    nodes = lab.hosts["zk1"].run(NODES).stdout

    guest = LabFleet(lab, tmp_path)
    members = guest.inventory.pop("zookeeper")["hosts"]
    hosts = ",".join(f"{host['ansible_host']}:2181" for host in members.values())
    play = guest.play("benchmark", zookeeper_managed=False, benchmark_parameters={"hosts": hosts}).succeeded()
    manifest = guest.manifest()
    assert manifest["verdict"]["verdict"] != "void", play.screen
    assert manifest["scenario"]["parameters"]["hosts"] == hosts
    assert json.dumps(manifest["hosts"]).count("clock_offset_ms") == len(guest.load_hosts)

    assert {name: lab.hosts[name].run(STATE).stdout for name in members} == before
    assert lab.hosts["zk1"].run(NODES).stdout == nodes
