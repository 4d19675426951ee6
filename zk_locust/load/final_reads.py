"""The final reads of a history: every node of the load, at each member, after a sync.

One member may lack what the others have, or have what they have removed. So each address of the connect string
gets a session of its own, all at the same time: the load's end has one limit of time for all of them.
"""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import gevent
from gevent.pool import Pool

from zk_locust.contract.errors import ClientError, NoNodeError
from zk_locust.contract.history_format import FINAL_READS_S
from zk_locust.contract.options import ClientSettings

_AT_ONCE: Final = 64

logger = logging.getLogger(__name__)


def members_of(settings: ClientSettings) -> list[str]:
    """Return the addresses of the connect string, each once. Raises ConfigurationError."""
    return list(dict.fromkeys(map(str, settings.connect_string().members)))


def read_members(connect: Callable[[ClientSettings], Any], settings: ClientSettings, root: str) -> None:
    """Read the node and all below it at each member; what could not be read within the time limit is logged.

    `connect` makes a client that keeps a history. Raises ConfigurationError.
    """
    chroot = settings.connect_string().chroot
    reads = [
        gevent.spawn(_read_member, connect(replace(settings, hosts=f"{member}{chroot}")), member, root)
        for member in members_of(settings)
    ]
    gevent.joinall(reads)


def _read_member(client: Any, member: str, root: str) -> None:
    problem = f"{FINAL_READS_S:g} s were not enough"
    try:
        with gevent.Timeout(FINAL_READS_S, False):
            client.start()
            _read_tree(client, member, root)
            problem = ""
        client.stop()
    except ClientError as error:
        problem = problem and str(error)
    finally:
        client.close()
    if problem:
        logger.warning("Not all nodes of %s could be read at the end of the load: %s", member, problem)


def _read_tree(client: Any, member: str, root: str) -> None:
    """Read the node and all below it, after a sync, and note in the history that all were read. Raises ClientError."""
    client.sync(root)
    waiting, pool = deque([root]), Pool(_AT_ONCE)
    failed: list[ClientError] = []

    def read(path: str) -> None:
        try:
            if client.get(path)[1].numChildren:
                waiting.extend(f"{path.rstrip('/')}/{name}" for name in client.get_children(path))
        except NoNodeError:
            pass  # an ephemeral node may go between the two
        except ClientError as error:
            failed.append(error)

    try:
        while waiting or len(pool):
            if waiting:
                pool.spawn(read, waiting.popleft())
            else:
                gevent.sleep(0.001)
            if failed:
                raise failed[0]
    finally:
        pool.kill()
    client.note_all_read(member)
