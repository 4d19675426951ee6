"""Whether reports name the right cause: things are done to a load and its ensemble at known times.

    python -m benchmarks.causes [--rounds 2] [--every-s 6] [--for-s 0.3]

Three members on this machine and an open loop with two workers. In each round a worker is stopped (SIGSTOP), and a
member's JVM is stopped, which nothing in the run's files tells of: its slow operations must stay unexplained. Between
the two nothing is done: a moment there that has a cause is a false one.

Printed for each: how many were named rightly, and how far the report's time is from the true one, in milliseconds. It
needs an idle machine, or the machine's own pauses are found too.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from benchmarks.truth.locust_run import Load, run
from lab.zookeeper_server import ZooKeeperServers
from reporting import load_run
from reporting.analyse.why import Why
from reporting.analyse.worst_moments import Moment
from reporting.render import cause_tables
from zk_locust.contract.events import WORKER_LATE

USERS: Final = 24
RATE_PER_S: Final = 600
WORKERS: Final = 2
BEFORE_S: Final = 3.0
WARM_UP_S: Final = 5.0
NEAR_S: Final = 1.0  # a moment belongs to what was done at most so long before
NAMED_SHARE: Final = 0.5


@dataclass(frozen=True)
class Injection:
    """Something that is done. `expected` is the kind of cause that a report must name; empty: it can know none."""

    name: str
    expected: str
    do: Callable[[psutil.Process], None]


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


def stop_worker(seconds: float) -> Callable[[psutil.Process], None]:
    """Return what stops a worker of Locust for so long."""

    def stop(locust: psutil.Process) -> None:
        worker = locust.children()[0]
        worker.suspend()
        try:
            time.sleep(seconds)
        finally:
            worker.resume()

    return stop


def stop_member(servers: ZooKeeperServers, seconds: float) -> Callable[[psutil.Process], None]:
    """Return what stops the JVM of the leader for so long."""

    def stop(_: psutil.Process) -> None:
        leader = servers.leader()
        servers.pause(leader)
        try:
            time.sleep(seconds)
        finally:
            servers.resume(leader)

    return stop


def inject(injections: Sequence[Injection], rounds: int, every_s: float, done: list[Done]) -> Callable[..., None]:
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
                done.append(Done(injection, time.time()))
                injection.do(locust)
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
    parser.add_argument("--every-s", type=float, default=6.0, help="seconds from one to the next")
    parser.add_argument("--for-s", type=float, default=0.3, help="seconds that each takes")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with ZooKeeperServers(3, folder / "servers") as servers:
            injections = [
                Injection("worker stopped", WORKER_LATE, stop_worker(options.for_s)),
                Injection("member's JVM stopped", "", stop_member(servers, options.for_s)),
            ]
            done: list[Done] = []
            seconds = BEFORE_S * 2 + options.rounds * len(injections) * options.every_s
            # Workers are late while their users start, which the warm-up leaves out.
            load = Load(USERS, WARM_UP_S + seconds, arrival_rate=RATE_PER_S, options={"warm-up": f"{WARM_UP_S:g}s"})
            act = inject(injections, options.rounds, options.every_s, done)
            run(servers.hosts, folder / "load", load, workers=WORKERS, meanwhile=act)
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
