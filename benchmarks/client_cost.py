"""What an operation and an idle session cost the load generator, by client, next to the floor of raw frames.

    python -m benchmarks.client_cost [--operations 60000] [--sessions 32] [--idle 1000] [--rounds 3]

A standalone ZooKeeper server runs on the last core; the clients run on the first. All figures of a table come from one
run, in turns: on a busy machine the figures change, and their ratios stay. Each figure is the best of its rounds. The
floor is a C program if there is a compiler, otherwise a loop of raw frames in Python.
"""

import argparse
import json
import resource
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import psutil

from benchmarks.own_process import ON_FIRST_CORE, measured
from benchmarks.standalone_server import standalone_server
from zk_locust.clients.interface import ClientSettings

PATH = "/client-cost"
VALUE = b"12345678"
OPERATIONS = ("get", "set")


def native(settings: ClientSettings) -> Any:
    """Make the project's own client."""
    from zk_locust.clients.native import NativeClient

    return NativeClient(settings)


def libzookeeper(settings: ClientSettings) -> Any:
    """Make the client of ZooKeeper's C library."""
    from zk_locust.clients.libzookeeper import LibZooKeeperClient

    return LibZooKeeperClient(settings)


def kazoo(settings: ClientSettings) -> Any:
    """Make a bare kazoo client, without our interface."""
    from kazoo.client import KazooClient
    from kazoo.handlers.gevent import SequentialGeventHandler

    return KazooClient(settings.hosts, timeout=settings.session_timeout_s, handler=SequentialGeventHandler())


CLIENTS: dict[str, Callable[[ClientSettings], Any]] = {"native": native, "libzookeeper": libzookeeper, "kazoo": kazoo}


def started(name: str, hosts: str, count: int) -> list[Any]:
    """Return that many started clients of this name."""
    clients = [CLIENTS[name](ClientSettings(hosts, session_timeout_s=30.0)) for _ in range(count)]
    for client in clients:
        client.start()
    return clients


def allow_many_files() -> None:
    """Raise this process's limit of open files, because each session has a descriptor."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def end(clients: list[Any]) -> None:
    """Stop and close the clients."""
    for client in clients:
        client.stop()
        client.close()


def measure_operations(name: str, hosts: str, sessions: int, operations: int) -> dict[str, float]:
    """Return CPU seconds per 10,000 operations, for each operation; closed loop, a greenlet for each session."""
    clients = started(name, hosts, sessions)

    def user(client: Any, operation: str, count: int) -> None:
        call, arguments = getattr(client, operation), (PATH,) if operation == "get" else (PATH, VALUE)
        for _ in range(count):
            call(*arguments)

    def drive(operation: str, count: int) -> float:
        began = time.process_time()
        users = [gevent.spawn(user, client, operation, count // sessions) for client in clients]
        gevent.joinall(users, raise_error=True)
        return (time.process_time() - began) / (count // sessions * sessions) * 10_000

    figures = {}
    for operation in OPERATIONS:
        drive(operation, operations // 10)
        figures[operation] = drive(operation, operations)
    end(clients)
    return figures


def measure_idle(name: str, hosts: str, count: int) -> dict[str, float]:
    """Return KiB of resident memory and descriptors for each idle session."""
    allow_many_files()
    process = psutil.Process()
    first = started(name, hosts, 10)
    memory, descriptors = process.memory_info().rss, process.num_fds()
    clients = started(name, hosts, count)
    gevent.sleep(1)
    figures = {
        "KiB": (process.memory_info().rss - memory) / 1024 / count,
        "descriptors": (process.num_fds() - descriptors) / count,
    }
    end(first + clients)
    return figures


def compile_floor(folder: Path) -> Path | None:
    """Return the program of raw frames, or None without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    program = folder / "raw_frames"
    subprocess.run([compiler, "-O2", "-o", program, Path(__file__).with_name("raw_frames.c")], check=True)
    return program


