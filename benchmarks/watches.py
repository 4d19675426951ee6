"""How long a change takes to those who watch for it: to one other session, and to a thousand.

    python -m benchmarks.watches [--watchers 1,10,100,1000] [--changes 100]

One process on the first core holds the writer's session and those of all watchers, so that one clock sees both ends; a
standalone ZooKeeper server has the last core. From the sending of the write to each watcher's callback; every
watcher has set its watch again before the next write. With many watchers the last delivery shows how fast server and
client get through all of them.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event

from benchmarks.client_cost import end, started
from locust_extra.ranks import rank_at
from tests.integration.zookeeper_server import ZooKeeperServers, class_path

REPOSITORY = Path(__file__).resolve().parents[1]
PATH = "/watches"
CLIENTS = ("native", "libzookeeper", "kazoo")


def measure(name: str, hosts: str, watchers: int, changes: int) -> dict[str, float]:
    """Return milliseconds: of all deliveries the median and the 99th percentile, and the median of the last ones."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
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
    if class_path() is None or not shutil.which("java"):
        sys.exit("needs a Java runtime and ZooKeeper: apt install zookeeper default-jre-headless")
    server_core = str(max(os.sched_getaffinity(0)))
    with tempfile.TemporaryDirectory() as folder:
        prefix = ("taskset", "-c", server_core)
        with ZooKeeperServers(1, Path(folder), heap="512m", prefix=prefix) as servers:
            print("\nFrom the write to the watchers' callbacks, milliseconds; a session for each watcher")
            print(f"{'':<16}{'watchers':>10}{'p50':>10}{'p99':>10}{'last':>10}")
            for watchers in map(int, options.watchers.split(",")):
                # Fewer changes where each is told to many: the number of deliveries sets the precision.
                changes = max(10, min(options.changes, 20_000 // watchers))
                for name in options.clients.split(","):
                    command = ["taskset", "-c", "0", sys.executable, "-m", "benchmarks.watches", "--measure"]
                    command += [name, servers.hosts, str(watchers), "--changes", str(changes)]
                    done = subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True)
                    found = json.loads(done.stdout)
                    print(f"{name:<16}{watchers:>10}" + "".join(f"{found[key]:>10.2f}" for key in found))


if __name__ == "__main__":
    main()
