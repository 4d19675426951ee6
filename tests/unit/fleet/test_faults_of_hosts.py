"""Faults of a host: a full disk, a slow one, memory that is taken, a reboot; and what a host says that it can do."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.small_disk import small_disk
from tests.unit.fleet.test_host_faults import LONG_S, Sleeper, fault, member, until
from zk_locust.contract.faults.hosts import ability_problems
from zk_locust.contract.process_identity import identity_of
from zk_locust.host_faults import abilities, boot, disks, memory, throttle
from zk_locust.host_faults.errors import FaultError
from zk_locust.host_faults.faults import Faults
from zk_locust.host_faults.workers import Workers

__all__ = ["member"]  # a fixture
MIB = 2**20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 4 * MIB) as folder:
        yield folder


def give_data(member: Sleeper, *folders: Path) -> None:
    """Say where the member's data and log are."""
    for folder in folders:
        folder.mkdir(exist_ok=True)
    (member.folder / "data-folders").write_text("".join(f"{folder}\n" for folder in folders))


def test_a_full_disk_leaves_so_much_and_is_free_again(member: Sleeper, disk: Path) -> None:
    give_data(member, disk / "zk1")
    faults = member.faults()
    faults.do(fault("full-disk", LONG_S, leave_mib=1, allow_shared_disk=True))
    (file,) = (disk / "zk1").iterdir()
    assert file.name.startswith("zk-locust-fill-")
    free = psutil.disk_usage(str(disk)).free
    assert MIB / 2 <= free <= MIB * 3 / 2
    with pytest.raises(OSError, match="No space left"):
        (disk / "new").write_bytes(bytes(2 * MIB))
    member.child.kill()  # it has ended without room
    member.child.wait()
    assert faults.heal_all() == (["run.1.zk1"], [])
    assert list((disk / "zk1").iterdir()) == []
    assert (member.folder / "asked").read_text().split() == ["start"]
    assert member.process.is_running()


def test_a_full_disk_is_refused_where_others_need_it(member: Sleeper, tmp_path: Path, disk: Path) -> None:
    for folder, said in ((tmp_path / "data", "lies on the file system of /"), (disk / "zk1", "tmpfs")):
        give_data(member, folder)
        with pytest.raises(FaultError, match=said):
            member.faults().do(fault("full-disk", LONG_S, leave_mib=0))
        assert list(folder.iterdir()) == []
    assert member.faults().notes.active() == []


def test_what_lies_beside_the_members_folders_is_found(disk: Path) -> None:
    own = [str(disk / "a" / "zk1"), str(disk / "b" / "zk1")]
    for folder in (*map(Path, own), disk / "lost+found"):
        folder.mkdir(parents=True)
    (disk / "a" / "zk1" / "version-2").mkdir()
    (disk / "a" / f"{abilities.FILL}x").touch()
    assert abilities.disk_of(own[0], own)["others"] == []
    (disk / "a" / "other").touch()
    found = abilities.disk_of(own[0], own)
    assert (found["mount"], found["kind"], found["device"]) == (str(disk), "tmpfs", "")
    assert found["others"] == [str(disk / "a" / "other")]
    assert abilities.disk_of(own[0], own[:1])["others"] == [str(disk / "b"), str(disk / "a" / "other")]
    later = abilities.disk_of(str(disk / "c" / "later"), [str(disk / "c" / "later")])
    assert set(later["others"]) == {str(disk / "a"), str(disk / "b")}


