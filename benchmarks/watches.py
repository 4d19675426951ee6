"""How long a change takes to reach the sessions that watch for it: one session, and a thousand.

    python -m benchmarks.watches [--watchers 1,10,100,1000] [--changes 100]

One process on the first core holds the writer's session and those of all watchers, so that one clock measures both
ends. A standalone ZooKeeper server runs on the last core. A time starts when the write is sent and ends in a watcher's
callback. Every watcher sets its watch again before the next write. With many watchers, the last delivery shows how long
server and client take for all of them.
"""

import argparse
import json
import sys
import time
from typing import Any

import gevent
from gevent.event import Event

from benchmarks.client_cost import CLIENTS, allow_many_files, end, started
from benchmarks.own_process import measured
from benchmarks.standalone_server import standalone_server
from zk_locust.contract.ranks import rank_at

PATH = "/watches"


def measure(name: str, hosts: str, watchers: int, changes: int) -> dict[str, float]:
    """Return milliseconds: median and 99th percentile of all deliveries, and the median of each change's last one."""
    allow_many_files()
    writer, *sessions = started(name, hosts, watchers + 1)
    writer.create(PATH, b"")
    deliveries: list[int] = []
    last: list[int] = []
    for _ in range(changes):
        told_ns: list[int] = []
        all_told = Event()

        def on_event(event: Any, told_ns: list[int] = told_ns, all_told: Event = all_told) -> None:
            told_ns.append(time.perf_counter_ns())
            if len(told_ns) == watchers:
                all_told.set()

        gevent.joinall([gevent.spawn(session.get, PATH, watch=on_event) for session in sessions], raise_error=True)
        sent_ns = time.perf_counter_ns()
        writer.set(PATH, b"changed")
        if not all_told.wait(30):
            sys.exit(f"{name}: only {len(told_ns)} of {watchers} watchers were told")
        deliveries += [told - sent_ns for told in told_ns]
        last.append(max(told_ns) - sent_ns)
    writer.delete(PATH)
    end([writer, *sessions])
    deliveries.sort()
    last.sort()
    return {
        "p50": deliveries[rank_at(50, len(deliveries)) - 1] / 1e6,
        "p99": deliveries[rank_at(99, len(deliveries)) - 1] / 1e6,
        "last": last[rank_at(50, len(last)) - 1] / 1e6,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--watchers", default="1,10,100,1000")
    parser.add_argument("--changes", type=int, default=100)
    parser.add_argument("--clients", default=",".join(CLIENTS))
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        name, hosts, watchers = options.measure
        print(json.dumps(measure(name, hosts, int(watchers), options.changes)))
        return
    with standalone_server() as servers:
        print("\nFrom the write to the watchers' callbacks, in milliseconds; each watcher has a session of its own")
        print(f"{'':<16}{'watchers':>10}{'p50':>10}{'p99':>10}{'last':>10}")
        for watchers in map(int, options.watchers.split(",")):
            # The number of deliveries sets the precision: many watchers need fewer changes.
            changes = max(10, min(options.changes, 20_000 // watchers))
            for name in options.clients.split(","):
                found = measured("watches", name, servers.hosts, watchers, "--changes", changes)
                print(f"{name:<16}{watchers:>10}" + "".join(f"{found[key]:>10.2f}" for key in found))


if __name__ == "__main__":
    main()
