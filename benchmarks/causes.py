"""Whether reports name the right cause: things are done to a load and its ensemble at known times.

    python -m benchmarks.causes [--rounds 2] [--every-s 8] [--for-s 0.3]

Three members on this machine and an open loop with two workers. In each round a worker is stopped (SIGSTOP), the
leader's JVM is stopped, a member collects garbage (`GC.run`), and the leader is killed and started again. Midway
between two of them nothing is done: a moment there that has a cause is a false one.

Printed for each: how many were named rightly, and how far the report's time is from the true one, in milliseconds. It
needs an idle machine, or the machine's own pauses are found too.
"""

import argparse
import os
import shutil
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psutil

from benchmarks.truth.locust_run import Load, run
from fleet.member_logs.log_folder import events_of
from fleet.merging import merge_member_events
from lab.zookeeper_server import ZooKeeperServers
from reporting import load_run
from reporting.analyse.why import Why
from reporting.analyse.worst_moments import Moment
from reporting.render import cause_tables
from zk_locust.contract.events import ELECTION, GC_PAUSE, JVM_PAUSE, WORKER_LATE

USERS: Final = 24
RATE_PER_S: Final = 600
WORKERS: Final = 2
BEFORE_S: Final = 3.0
WARM_UP_S: Final = 5.0
NEAR_S: Final = 1.0  # a moment belongs to what was done at most so long before
NAMED_SHARE: Final = 0.5
GC_LOG: Final = ("-Xlog:gc*,safepoint:file=gc.log:time,uptime,level,tags:filecount=5,filesize=10M",)
PAUSE_MONITOR: Final = {
    "jvm.pause.monitor": "true",
    "jvm.pause.info-threshold.ms": 100,
    "jvm.pause.warn-threshold.ms": 1000,
    "jvm.pause.sleep.time.ms": 20,
}


@dataclass(frozen=True)
class Injection:
    """Something that is done, and the kind of cause that a report must name. `do` returns when it began."""

    name: str
    expected: str
    do: Callable[[psutil.Process], float]


@dataclass
class Done:
    """What was done and when, by the wall clock."""

    injection: Injection
    at: float


@dataclass
class Score:
    """How a report told of one kind of injection."""

    tried: int = 0
    right: int = 0
    errors_ms: list[float] = field(default_factory=list)

    def line(self, name: str) -> str:
        """Return the row of the table."""
        worst = f"{max(self.errors_ms):.0f}" if self.errors_ms else "-"
        median = f"{statistics.median(self.errors_ms):.0f}" if self.errors_ms else "-"
        return f"{name:<24}{self.right:>6} of {self.tried:<6}{median:>14}{worst:>14}"


def stop_worker(seconds: float) -> Callable[[psutil.Process], float]:
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


def stop_member(servers: ZooKeeperServers, seconds: float) -> Callable[[psutil.Process], float]:
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


def collect_garbage(servers: ZooKeeperServers) -> Callable[[psutil.Process], float]:
    """Return what has a follower collect garbage, as `jcmd PID GC.run` does, without the time that jcmd needs."""

    def collect(_: psutil.Process) -> float:
        member = servers.members[servers.followers()[0]]
        assert member.process is not None
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(10)
            link.connect(f"/tmp/.java_pid{member.process.pid}")
            at = time.time()
            link.sendall(b"1\0jcmd\0GC.run\0\0\0")
            link.recv(4096)
        return at

    return collect


