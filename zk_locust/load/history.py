"""`--history`: the journal of a process with users, and the final reads of the process that leads the load."""

import logging
import os
import socket
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

import gevent
import locust
from gevent.pool import Pool

from zk_locust.clients.history_rows import note_unrecorded
from zk_locust.clients.interface import ZooKeeperClient
from zk_locust.clients.native.recorded import RecordedNativeClient
from zk_locust.contract.errors import ClientError, ConfigurationError, NoNodeError
from zk_locust.contract.history_format import FINAL_READS_S, file_name, problem_with
from zk_locust.contract.options import Options
from zk_locust.contract.run_files import HISTORY, HISTORY_LOCAL
from zk_locust.load.journal import Journal
from zk_locust.load.locust_internals import WORKER_NAME_VARIABLE
from zk_locust.load.user_classes import drives_zookeeper

FINAL: Final = "final"
_AT_ONCE: Final = 64
_ATTRIBUTE: Final = "zk_locust_journal"
_WORKERS: Final = "zk_locust_workers_with_history"

_reads: "WeakKeyDictionary[Any, gevent.Greenlet]" = WeakKeyDictionary()

logger = logging.getLogger(__name__)


def check_history(options: Options) -> None:
    """Raise ConfigurationError for a client that keeps no history."""
    if options.history and (problem := problem_with(options.client, options.kazoo.handler)):
        raise ConfigurationError("--client", options.client, *problem)


def begin(environment: Any, **_: Any) -> None:
    """Have the users of this process keep a history, where the options ask for it. Call it as a test starts."""
    options = Options.of(environment.parsed_options)
    if not options.history or not drives_zookeeper(environment) or getattr(environment.events, _ATTRIBUTE, None):
        return
    # Containers have hosts of their own, and often equal process ids.
    own = f"process-{socket.gethostname()}-{os.getpid()}".replace("/", "-")
    name = os.environ.get(WORKER_NAME_VARIABLE, "").rpartition("/")[2] or own
    try:
        setattr(environment.events, _ATTRIBUTE, _journal(options, name))
    except OSError as error:
        logger.error("There is no history of this process: %s", error)


def end(environment: Any, **_: Any) -> None:
    """End the history. Call it when all users have ended."""
    journal = getattr(environment.events, _ATTRIBUTE, None)
    if journal is not None:
        journal.end()
        setattr(environment.events, _ATTRIBUTE, None)


def recorded_client(options: Options, events: Any, name: str) -> ZooKeeperClient | None:
    """Return a client of the kind `name` that keeps a history; None where there is to be none."""
    journal = getattr(events if events is not None else locust.events, _ATTRIBUTE, None)
    if journal is None:
        return None
    if problem_with(name, options.kazoo.handler):  # a locustfile may choose another kind for some users
        note_unrecorded(journal.rows)
        return None
    client: ZooKeeperClient = _recorded(options, journal, name)
    return client


def _recorded(options: Options, journal: Journal, name: str) -> Any:
    settings, credentials = options.client_settings(), options.credentials()
    if name == "native":
        return RecordedNativeClient(settings, journal, credentials=credentials)
    # Their libraries are imported only where they are chosen, as in `zk_locust.clients`.
    if name == "kazoo":
        from zk_locust.clients.kazoo.recorded import RecordedKazooClient

        return RecordedKazooClient(settings, journal, options.kazoo, credentials=credentials)
    from zk_locust.clients.libzookeeper.recorded import RecordedLibZooKeeperClient

    return RecordedLibZooKeeperClient(settings, journal, credentials=credentials)


def count_workers(environment: Any) -> Callable[..., None]:
    """Return a listener of `worker_report`: it keeps which workers have taken part, for the final reads to tell."""
    taking_part: set[str] = set()
    setattr(environment.events, _WORKERS, taking_part)

    def on_worker_report(client_id: str, **_: Any) -> None:
        taking_part.add(client_id)

    return on_worker_report


def read_all_nodes(environment: Any, **_: Any) -> None:
    """Read every node of the load, after a sync. Call it where the load is led, before its nodes are removed.

    Locust may fire `test_stop` twice, and kill the first greenlet. So the reads have their own one, and a call while
    they go on waits for it: the nodes must stay until then.
    """
    options = Options.of(environment.parsed_options)
    if not options.history or not drives_zookeeper(environment):
        return
    reads = _reads.get(environment)
    if reads is None or reads.dead:
        # The process that leads the load has the users itself if there are no workers.
        workers = len(getattr(environment.events, _WORKERS, ())) or 1
        reads = _reads[environment] = gevent.spawn(_read_all, options, workers)
    reads.join()


def _read_all(options: Options, workers: int) -> None:
    try:
        journal = _journal(options, FINAL, workers=workers)
    except OSError as error:
        logger.error("The final state is not in the history: %s", error)
        return
    # kazoo's TLS and SASL are known to kazoo alone; the C library has no sync.
    client = _recorded(options, journal, "kazoo" if options.client == "kazoo" else "native")
    complete = False
    try:
        with gevent.Timeout(FINAL_READS_S, False):
            client.start()
            read_tree(client, options.pseudo_root)
            complete = True
        client.stop()
    except ClientError as error:
        logger.warning("Not all nodes could be read at the end of the load: %s", error)
    else:
        if not complete:
            logger.warning("Not all nodes could be read at the end of the load within %g s", FINAL_READS_S)
    finally:
        client.close()
        journal.end()


def read_tree(client: Any, root: str) -> None:
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
    client.note_all_read(root)


def _journal(options: Options, name: str, **about: object) -> Journal:
    """Begin a history file. Raises OSError, also where there is one of an earlier test, which stays."""
    folder = Path(options.report_dir) / HISTORY / HISTORY_LOCAL if options.report_dir else Path()
    file = folder / file_name(name)
    told = {"process": name, "host": socket.gethostname(), "client": options.client, "root": options.pseudo_root}
    return Journal(file, **told | about)
