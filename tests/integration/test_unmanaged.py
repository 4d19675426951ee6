"""An external ensemble, which the connect string names, and the inventory too or not."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.zookeeper_server import ZooKeeperServers
from tests.integration.local_fleet import LocalFleet, local_fleet
from tests.needs import require_zookeeper

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def guest() -> Iterator[LocalFleet]:
    """A load host, and no member."""
    require_zookeeper()
    with local_fleet() as fleet:
        fleet.inventory["zookeeper"] = {"hosts": {}}
        fleet.inventory["all"]["vars"]["zookeeper_managed"] = False
        yield fleet


def test_it_is_measured_where_it_is_said_to_be_and_recorded(guest: LocalFleet, tmp_path: Path) -> None:
    with ZooKeeperServers(1, tmp_path / "servers") as servers:
        (server,) = servers.members
        named = {"hosts": server.address, "zk-admin-addresses": f"theirs=127.0.0.1:{server.admin_port}"}
        guest.play("benchmark", benchmark_parameters=named).succeeded()
    run = guest.results / "latest"
    told = json.loads((run / "manifest.json").read_text())
    assert told["hosts"][server.address]["zookeeper_mode"] == "standalone"
    assert told["hosts"][server.address]["zookeeper_version"][:2] == "3."
    assert "members" not in told["scenario"]
    with (run / "zk-metrics.csv").open(newline="") as source:
        assert {row["member"] for row in csv.DictReader(source)} == {"theirs"}
    assert f"| {server.address} | member |" in (run / "report.md").read_text()


def test_members_of_any_spelling_are_looked_for_and_none_is_an_end(guest: LocalFleet) -> None:
    guest.inventory["zookeeper"] = {"hosts": {"theirs": {}}}
    nobody = "127.0.0.9,[::1]:1"  # the first on the default port
    play = guest.play("run", benchmark_parameters={"hosts": nobody}).failed()
    assert f"no member of [{nobody}] can be reached from load1" in play.screen
    assert guest.load_processes() == []
    told = json.loads(max(guest.results.glob("2*/manifest.json")).read_text())
    assert (told["state"], told["plan"]["members"]) == ("failed", ["theirs"])
    assert not any("theirs" in line for line in told["missing"]), "nothing is fetched from a member that is listed"
