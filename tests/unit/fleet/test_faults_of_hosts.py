"""Faults of a host: a full disk, a slow one, memory that is taken, a reboot; and what a host says that it can do."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.small_disk import small_disk
from tests.unit.fleet.test_fault_abilities import ABLE, BARE_DISK
from tests.unit.fleet.test_host_faults import LONG_S, SLEEPS, Sleeper, fault, member, until
from zk_locust.contract.process_identity import identity_of
from zk_locust.host_faults import abilities, boot, clock, disks, memory, throttle
from zk_locust.host_faults.errors import FaultError
from zk_locust.host_faults.external import ExternalMember
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


def test_a_fault_waits_for_the_end_of_another_until_its_moment(member: Sleeper) -> None:
    faults = member.faults()
    faults.do(fault("pause", 0.5))
    note = faults.do(fault("kill", 0.0, in_s=3.0) | {"id": "run.2.zk1", "number": 2})
    assert note["began"] >= faults.notes.of_run("run")[0]["ended"]


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


class Clocks:
    """A wall and a monotonic clock; the wall clock may be set."""

    CLOCK_REALTIME, CLOCK_MONOTONIC = 0, 1

    def __init__(self) -> None:
        self.now = [1000.0, 7.0]

    def clock_gettime(self, clock: int) -> float:
        return self.now[clock]

    def clock_settime(self, clock: int, value: float) -> None:
        self.now[clock] = value

    def go_on(self, seconds: float) -> None:
        self.now = [each + seconds for each in self.now]


@pytest.mark.parametrize(("slewed_s", "expected"), [(0.0, 1010.0), (0.1, 1010.1), (-2.0, 1010.0)])
def test_a_clock_is_stepped_back_by_as_much_unless_it_was_set_right(
    monkeypatch: pytest.MonkeyPatch, slewed_s: float, expected: float
) -> None:
    clocks = Clocks()
    monkeypatch.setattr(clock, "time", clocks)
    note = {"by_ms": 2000}
    note |= clock.step(note)
    assert clocks.now[0] == 1002.0
    clocks.go_on(10)
    clocks.now[0] += slewed_s
    clock.step_back(note)
    assert clocks.now[0] == pytest.approx(expected)
    clock.step_back({"by_ms": 2000})  # it never began
    assert clocks.now[0] == pytest.approx(expected)


def test_the_clock_of_a_container_is_not_set(member: Sleeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abilities, "look", lambda _: {"container": True, "sets_clock": True})
    with pytest.raises(FaultError, match="the clock may not be set: the host is a container"):
        member.faults().do(fault("clock-step", LONG_S, by_ms=500))
    assert member.faults().notes.active() == []


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
def master() -> Iterator[psutil.Process]:
    with subprocess.Popen(SLEEPS) as process:
        yield psutil.Process(process.pid)
        process.kill()


@pytest.fixture
def workers(member: Sleeper, master: psutil.Process) -> Faults:
    """Return the faults of a load host with one worker, the sleeper, and its master."""
    pids = {"master": master.pid, "worker-1": member.child.pid}
    told = {name: dict(zip(("pid", "start_ticks"), identity_of(pid), strict=True)) for name, pid in pids.items()}
    (member.folder / "status.json").write_text(json.dumps({"processes": told}))
    return Faults(member.folder, member.launcher, Workers(member.folder))


def test_workers_are_paused_and_go_on(member: Sleeper, master: psutil.Process, workers: Faults) -> None:
    workers.do(fault("pause", LONG_S))
    until(lambda: member.process.status() == psutil.STATUS_STOPPED)
    assert master.status() != psutil.STATUS_STOPPED
    assert workers.heal_all() == (["run.1.zk1"], [])
    until(lambda: member.process.status() != psutil.STATUS_STOPPED)


def test_a_worker_that_was_killed_stays_away(member: Sleeper, workers: Faults) -> None:
    workers.do(fault("kill", 0.0))
    assert member.child.wait(60) == -9
    assert not (member.folder / "asked").exists()
    with pytest.raises(FaultError, match="no worker of the run runs there"):
        workers.do(fault("kill", 0.0) | {"id": "run.2.zk1"})


def test_an_external_member_is_the_server_that_listens_at_its_port(tmp_path: Path) -> None:
    listen = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    for name, is_found in (("org.apache.zookeeper.server.quorum.QuorumPeerMain", True), ("other", False)):
        words = [sys.executable, "-c", listen, name]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            member = ExternalMember(tmp_path, int(process.stdout.readline()))
            if is_found:
                assert member.process() == identity_of(process.pid)
            else:
                with pytest.raises(FaultError, match="is no ZooKeeper server"):
                    member.process()
            process.communicate("\n")
    with pytest.raises(FaultError, match="no process is seen to listen at port"):
        member.process()
