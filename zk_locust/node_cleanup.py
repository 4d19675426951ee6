"""Removing the load's nodes at its end, where `--remove-nodes` asks for it."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

import gevent
from locust.runners import WorkerRunner

from zk_locust.clients import create_client
from zk_locust.clients.interface import ZooKeeperClient
from zk_locust.clients.native import NativeClient
from zk_locust.errors import AuthFailedError, ClientError, ConnectError, NoNodeError
from zk_locust.options import Options
from zk_locust.tree_removal import remove_tree

logger = logging.getLogger(__name__)


# What was at the pseudo root before the load: the names of its children, None where it was not there, or why that could
# not be seen. Gone as soon as the removal begins: what the next load finds may be somebody else's.
_before: "WeakKeyDictionary[Any, frozenset[str] | ClientError | None]" = WeakKeyDictionary()
_removals: "WeakKeyDictionary[Any, gevent.Greenlet]" = WeakKeyDictionary()


def register_node_cleanup(environment: Any, runner: Any, **_: Any) -> None:
    """Remove the load's nodes when a test has stopped: once, not on workers (a listener of `events.init`)."""
    if not isinstance(runner, WorkerRunner):
        # Before whoever else makes nodes as a test starts.
        environment.events.test_start._handlers.insert(0, note_nodes)
        environment.events.test_stop.add_listener(remove_nodes)
        environment.events.quitting.add_listener(_finish)


def note_nodes(environment: Any, **_: Any) -> None:
    """Note what is at the pseudo root already: that is somebody else's, and stays."""
    if not getattr(environment.parsed_options, "remove_nodes", False):
        return
    _removals.pop(environment, None)
    options = Options.of(environment.parsed_options)
    try:
        found = _with_client(options, lambda client: _children(client, options.pseudo_root))
    except ClientError as error:
        _before[environment] = error
        return
    _before[environment] = found
    if found is not None:
        logger.warning("%s is there already: only what the load adds below it is removed", options.pseudo_root)


def remove_nodes(environment: Any, **_: Any) -> None:
    """Remove what the load has made at the pseudo root, once for each test, and return when that is done.

    Locust may say twice that a test has stopped, and kill the greenlet that it said it in first (its runner's, where
    the last worker is lost): the removal is in one of its own, and who comes later waits for it.
    """
    if environment in _before:
        _removals[environment] = gevent.spawn(_remove_noted, environment, _before.pop(environment))
    _finish(environment)


def _finish(environment: Any, **_: Any) -> None:
    removal = _removals.get(environment)
    if removal is not None:
        removal.join()


def _remove_noted(environment: Any, kept: frozenset[str] | ClientError | None) -> None:
    """Remove all but what is kept. A failure is logged: figures are worth more than tidiness."""
    options = Options.of(environment.parsed_options)
    if isinstance(kept, ClientError):
        reason = f"it was not seen what was there before ({kept})"
        logger.error("The load's nodes at %s are still there: %s", options.pseudo_root, reason)
        return
    try:
        removed = _with_client(options, lambda client: _remove(client, options.pseudo_root, kept))
        logger.info("Removed the load's %d nodes at %s", removed, options.pseudo_root)
    except ClientError as error:
        logger.error("The load's nodes at %s are still there: %s", options.pseudo_root, error)


Result = TypeVar("Result")


def _with_client(options: Options, work: Callable[[ZooKeeperClient], Result]) -> Result:
    """Work with the one client that can have many requests under way, else with that of the users (TLS, SASL)."""
    client = create_client(options, "native")
    try:
        client.start()
        result = work(client)
        client.stop()
        return result
    except (ConnectError, AuthFailedError):
        if options.client == "native":
            raise
    finally:
        client.close()
    client = create_client(options)
    try:
        client.start()
        return work(client)
    finally:
        client.stop()
        client.close()


def _children(client: ZooKeeperClient, root: str) -> frozenset[str] | None:
    try:
        return frozenset(client.get_children(root))
    except NoNodeError:
        return None


def _remove(client: ZooKeeperClient, root: str, kept: frozenset[str] | None) -> int:
    """Remove the root, or its children but those that are kept; return how many nodes that were."""
    remove = _remove_many if isinstance(client, NativeClient) else _remove_below
    if kept is None:
        return remove(client, root)
    own = (_children(client, root) or frozenset()) - kept
    return sum(remove(client, f"{root.rstrip('/')}/{name}") for name in sorted(own))


def _remove_many(client: ZooKeeperClient, path: str) -> int:
    return remove_tree(cast(NativeClient, client), path)


def _remove_below(client: ZooKeeperClient, path: str) -> int:
    removed = 0
    try:
        for child in client.get_children(path):
            removed += _remove_below(client, f"{path}/{child}")
        client.delete(path)
    except NoNodeError:
        return removed
    return removed + 1
