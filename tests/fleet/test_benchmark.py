"""A complete benchmark on a fleet: its workers, what is collected, what is left behind."""

import csv

import pytest

from tests.fleet.lab_fleet import LabFleet, until

pytestmark = pytest.mark.fleet


def test_a_benchmark_on_many_hosts(fleet: LabFleet) -> None:
    play = fleet.play("benchmark").succeeded()
    run, manifest = fleet.the_run(), fleet.manifest()
    assert manifest["state"] == "complete", play.screen
    assert manifest["missing"] == []
    hosts = manifest["hosts"]
    assert set(hosts) == {"zk1", "zk2", "zk3", "load1", "load2", "load3"}
    # All of them have this machine's clock.
    assert all(abs(host["clock_offset_ms"]) <= host["clock_error_ms"] + 5 for host in hosts.values()), hosts
    assert (hosts["load2"]["python"][:4], hosts["load3"]["python"][:4]) == ("3.11", "3.13")

    with (run / "locust-stats.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["stage"] == "measured"]
    operations = {row["worker"]: int(row["requests"]) for row in rows if row["name"] == "Aggregated"}
    assert set(operations) == {"all", "load2/worker-1", "load3/worker-1"}
    assert operations["all"] == operations["load2/worker-1"] + operations["load3/worker-1"]
    assert operations["load2/worker-1"] > 0
    assert operations["load3/worker-1"] > 0
    for host, name in (
        ("load1", "master.log"),
        ("load2", "worker-1.log"),
        ("load3", "worker-1.log"),
        ("zk1", "zoo.cfg"),
    ):
        assert (run / "logs" / host / name).stat().st_size > 0
    assert (run / "report.html").exists()

    until(lambda: not any(fleet.run_processes(name) for name in fleet.load_hosts), limit_s=10)
    assert fleet.leases() == {}
    for name in fleet.load_hosts:
        assert fleet.lab.hosts[name].run("ls /var/lib/zk-locust/load/runs").stdout == ""
