"""What a host says that it can do of planned faults, and what preflight makes of it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from zk_locust.contract.faults.hosts import ability_problems, external_problems
from zk_locust.host_faults import abilities


def test_preflight_sends_the_program_as_it_is(tmp_path: Path) -> None:
    code = Path(abilities.__file__).read_text()
    words = [sys.executable, "-I", "-c", code, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd="/")
    able = json.loads(done.stdout)
    assert able == abilities.look([str(tmp_path)]) | {"disks": able["disks"]}
    assert able["disks"][0]["folder"] == str(tmp_path)


ABLE: dict[str, Any] = {
    "root": True, "reboots": True, "sets_clock": True, "container": False, "systemd": True,
    "memory_mib": 4000, "throttle": "v2",
    "disks": [{"folder": "/srv/zk", "mount": "/srv", "kind": "ext4", "device": "8:0", "others": [], "free_mib": 900}],
}  # fmt: skip
ROOT_DISK = [ABLE["disks"][0] | {"mount": "/"}]
BARE_DISK = [ABLE["disks"][0] | {"kind": "overlay", "device": ""}]
PLANNED: dict[str, dict[str, Any]] = {
    "slow-disk": {"writes_per_s": 10}, "full-disk": {"leave_mib": 0}, "memory-pressure": {"mib": 3000},
    "power-off": {}, "clock-step": {"by_ms": 500},
}  # fmt: skip


def said(do: str, able: dict[str, Any] | str, targets: tuple[str, ...] = ("leader",), **more: Any) -> list[str]:
    planned = {"number": 3, "do": do, "targets": list(targets), "amounts": PLANNED.get(do, {}) | more}
    return list(ability_problems("zk1", able if isinstance(able, str) else json.dumps(able), [planned]))


@pytest.mark.parametrize("do", PLANNED)
def test_a_host_that_can_do_it_has_no_problem(do: str) -> None:
    assert said(do, ABLE) == []


@pytest.mark.parametrize(
    ("do", "able", "expected"),
    [
        ("slow-disk", {"root": False}, "only root can limit writes; run as root (ansible_become)"),
        ("slow-disk", {"throttle": ""}, "the kernel has no control groups for disks"),
        ("slow-disk", {"systemd": False}, "control groups of release 2 limit units of systemd"),
        ("slow-disk", {"disks": BARE_DISK}, "/srv/zk lies on overlay, which is on no disk that can be limited"),
        ("full-disk", {"disks": ROOT_DISK}, "/srv/zk lies on the file system of / (ext4), which others need; put"),
        ("full-disk", {"disks": BARE_DISK}, "/srv/zk lies on the file system of /srv (overlay), which others need"),
        ("full-disk", {"disks": [ABLE["disks"][0] | {"others": ["/srv/www"]}]}, "of /srv/zk also has /srv/www; put"),
        ("memory-pressure", {"memory_mib": 2000}, "mib [3000] is more than the host's memory, 2000 MiB; take less"),
        (
            "clock-step",
            {"container": True},
            "the host is a container, whose clock is that of all others on its machine",
        ),
        ("clock-step", {"sets_clock": False}, "the clock may not be set from there; run as root with CAP_SYS_TIME"),
        ("power-off", {"reboots": False}, "the host may not be rebooted from there; run as root with CAP_SYS_BOOT"),
    ],
)
def test_what_a_host_cannot_do_is_said_with_a_remedy(do: str, able: dict[str, Any], expected: str) -> None:
    (problem,) = said(do, ABLE | able)
    assert problem.startswith(f"zk1: fault 3 ({do}): ")
    assert expected in problem


def test_only_hosts_that_a_fault_may_meet_are_judged() -> None:
    assert said("full-disk", ABLE | {"disks": ROOT_DISK}, ("zk2",)) == []
    assert said("full-disk", ABLE | {"disks": ROOT_DISK}, ("zk2", "any")) != []
    assert said("full-disk", ABLE | {"disks": ROOT_DISK}, allow_shared_disk=True) == []
    assert said("kill", "") == []
    for told in ("", "[]", "{}", '{"disks": 3, "memory_mib": 1}', "[" * 60_000):
        assert said("full-disk", told)[0].startswith("zk1: the host does not say what it can do")


def test_an_external_member_must_be_found_by_its_port() -> None:
    seen = {"port": 2181, "pid": 7}
    assert list(external_problems("zk1", [seen], 2181)) == []
    (problem,) = external_problems("zk1", [seen], 2182)
    assert problem.startswith("zk1: nothing listens at zookeeper_client_port [2182] there")
    (problem,) = external_problems("zk1", [seen | {"pid": None}], 2181)
    assert "is another user's" in problem
