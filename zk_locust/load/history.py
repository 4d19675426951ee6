"""`--history`: the journal of a process with users, and the final reads of the process that leads the load."""

import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

import gevent
import locust

from zk_locust.clients.history_rows import note_unrecorded
from zk_locust.clients.interface import ZooKeeperClient
from zk_locust.clients.native.recorded import RecordedNativeClient
from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.history_format import file_name, problem_with
from zk_locust.contract.options import ClientSettings, Options
from zk_locust.contract.run_files import HISTORY, HISTORY_LOCAL
from zk_locust.load.final_reads import members_of, read_members
from zk_locust.load.journal import Journal
from zk_locust.load.locust_internals import WORKER_NAME_VARIABLE
from zk_locust.load.user_classes import drives_zookeeper

FINAL: Final = "final"
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
    client: ZooKeeperClient = _recorded(options, options.client_settings(), journal, name)
    return client


def _recorded(options: Options, settings: ClientSettings, journal: Journal, name: str) -> Any:
    credentials = options.credentials()
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
    """Read every node of the load at each member, after a sync. Call it where the load is led, before they are removed.

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
    settings = options.client_settings()
    try:
        journal = _journal(options, FINAL, workers=workers, members=members_of(settings))
    except OSError as error:
        logger.error("The final state is not in the history: %s", error)
        return
    # kazoo's TLS and SASL are known to kazoo alone; the C library has no sync.
    kind = "kazoo" if options.client == "kazoo" else "native"
    try:
        read_members(lambda own: _recorded(options, own, journal, kind), settings, options.pseudo_root)
    finally:
        journal.end()


def _journal(options: Options, name: str, **about: object) -> Journal:
    """Begin a history file. Raises OSError, also where there is one of an earlier test, which stays."""
    folder = Path(options.report_dir) / HISTORY / HISTORY_LOCAL if options.report_dir else Path()
    file = folder / file_name(name)
    told = {"process": name, "host": socket.gethostname(), "client": options.client, "root": options.pseudo_root}
    return Journal(file, **told | about)
