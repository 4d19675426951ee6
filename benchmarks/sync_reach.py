"""Whether a `sync` reaches every write that was acknowledged before it was sent: on the leader, and on a follower.

    python -m benchmarks.sync_reach [--turns 20000]

Sessions write on one follower of three members. After each reply, a session on another member sends a `sync`, and the
transaction in its reply should not be lower than that of the write. `ZOOKEEPER_CLASSPATH` chooses another release.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import gevent

from lab.zookeeper_server import ZooKeeperServers, missing
from zk_locust.clients.interface import ClientSettings
from zk_locust.clients.native import NativeClient, jute, protocol

PAIRS = 8


def misses(writes_on: str, syncs_on: str, turns: int) -> int:
    """Return how many syncs have not reached the write before them."""
    found = 0

    def take_turns(number: int) -> None:
        nonlocal found
        writer, reader = (NativeClient(ClientSettings(address)) for address in (writes_on, syncs_on))
        path = f"/sync-{number}"
        for client in (writer, reader):
            client.start()
        if writer.exists(path) is None:
            writer.create(path)
        for _ in range(turns // PAIRS):
            written = writer.set(path, b"").mzxid
            connection = reader._session.usable_connection()
            reply = connection.call(protocol.SYNC, jute.string(path))
            found += jute.REPLY.unpack_from(reply)[2] < written
        for client in (writer, reader):
            client.stop()
            client.close()

    gevent.joinall([gevent.spawn(take_turns, number) for number in range(PAIRS)], raise_error=True)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=20_000)
    turns = parser.parse_args().turns
    if needs := missing():
        sys.exit(needs)
    with tempfile.TemporaryDirectory() as folder, ZooKeeperServers(3, Path(folder)) as servers:
        leader = servers.leader()
        one, other = (member.address for place, member in enumerate(servers.members) if place != leader)
        for name, address in (("the leader", servers.members[leader].address), ("another follower", other)):
            found = misses(one, address, turns)
            print(f"syncs on {name} that missed an acknowledged write: {found} of {turns:,}", flush=True)


if __name__ == "__main__":
    main()
