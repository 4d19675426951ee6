"""What the benchmark of causes does to a load and its ensemble: each returns when it began, by the wall clock.

Members have disks and wall clocks of their own by a library in their JVMs (`faulty_host.c`): a sync of the transaction
log takes as long as a file in the member's folder says. So neither the machine's disk nor its clock is touched.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from fleet.clock_offset import COMMAND
from lab.zookeeper_server import Member, ZooKeeperServers
from zk_locust.contract.events import ELECTION, GC_PAUSE, JVM_PAUSE, SLOW_FSYNC, WORKER_LATE

CLOCK_OFF: Final = 2
"""The member whose wall clock is off, from 0."""
CLOCK_OFF_MS: Final = 2000
_THROTTLED_SYNC_S: Final = 0.06
_THROTTLED_S: Final = 1.0
_ONE_SYNC_BEGINS_S: Final = 0.05
_SYNC_LIMIT_S: Final = 5.0
_SYNC_POLL_S: Final = 0.005

Do = Callable[[psutil.Process], float]
"""Does something; it gets Locust's process."""


@dataclass(frozen=True)
class Injection:
    """Something that is done, and the kind of cause that a report must name. `do` returns when it began."""

    name: str
    expected: str
    do: Do


def all_of(servers: ZooKeeperServers, seconds: float) -> list[Injection]:
    """Return everything that is done; what has a length takes so many seconds, a slow disk `_THROTTLED_S`."""
    return [
        Injection("worker stopped", WORKER_LATE, stop_worker(seconds)),
        Injection("leader's JVM stopped", JVM_PAUSE, stop_member(servers, seconds)),
        Injection("garbage collected", GC_PAUSE, collect_garbage(servers, clock_off=False)),
        Injection("one slow fsync", SLOW_FSYNC, slow_disk(servers, seconds, _ONE_SYNC_BEGINS_S)),
        Injection("slow disk", SLOW_FSYNC, slow_disk(servers, _THROTTLED_SYNC_S, _THROTTLED_S)),
        Injection("garbage, clock 2 s off", GC_PAUSE, collect_garbage(servers, clock_off=True)),
        Injection("leader killed", ELECTION, kill_leader(servers)),
    ]


def compile_faulty_host(folder: Path) -> Path | None:
    """Return the library, made in the folder; None without a C compiler."""
    return compile_library("faulty_host", folder)


def compile_library(name: str, folder: Path) -> Path | None:
    """Return the library of the C file of that name beside this module, made in the folder; None without a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / f"{name}.so"
    source = Path(__file__).with_name(f"{name}.c")
    command = [compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-std=gnu11", "-D_GNU_SOURCE", "-shared", "-fPIC"]
    subprocess.run([*command, "-o", library, source], check=True)
    return library


def loaded(library: Path) -> list[str]:
    """Return what goes before the command of a process that the library is loaded into."""
    return ["env", f"LD_PRELOAD={library}"]


def set_clock_off(member: Member) -> None:
    """Have the member's clock be off from its next start on."""
    member.folder.mkdir(parents=True, exist_ok=True)
    (member.folder / "clock-ms").write_text(str(CLOCK_OFF_MS))


def asked_time(library: Path, member: Member) -> str:
    """Return what `date` prints by the member's clock."""
    environment = os.environ | {"LD_PRELOAD": str(library)}
    command = COMMAND.split()
    done = subprocess.run(command, cwd=member.folder, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def stop_worker(seconds: float) -> Do:
    """Return what stops a worker of Locust for so long."""

    def stop(locust: psutil.Process) -> float:
        worker, at = locust.children()[0], time.time()
        worker.suspend()
        try:
            time.sleep(seconds)
        finally:
            worker.resume()
        return at

    return stop


def stop_member(servers: ZooKeeperServers, seconds: float) -> Do:
    """Return what stops the JVM of the leader for so long."""

    def stop(_: psutil.Process) -> float:
        leader, at = servers.leader(), time.time()
        servers.pause(leader)
        try:
            time.sleep(seconds)
        finally:
            servers.resume(leader)
        return at

    return stop


def collect_garbage(servers: ZooKeeperServers, *, clock_off: bool) -> Do:
    """Return what has a member collect garbage, as `jcmd PID GC.run` does, without the time that jcmd needs.

    It is the member whose clock is off, or a follower whose clock is not.
    """

    def collect(_: psutil.Process) -> float:
        index = CLOCK_OFF if clock_off else next(i for i in servers.followers() if i != CLOCK_OFF)
        member = servers.members[index]
        assert member.process is not None
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(10)
            link.connect(f"/tmp/.java_pid{member.process.pid}")
            at = time.time()
            link.sendall(b"1\0jcmd\0GC.run\0\0\0")
            link.recv(4096)
        return at

    return collect


def slow_disk(servers: ZooKeeperServers, sync_s: float, seconds: float) -> Do:
    """Return what makes each sync that begins within so many seconds take `sync_s`, and at least one.

    It is done to the leader and a follower: a write is done when most members have synced it. It begins with the later
    of their first slow syncs.
    """

    def slow(_: psutil.Process) -> float:
        members = [servers.members[index] for index in (servers.leader(), servers.followers()[0])]
        slowed = [member.folder / "sync-slowed" for member in members]
        deadline = time.monotonic() + seconds + _SYNC_LIMIT_S
        for member in members:
            (member.folder / "sync-slowed").unlink(missing_ok=True)
            (member.folder / "sync-us").write_text(f"{1e6 * sync_s:.0f}")
        try:
            time.sleep(seconds)
            while not all(file.exists() for file in slowed):
                if time.monotonic() > deadline:
                    raise RuntimeError("a member has not synced its log: the load has no writes")
                time.sleep(_SYNC_POLL_S)
            return max(file.stat().st_mtime for file in slowed)
        finally:
            for member in members:
                (member.folder / "sync-us").unlink()

    return slow


def kill_leader(servers: ZooKeeperServers) -> Do:
    """Return what kills the leader, and starts it again once another member leads."""

    def kill(_: psutil.Process) -> float:
        leader, at = servers.leader(), time.time()
        servers.kill(leader)
        servers.leader()
        servers.start(leader)
        listen([servers.members[leader]])
        return at

    return kill


def listen(members: Sequence[Member]) -> None:
    """Have JVMs listen for `collect_garbage`."""
    for member in members:
        assert member.process is not None
        pid = member.process.pid
        wish = Path(f"/proc/{pid}/cwd/.attach_pid{pid}")
        wish.touch()
        os.kill(pid, signal.SIGQUIT)
        deadline = time.monotonic() + 10
        while not Path(f"/tmp/.java_pid{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        wish.unlink()
