"""How long it takes to fill a tree and to remove it, next to kazoo with asynchronous requests.

    python -m benchmarks.fill [--nodes 100000] [--size 128] [--rounds 1]

A standalone ZooKeeper server runs on the last core, the client on the first. Both sides use one session, and have as
many outstanding requests as our pipeline. The rival is what a Python user would write: kazoo's `create_async` and
`delete_async`. Both sides list the nodes before they delete them.
"""

import argparse
import json
import os
import sys
import time
from collections import deque
from typing import Any

from benchmarks.own_process import measured
from benchmarks.standalone_server import standalone_server
from zk_locust.clients.interface import ClientSettings
from zk_locust.clients.native.client import PIPELINE_WINDOW
from zk_locust.workload.specification import TREE, Tree, Values, Workload, size_of_all

ROOT = "/fill"


def workload_of(nodes: int, size: int) -> Workload:
    """Return a workload with a tree of that many nodes in 100 folders, and values of `size` bytes."""
    return Workload(tree=Tree(nodes, 2, 100), values=Values(least=size, most=size))


def pipelined(hosts: str, nodes: int, size: int) -> tuple[float, float]:
    """Return seconds of filling and of removing."""
    from zk_locust.clients.native import NativeClient
    from zk_locust.load.marked_trees import remove_tree
    from zk_locust.workload.tree import fill

    client = NativeClient(ClientSettings(hosts))
    client.start()
    began = time.perf_counter()
    made = fill(client, ROOT, workload_of(nodes, size))
    filled = time.perf_counter()
    assert remove_tree(client, ROOT) == made == size_of_all(workload_of(nodes, size))
    removed = time.perf_counter()
    client.stop()
    client.close()
    return filled - began, removed - filled


def kazoo(hosts: str, nodes: int, size: int) -> tuple[float, float]:
    """Return seconds of filling and of removing."""
    from kazoo.client import KazooClient
    from kazoo.handlers.gevent import SequentialGeventHandler

    from zk_locust.workload.tree import folder_paths, node_paths

    client: Any = KazooClient(hosts, handler=SequentialGeventHandler())
    client.start(timeout=10)
    tree = workload_of(nodes, size).tree
    outstanding: deque[Any] = deque()

    def add(result: Any) -> None:
        outstanding.append(result)
        if len(outstanding) >= PIPELINE_WINDOW:
            outstanding.popleft().get()

    def settle() -> None:
        while outstanding:
            outstanding.popleft().get()

    began = time.perf_counter()
    value = os.urandom(size)
    client.create(f"{ROOT}/{TREE}", makepath=True)
    for path in folder_paths(tree):
        add(client.create_async(f"{ROOT}/{TREE}{path}", b""))
    for path in node_paths(tree):
        add(client.create_async(f"{ROOT}/{TREE}{path}", value))
    settle()
    filled = time.perf_counter()
    folders = [f"{ROOT}/{TREE}/{name}" for name in client.get_children(f"{ROOT}/{TREE}")]
    for folder in folders:
        for name in client.get_children(folder):
            add(client.delete_async(f"{folder}/{name}"))
    settle()
    for path in [*folders, f"{ROOT}/{TREE}", ROOT]:
        client.delete(path)
    removed = time.perf_counter()
    client.stop()
    client.close()
    return filled - began, removed - filled


WAYS = {"pipeline": pipelined, "kazoo, async": kazoo}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--nodes", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=128, help="bytes of each value")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        way, hosts = options.measure
        print(json.dumps(WAYS[way](hosts, options.nodes, options.size)))
        return
    times: dict[str, tuple[float, float]] = {}
    with standalone_server() as servers:
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            for way in WAYS:
                sizes = ("--nodes", options.nodes, "--size", options.size)
                found = measured("fill", way, servers.hosts, *sizes)
                before = times.get(way, found)
                times[way] = min(before[0], found[0]), min(before[1], found[1])
    print(f"\nA tree of {options.nodes:,} nodes of {options.size} bytes in 100 folders; one session, "
          f"{PIPELINE_WINDOW} requests outstanding")  # fmt: skip
    print(f"{'':<16}{'fill s':>10}{'nodes/s':>10}{'ratio':>8}{'remove s':>10}{'nodes/s':>10}{'ratio':>8}")
    for way, both in times.items():
        print(f"{way:<16}", end="")
        for seconds, reference in zip(both, times["pipeline"], strict=True):
            print(f"{seconds:>10.1f}{options.nodes / seconds:>10,.0f}{seconds / reference:>8.2f}", end="")
        print()


if __name__ == "__main__":
    main()