def measure_floor_in_c(program: Path, port: int, sessions: int, operations: int) -> dict[str, float]:
    """Return CPU seconds per 10,000 operations of the program of raw frames."""
    figures = {}
    for operation in OPERATIONS:
        arguments = [port, sessions, operations, operation, PATH, len(VALUE)]
        answer = subprocess.run(
            [*ON_FIRST_CORE, program, *map(str, arguments)], check=True, capture_output=True, text=True
        )
        done, cpu_s, _ = answer.stdout.split()
        figures[operation] = float(cpu_s) / int(done) * 10_000
    return figures


def measure_floor_in_python(port: int, operations: int) -> dict[str, float]:
    """Return the same figures from one blocking socket without a library: send, receive."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(struct.pack("!iiqiqi17x", 45, 0, 0, 30_000, 0, 16))
        sock.recv(256)
        path = struct.pack("!i", len(PATH)) + PATH.encode()
        records = {"get": path + b"\0", "set": path + struct.pack("!i", len(VALUE)) + VALUE + struct.pack("!i", -1)}
        figures = {}
        for operation in OPERATIONS:
            code, record = {"get": 4, "set": 5}[operation], records[operation]
            frame = struct.pack("!iii", len(record) + 8, 1, code) + record
            began = time.process_time()
            for _ in range(operations):
                sock.sendall(frame)
                sock.recv(4096)
            figures[operation] = (time.process_time() - began) / operations * 10_000
        return figures


def prepare(hosts: str, sessions: int, operations: int) -> None:
    """Make the node of the benchmark, and warm the server up."""
    (client,) = started("native", hosts, 1)
    client.create(PATH, VALUE)
    end([client])
    measured("client_cost", "operations", "native", hosts, sessions, operations)


def best(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Return the smallest figure of each kind."""
    return {key: min(figures[key] for figures in rounds) for key in rounds[0]}


def report(floor: str, costs: dict[str, dict[str, float]], idle: dict[str, dict[str, float]], options: Any) -> None:
    """Print both tables."""
    heads = [f"{operation}, CPU s" for operation in OPERATIONS]
    print(f"\nCPU seconds per 10,000 operations; {len(VALUE)}-byte values, {options.sessions} sessions, closed loop")
    print(f"{'client':<22}" + "".join(f"{head:>14}{'/ floor':>10}{'/ native':>10}" for head in heads))
    for name, figures in costs.items():
        print(f"{name:<22}", end="")
        for operation, cost in figures.items():
            ratios = (cost / costs[reference][operation] for reference in (floor, "native"))
            print(f"{cost:>14.3f}" + "".join(f"{ratio:>10.2f}" for ratio in ratios), end="")
        print()
    print(f"\nEach of {options.idle} idle sessions in one process")
    print(f"{'client':<22}{'resident KiB':>14}{'descriptors':>14}")
    for name, figures in idle.items():
        print(f"{name:<22}{figures['KiB']:>14.1f}{figures['descriptors']:>14.2f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--operations", type=int, default=60_000)
    parser.add_argument("--sessions", type=int, default=32)
    parser.add_argument("--idle", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--clients", default=",".join(CLIENTS), help="names, separated by commas; native is the reference"
    )
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        what, name, hosts, *numbers = options.measure
        measures: dict[str, Callable[..., dict[str, float]]] = {"operations": measure_operations, "idle": measure_idle}
        print(json.dumps(measures[what](name, hosts, *map(int, numbers))))
        return
    names = options.clients.split(",")
    costs: dict[str, list[dict[str, float]]] = {}
    with standalone_server() as servers:
        program = compile_floor(servers.folder)
        floor = "raw frames, C" if program else "raw frames, Python"
        port = servers.members[0].client_port
        prepare(servers.hosts, options.sessions, options.operations)
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            if program:
                figures = measure_floor_in_c(program, port, options.sessions, options.operations)
            else:
                figures = measure_floor_in_python(port, options.operations)
            costs.setdefault(floor, []).append(figures)
            for name in names:
                figures = measured(
                    "client_cost", "operations", name, servers.hosts, options.sessions, options.operations
                )
                costs.setdefault(name, []).append(figures)
        idle = {name: measured("client_cost", "idle", name, servers.hosts, options.idle) for name in names}
    report(floor, {name: best(figures) for name, figures in costs.items()}, idle, options)


if __name__ == "__main__":
    main()
