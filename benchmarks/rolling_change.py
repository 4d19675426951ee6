"""What clients see while a changed configuration reaches three members: failed requests, and the longest gap.

    python -m benchmarks.rolling_change [--sessions 24]

Needs root on Debian; makes a lab of its own. Sessions on this machine write and read continuously while
`playbooks/provision.yml` changes `tickTime` on the members, one at a time, the leader last. The rival, in the same run,
is a restart of all members at once, as `systemctl restart` on all of them does.
"""

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
from gevent.threadpool import ThreadPool

from benchmarks.client_cost import end, started
from lab import Lab, LabOptions
from lab.fleet import DrivenLab
from zk_locust.contract.errors import ZKLocustError

PAUSE_S = 0.005


@dataclass
class Seen:
    """What the sessions have seen: operations, failures by kind, and the longest times without a success (seconds)."""

    operations: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    last_success: float = field(default_factory=time.perf_counter)
    longest_gap_s: float = 0.0
    session_gaps_s: list[float] = field(default_factory=list)
    stop: bool = False

    def success(self) -> None:
        """Count an operation that succeeded now."""
        now = time.perf_counter()
        self.operations += 1
        self.longest_gap_s = max(self.longest_gap_s, now - self.last_success)
        self.last_success = now


def load(client: Any, path: str, seen: Seen) -> None:
    """Write and read until told to stop."""
    operations: list[Callable[[], Any]] = [lambda: client.set(path, b"x" * 64), lambda: client.get(path)]
    own_last, own_gap = time.perf_counter(), 0.0
    while not seen.stop:
        for operation in operations:
            try:
                operation()
            except ZKLocustError as error:
                seen.failures[type(error).__name__] += 1
                gevent.sleep(PAUSE_S)
            else:
                seen.success()
                now = time.perf_counter()
                own_gap, own_last = max(own_gap, now - own_last), now
        gevent.sleep(PAUSE_S)
    seen.session_gaps_s.append(own_gap)


def under_load(hosts: str, sessions: int, change: Callable[[], None]) -> Seen:
    """Return what the sessions have seen during the change."""
    clients = started("native", hosts, sessions)
    paths = [f"/rolling-{number}" for number in range(sessions)]
    for client, path in zip(clients, paths, strict=True):
        client.create(path, b"")
    seen = Seen()
    users = [gevent.spawn(load, client, path, seen) for client, path in zip(clients, paths, strict=True)]
    gevent.sleep(2)
    ThreadPool(1).apply(change)
    gevent.sleep(2)
    seen.stop = True
    gevent.joinall(users)
    for client, path in zip(clients, paths, strict=True):
        client.delete(path)
    end(clients)
    return seen


def restart_all(lab: Lab) -> None:
    """Restart all members at once."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda host: host.run(f"systemctl restart zookeeper-{host.name}"), lab.members))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sessions", type=int, default=24)
    sessions = parser.parse_args().sessions
    with (
        tempfile.TemporaryDirectory() as folder,
        Lab.up(LabOptions(name=f"rolling-{os.getpid()}", workers=1)) as lab,
    ):
        fleet = DrivenLab(lab, Path(folder))
        members = ("--limit", "zookeeper")
        fleet.play("provision", *members).succeeded()
        hosts = ",".join(f"{host.address}:2181" for host in lab.members)

        def roll() -> None:
            fleet.play("provision", *members, zookeeper_properties={"tickTime": 1900}).succeeded()

        found = {"one by one, leader last": under_load(hosts, sessions, roll)}
        found["all at once"] = under_load(hosts, sessions, lambda: restart_all(lab))
    for name, seen in found.items():
        failures = ", ".join(f"{kind} {count}" for kind, count in seen.failures.most_common()) or "none"
        print(
            f"{name}: {seen.operations:,} operations, failed {seen.failures.total()} ({failures}); longest time without"
            f" any success {seen.longest_gap_s:.2f} s, of one session {max(seen.session_gaps_s):.2f} s"
        )
    rolled, rival = found.values()
    print(f"longest gap, at once to one by one: {rival.longest_gap_s / rolled.longest_gap_s:.1f}")


if __name__ == "__main__":
    main()