def listen(servers: ZooKeeperServers) -> None:
    """Have every JVM listen for `collect_garbage`."""
    for member in servers.members:
        assert member.process is not None
        pid = member.process.pid
        wish = Path(f"/proc/{pid}/cwd/.attach_pid{pid}")
        wish.touch()
        os.kill(pid, signal.SIGQUIT)
        deadline = time.monotonic() + 10
        while not Path(f"/tmp/.java_pid{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        wish.unlink()


def kill_leader(servers: ZooKeeperServers) -> Callable[[psutil.Process], float]:
    """Return what kills the leader, and starts it again once another member leads."""

    def kill(_: psutil.Process) -> float:
        leader, at = servers.leader(), time.time()
        servers.kill(leader)
        servers.leader()
        servers.start(leader)
        listen(servers)
        return at

    return kill


def add_members_events(servers: ZooKeeperServers, report: Path, began: float) -> None:
    """Put what the members' logs say into the run folder, as the end of a benchmark does."""
    found = {}
    for member in servers.members:
        logs = report / "logs" / member.address
        logs.mkdir(parents=True)
        shutil.copy(member.log_path, logs / "zookeeper.log")
        for file in member.folder.glob("gc.log*"):
            shutil.copy(file, logs)
        found[member.address] = events_of(logs, datetime.fromtimestamp(began, UTC), datetime.now(UTC))
    merge_member_events(report, found)


def inject(
    injections: Sequence[Injection], rounds: int, every_s: float, done: list[Done]
) -> Callable[[psutil.Process], None]:
    """Return what does all injections in turn, `every_s` after each other, once the load runs."""

    def act(locust: psutil.Process) -> None:
        deadline = time.monotonic() + 60
        while not _has_sessions(locust):
            if time.monotonic() > deadline:
                raise RuntimeError("Locust has not connected to the ensemble")
            time.sleep(0.1)
        time.sleep(WARM_UP_S + BEFORE_S)
        for _ in range(rounds):
            for injection in injections:
                began = time.monotonic()
                done.append(Done(injection, injection.do(locust)))
                time.sleep(max(0.0, every_s - (time.monotonic() - began)))

    return act


def _has_sessions(locust: psutil.Process) -> bool:
    workers = locust.children()
    return len(workers) == WORKERS and all(
        sum(link.status == psutil.CONN_ESTABLISHED for link in worker.net_connections(kind="tcp")) > USERS // WORKERS
        for worker in workers
    )


def near(why: Why, at_s: float) -> Moment | None:
    """Return the worst moment that belongs to what was done at that time."""
    return next((one for one in why.moments if -NEAR_S / 2 <= one.start_s - at_s <= NEAR_S), None)


def named(moment: Moment) -> str:
    """Return the kind of the first cause that covers most of a moment; nothing where there is none."""
    first = moment.happened[0] if moment.happened else None
    return first.cause.kind if first is not None and first.share >= NAMED_SHARE else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a load, do everything, and print what its report says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2, help="how often each thing is done")
    parser.add_argument("--every-s", type=float, default=8.0, help="seconds from one to the next")
    parser.add_argument("--for-s", type=float, default=0.3, help="seconds that each takes")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with ZooKeeperServers(3, folder / "servers", properties=PAUSE_MONITOR, java_options=GC_LOG) as servers:
            listen(servers)
            began = time.time()
            injections = [
                Injection("worker stopped", WORKER_LATE, stop_worker(options.for_s)),
                Injection("leader's JVM stopped", JVM_PAUSE, stop_member(servers, options.for_s)),
                Injection("garbage collected", GC_PAUSE, collect_garbage(servers)),
                Injection("leader killed", ELECTION, kill_leader(servers)),
            ]
            done: list[Done] = []
            seconds = BEFORE_S * 2 + options.rounds * len(injections) * options.every_s
            # Workers are late while their users start, which the warm-up leaves out.
            load = Load(USERS, WARM_UP_S + seconds, arrival_rate=RATE_PER_S, options={"warm-up": f"{WARM_UP_S:g}s"})
            act = inject(injections, options.rounds, options.every_s, done)
            run(servers.hosts, folder / "load", load, workers=WORKERS, meanwhile=act)
            add_members_events(servers, folder / "load" / "report", began)
        judged = load_run(folder / "load" / "report")
    tell(judged.why, [(each.injection, judged.timeline.in_load_time(each.at)) for each in done], options.every_s)
    return 0


def tell(why: Why, done: Sequence[tuple[Injection, float]], every_s: float) -> None:
    """Print the table."""
    scores: dict[str, Score] = {}
    blamed = 0
    for injection, at_s in done:
        score = scores.setdefault(injection.name, Score())
        score.tried += 1
        moment = near(why, at_s)
        if moment is not None:
            score.right += named(moment) == injection.expected
            score.errors_ms.append(1000 * abs(moment.start_s - at_s))
        print(_found(injection, at_s, moment))
        clean = near(why, at_s + every_s / 2)
        blamed += clean is not None and named(clean) != ""
    print(f"{'done':<24}{'named rightly':>16}{'error ms':>10}{'worst ms':>14}")
    for name, score in scores.items():
        print(score.line(name))
    print(f"\nclean windows blamed: {blamed} of {len(done)}")
    print(cause_tables.sentence(why))


def _found(injection: Injection, at_s: float, moment: Moment | None) -> str:
    """Return what the report says of one injection."""
    found = "no moment" if moment is None else f"{moment.start_s:8.3f} s {named(moment) or 'nothing known'}"
    return f"{at_s:8.3f} s {injection.name}: {found}"


if __name__ == "__main__":
    sys.exit(main())
