"""Faults of real hosts: a full and a slow disk, a host that is switched off or reboots, workers that are paused."""

from collections.abc import Iterator
from typing import Any

import pytest

from reporting import judge_run
from tests.fleet.lab_fleet import LabFleet, until

pytestmark = pytest.mark.fleet

DISK = "/srv/small"
FAULTS: list[dict[str, Any]] = [
    {"at": "3s", "do": "slow-disk", "target": "zk1", "for": "2s", "writes_per_s": 2},
    {"at": "8s", "do": "full-disk", "target": "zk1", "for": "2s"},
    {"at": "16s", "do": "pause", "target": "load", "for": "1s"},
    {"at": "18s", "do": "memory-pressure", "target": "load2", "for": "1s", "mib": 20},
    {"at": "20s", "do": "power-off", "target": "zk2", "for": "1s", "allow_no_quorum": True},
    {"at": "34s", "do": "power-off", "target": "zk3", "allow_no_quorum": True},
]
LEFT = (
    "mount | grep blkio; systemctl list-units --all --no-legend 'zk-locust-fault-*';"
    f" ls /var/lib/zk-locust/zookeeper/*/faults/notes; ls {DISK}/*/zk-locust-fill-*"
)


@pytest.fixture
def small_disk(fleet: LabFleet) -> Iterator[None]:
    """Give zk1 a small disk of its own; let zk3 have no command that switches it."""
    own = fleet.inventory["zookeeper"]["hosts"]
    fleet.lab.hosts["zk1"].add_disk(DISK, 200)
    own["zk1"] |= {"zookeeper_data_dir": DISK, "zookeeper_free_disk_mb": 100}
    own["zk3"] |= {"zookeeper_power_off_command": "", "zookeeper_power_on_command": ""}
    fleet.play("provision").succeeded()
    yield
    for name, keys in (("zk1", ("data_dir", "free_disk_mb")), ("zk3", ("power_off_command", "power_on_command"))):
        for key in keys:
            del own[name][f"zookeeper_{key}"]
    fleet.play("provision").succeeded()
    fleet.lab.hosts["zk1"].run(f"umount {DISK}")


@pytest.mark.usefixtures("small_disk")
def test_hosts_are_broken_heal_and_are_measured(fleet: LabFleet) -> None:
    fleet.set_scenario(
        run_time="52s", users=4, spawn_rate=4, parameters={"client": "native", "stats-collect": 500}, faults=FAULTS
    )
    play = fleet.begin("benchmark")
    rebooted = fleet.lab.hosts["zk3"]
    until(lambda: not rebooted.running or play.poll() is not None, limit_s=240, explain=fleet.screen)
    rebooted.start()  # a host of the lab does not come back by itself
    assert play.wait(300) == 0, fleet.screen()
    manifest = fleet.manifest()
    assert manifest["faults_not_done"] == []
    noted = [fault for found in manifest["faults"].values() for fault in found]
    noted.sort(key=lambda one: (one["number"], one["member"]))
    assert [(fault["do"], fault["member"], fault["state"], fault["error"]) for fault in noted] == [
        ("slow-disk", "zk1", "healed", ""),
        ("full-disk", "zk1", "healed", ""),
        *[("pause", name, "healed", "") for name in fleet.load_hosts[1:]],
        ("memory-pressure", "load2", "healed", ""),
        ("power-off", "zk2", "healed", ""),
        ("power-off", "zk3", "healed", ""),
    ]
    until(lambda: {*fleet.modes().values()} == {"leader", "follower"})
    for name in fleet.members:
        assert fleet.lab.hosts[name].run(LEFT, check=False).stdout == ""
    log = (fleet.the_run() / "logs" / "zk1" / "zookeeper.log").read_text(errors="replace")
    assert "No space left on device" in log
    reasons = {reason.rule: reason.severity for reason in judge_run(fleet.the_run()).verdict.reasons}
    assert reasons["load-disturbed"] == "inconclusive"
    assert "fault-not-healed" not in reasons


def test_what_the_labs_hosts_cannot_do_is_said_before_anything_starts(fleet: LabFleet) -> None:
    faults = [
        {"at": "1s", "do": "full-disk", "target": "zk1", "for": "1s"},
        {"at": "1s", "do": "clock-step", "target": "zk2", "for": "1s", "by": "2s"},
        {"at": "2s", "do": "slow-disk", "target": "zk3", "for": "1s"},
    ]
    play = fleet.play("preflight", benchmark_faults=faults).failed()
    for said in (
        "zk1: fault 1 (full-disk): /var/lib/zk-locust/zookeeper/zk1/data lies on the file system of / (overlay), which",
        "zk2: fault 2 (clock-step): the host is a container, whose clock is that of all others on its machine",
        "zk3: fault 3 (slow-disk): /var/lib/zk-locust/zookeeper/zk3/data lies on overlay, which is on no disk",
    ):
        assert said in play.screen
