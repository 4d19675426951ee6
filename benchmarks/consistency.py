"""Whether the check of histories finds what is planted, whether it raises false alarms, and what it costs.

    python -m benchmarks.consistency [--repeats 20] [--operations 10000000] [--parts planted,clean,size,cost]
                                     [--clients native,kazoo,libzookeeper]

planted   a load through a proxy that tells one lie, so many times for each kind; each that a client's history can
          show must be found
clean     a load on three members, of which one after the other is killed and started, and the same while the leader
          is paused for longer than its followers wait for it; there must be no violation
size      the time and memory of a check of many operations, in a process of its own
cost      CPU for each operation with a history and without (`history_cost`)

The aims: each lie is found, no clean run has a violation, 10 million operations take 60 s and 1 GB, and a history costs
10 % more CPU for each operation.
"""

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import gevent

from benchmarks import history_cost, made_history
from benchmarks.lies import KeptEphemeral
from benchmarks.own_process import measured
from benchmarks.planted_violations import (
    KEPT_AFTER_EXPIRY,
    LIES,
    TOLD,
    UNPLACED,
    Outcome,
    run,
    run_with_expiry,
    run_with_lie,
)
from lab.zookeeper_server import ZooKeeperServers, missing
from reporting.consistency.result import of_run
from reporting.consistency.states import CONSISTENT, PARTLY, VIOLATED
from reporting.read.manifest import Manifest
from reporting.read.plan import Plan
from zk_locust.contract.run_files import HISTORY

CLEAN_ROUNDS = 60
FAULTS = 2
PAUSE_S = 1.0
LEADERLESS_S = 8.0  # followers of these servers wait for 5 s, and elect another leader within 2
Result = TypeVar("Result")
_HOST, _WORKERS = "load1", 4


def planted(repeats: int, client: str) -> None:
    """Print how often each lie was found in the history of a kind of client."""
    print(f"\n{f'planted, {client}':<36}{'found':>10}   by the check")
    with tempfile.TemporaryDirectory() as folder, ZooKeeperServers(1, Path(folder)) as servers:
        port = servers.members[0].client_port
        for name in TOLD[client]:
            kind = LIES[name]
            outcomes = []
            for repeat in range(repeats):
                lie = kind(random.Random(f"{name} {repeat}").randrange(1, 8))
                place = Path(folder) / f"{name} {repeat}"
                outcomes.append(run_with_lie(port, place, lie, seed=repeat, client=client))
            _tell(name, outcomes)
        if client not in UNPLACED:  # they wait most of the time
            loads = [
                gevent.spawn(run_with_expiry, port, Path(folder) / f"expiry {repeat}", KeptEphemeral(1), client=client)
                for repeat in range(repeats)
            ]
            _tell(KEPT_AFTER_EXPIRY, [load.get() for load in loads])


def _tell(name: str, outcomes: list[Outcome]) -> None:
    found = [outcome.found for outcome in outcomes if outcome.told and outcome.found.state == VIOLATED]
    checks = sorted({next(iter(each.counts)) for each in found})
    print(f"{name:<36}{f'{len(found)} of {len(outcomes)}':>10}   {'; '.join(checks)}", flush=True)


def clean(repeats: int, client: str) -> None:
    """Print for each kind of fault how many runs with it and without lies had no violation."""
    for faults, meanwhile in ((f"{FAULTS} members killed", _kill_in_turn), ("a leader paused", _pause_leader)):
        _clean(repeats, client, faults, meanwhile)


def _clean(repeats: int, client: str, faults: str, meanwhile: Callable[[ZooKeeperServers, int], None]) -> None:
    expected = PARTLY if client in UNPLACED else CONSISTENT
    consistent = operations = undecided = 0
    with tempfile.TemporaryDirectory() as folder, ZooKeeperServers(3, Path(folder)) as servers:
        for repeat in range(repeats):
            found = run(
                servers.hosts, Path(folder) / f"run {repeat}", seed=repeat, rounds=CLEAN_ROUNDS, users=8,
                meanwhile=partial(meanwhile, servers, repeat), client=client,
            )  # fmt: skip
            consistent += found.state == expected
            operations += found.operations
            undecided += found.undecided
            if found.state != expected:
                print(found.sentence, *found.excerpt, sep="\n  ")
    print(
        f"\nclean runs, {client}, {faults} in each: {consistent} of {repeats} {expected}, {operations:,}"
        f" operations, {undecided:,} without a reply"
    )


def _kill_in_turn(servers: ZooKeeperServers, first: int) -> None:
    for fault in range(FAULTS):
        gevent.sleep(PAUSE_S)
        index = (first + fault) % 3
        _in_thread(servers.kill, index)
        gevent.sleep(PAUSE_S)
        servers.start(index, wait=False)
        _in_thread(servers.wait_ready, index)


def _pause_leader(servers: ZooKeeperServers, _repeat: int) -> None:
    """Let another member lead meanwhile: the one that goes on then believes for a moment that it still leads."""
    gevent.sleep(PAUSE_S)
    leader = _in_thread(servers.leader)
    servers.pause(leader)
    gevent.sleep(LEADERLESS_S)
    servers.resume(leader)
    _in_thread(servers.wait_ready, leader)


def _in_thread(call: Callable[..., Result], *arguments: object) -> Result:
    result: Result = gevent.get_hub().threadpool.apply(call, arguments)
    return result


def size(operations: int) -> None:
    """Print time and memory of a check."""
    with tempfile.TemporaryDirectory() as folder:
        made_history.make(Path(folder) / HISTORY / _HOST, operations, files=_WORKERS)
        found = measured("consistency", folder)
    print(
        f"\n{found['operations']:,} operations are {found['state']}: {found['seconds']:.1f} s,"
        f" {found['cpu_s']:.1f} s of CPU, {found['mib']:,.0f} MiB   aim for 10 million: 60 s and 1,024 MiB"
    )


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--measure"]:
        began = time.perf_counter()
        found = of_run(Path(sys.argv[2]), Manifest(plan=Plan(workers={_HOST: _WORKERS})))
        used = resource.getrusage(resource.RUSAGE_SELF)
        answer = {
            "operations": found.operations, "state": found.state, "seconds": time.perf_counter() - began,
            "cpu_s": used.ru_utime + used.ru_stime, "mib": used.ru_maxrss / 1024,
        }  # fmt: skip
        print(json.dumps(answer))
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--operations", type=int, default=10_000_000)
    parser.add_argument("--parts", default="planted,clean,size,cost", help="names, separated by commas")
    parser.add_argument("--clients", default="native", help=f"of {', '.join(TOLD)}")
    options = parser.parse_args()
    clients = options.clients.split(",")
    if unknown := set(clients) - set(TOLD):
        parser.error(f"--clients [{','.join(sorted(unknown))}]: choose from {', '.join(TOLD)}")
    if needs := missing():
        sys.exit(needs)
    parts = options.parts.split(",")
    for client in clients:
        if "planted" in parts:
            planted(options.repeats, client)
        if "clean" in parts:
            clean(options.repeats, client)
    if "size" in parts:
        size(options.operations)
    if "cost" in parts:
        history_cost.report(history_cost.costs())


if __name__ == "__main__":
    main()