def test_a_file_that_is_there_is_neither_followed_nor_filled(disk: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("x")
    link = disk / "zk-locust-fill-x"
    link.symlink_to(target)
    with pytest.raises(FileExistsError):
        disks.fill({"file": str(link), "leave_mib": 0})
    assert target.read_text() == "x"


def test_preflight_sends_the_program_as_it_is(tmp_path: Path) -> None:
    code = Path(abilities.__file__).read_text()
    words = [sys.executable, "-I", "-c", code, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd="/")
    able = json.loads(done.stdout)
    assert able == abilities.look([str(tmp_path)]) | {"disks": able["disks"]}
    assert able["disks"][0]["folder"] == str(tmp_path)


ABLE: dict[str, Any] = {
    "root": True, "reboots": True, "systemd": True, "memory_mib": 4000, "throttle": "v2",
    "disks": [{"folder": "/srv/zk", "mount": "/srv", "kind": "ext4", "device": "8:0", "others": [], "free_mib": 900}],
}  # fmt: skip
ROOT_DISK = [ABLE["disks"][0] | {"mount": "/"}]
BARE_DISK = [ABLE["disks"][0] | {"kind": "overlay", "device": ""}]
PLANNED: dict[str, dict[str, Any]] = {
    "slow-disk": {"writes_per_s": 10}, "full-disk": {"leave_mib": 0}, "memory-pressure": {"mib": 3000},
    "power-off": {},
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


def test_memory_is_taken_and_given_back(member: Sleeper) -> None:
    hold = f"from zk_locust.host_faults.memory import hold; hold(64, {LONG_S})"
    member.launcher.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{hold}"\n')
    member.launcher.chmod(0o755)
    faults = member.faults()
    faults.do(fault("memory-pressure", LONG_S, mib=64))
    holder = psutil.Process(faults.notes.read("run.1.zk1")["holder"][0])
    until(lambda: holder.memory_info().rss >= 64 * MIB)
    assert Path(f"/proc/{holder.pid}/oom_score_adj").read_text().strip() == "1000"
    assert faults.heal_all() == (["run.1.zk1"], [])
    until(lambda: not holder.is_running() or holder.status() == psutil.STATUS_ZOMBIE)
    assert faults.notes.of_run("run")[0]["error"] == ""


def test_memory_that_was_gone_before_is_told(member: Sleeper) -> None:
    member.launcher.write_text("#!/bin/sh\nexit 1\n")
    member.launcher.chmod(0o755)
    faults = member.faults()
    faults.do(fault("memory-pressure", LONG_S, percent=1))
    note = faults.notes.read("run.1.zk1")
    assert note["mib"] == abilities.look([])["memory_mib"] // 100
    until(lambda: "Z" in Path(f"/proc/{note['holder'][0]}/stat").read_text().rpartition(")")[2].split()[0])
    faults.heal_all()
    assert "killed it, short of memory" in faults.notes.of_run("run")[0]["error"]


def test_the_memory_ends_by_itself() -> None:
    began = time.monotonic()
    memory.hold(3, 0.2)
    assert time.monotonic() - began >= 0.2
    with pytest.raises(FaultError, match="more than the host's memory"):
        memory.prepare({"mib": 10**9})


def test_what_was_there_when_the_host_went_down_is_healed_after_the_boot(
    member: Sleeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = member.faults()
    faults.do(fault("pause", LONG_S))
    assert faults.heal_after_boot() == ([], []), "it is still the same boot"
    member.child.kill()
    member.child.wait()
    monkeypatch.setattr(boot, "boot_id", lambda: "another")
    assert faults.heal_after_boot() == (["run.1.zk1"], [])
    assert (member.folder / "asked").read_text().split() == ["start"]
    (note,) = faults.notes.of_run("run")
    assert note["state"] == "healed"
    assert 0 <= note["lasted_s"] < LONG_S


def test_a_host_that_was_to_go_off_and_did_not_is_told(member: Sleeper, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = member.faults()
    at = time.time() + 3
    note = faults.do(fault("power-off", 20.0, by="command", at=at, in_s=3.0))
    assert note["began"] == pytest.approx(at, abs=0.5)
    assert faults.notes.is_active("run.1.zk1")
    assert faults.heal_all() == (["run.1.zk1"], [])
    assert faults.notes.of_run("run")[0]["error"] == "the host did not go away"
    monkeypatch.setattr(abilities, "look", lambda _: {"reboots": False})
    with pytest.raises(FaultError, match="the host may not be rebooted"):
        faults.do(fault("power-off", 0.0, by="reboot") | {"id": "run.2.zk1"})


def test_a_unit_heals_after_each_boot_until_it_is_removed(tmp_path: Path) -> None:
    launcher = tmp_path / "a %b" / "run"
    boot.install("zk1", launcher, tmp_path)
    boot.install("zk1", launcher, tmp_path)
    file = tmp_path / "zk-locust-faults-zk1.service"
    assert f'ExecStart="{tmp_path}/a %%b/run" booted\n' in file.read_text()
    assert (tmp_path / "multi-user.target.wants" / file.name).resolve() == file
    boot.remove("zk1", tmp_path)
    boot.remove("zk1", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["multi-user.target.wants"]


def test_writes_are_limited_by_what_the_host_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"id": "run.1.zk1", "write_kib_per_s": 64, "writes_per_s": 5}
    monkeypatch.setattr(throttle, "look", lambda _: ABLE)
    assert throttle.prepare(given, [], "zookeeper-zk1.service", tmp_path) == {
        "devices": ["8:0"], "unit": "zookeeper-zk1.service",
    }  # fmt: skip
    with pytest.raises(FaultError, match="the member has none"):
        throttle.prepare(given, [], "", tmp_path)
    asked: list[list[str]] = []
    monkeypatch.setattr(throttle, "run", lambda words, _: asked.append(words))
    note = given | {"devices": ["8:0"], "unit": "u.service"}
    throttle.slow(note)
    throttle.fast(note)
    assert [words[4:] for words in asked] == [
        ["IOWriteIOPSMax=/dev/block/8:0 5", "IOWriteBandwidthMax=/dev/block/8:0 65536"],
        ["IOWriteIOPSMax=", "IOWriteBandwidthMax="],
    ]
    for able, said in (
        ({"root": False}, "root only"),
        ({"throttle": ""}, "no control"),
        ({"disks": BARE_DISK}, "overlay"),
    ):
        monkeypatch.setattr(throttle, "look", lambda _, able=able: ABLE | able)
        with pytest.raises(FaultError, match=said):
            throttle.prepare(given, [], "", tmp_path)


@pytest.fixture
def workers(member: Sleeper) -> Faults:
    """Return the faults of a load host with one worker, the sleeper, and its master."""
    identity = dict(zip(("pid", "start_ticks"), identity_of(member.child.pid), strict=True))
    status = {"processes": {"master": {"pid": 1, "start_ticks": 0}, "worker-1": identity}}
    (member.folder / "status.json").write_text(json.dumps(status))
    return Faults(member.folder, member.launcher, Workers(member.folder))


def test_workers_are_paused_and_go_on(member: Sleeper, workers: Faults) -> None:
    workers.do(fault("pause", LONG_S))
    until(lambda: member.process.status() == psutil.STATUS_STOPPED)
    assert workers.heal_all() == (["run.1.zk1"], [])
    until(lambda: member.process.status() != psutil.STATUS_STOPPED)


def test_a_worker_that_was_killed_stays_away(member: Sleeper, workers: Faults) -> None:
    workers.do(fault("kill", 0.0))
    assert member.child.wait(60) == -9
    assert not (member.folder / "asked").exists()
    with pytest.raises(FaultError, match="no worker of the run runs there"):
        workers.do(fault("kill", 0.0) | {"id": "run.2.zk1"})
