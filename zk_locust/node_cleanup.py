"""Removing the load's nodes at its end, where `--remove-nodes` asks for it."""

import logging
from typing import Any
from weakref import WeakKeyDictionary

import gevent
from locust.runners import WorkerRunner

from zk_locust.clients.bulk import BulkClient, bulk_session
from zk_locust.errors import ClientError, NoNodeError
from zk_locust.options import Options
from zk_locust.picked_classes import drives_zookeeper
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
    if not getattr(environment.parsed_options, "remove_nodes", False) or not drives_zookeeper(environment):
        return
    _removals.pop(environment, None)
    options = Options.of(environment.parsed_options)
    try:
        with bulk_session(options) as client:
            found = _children(client, options.pseudo_root)
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
        with bulk_session(options) as client:
            removed = _remove(client, options.pseudo_root, kept)
        logger.info("Removed the load's %d nodes at %s", removed, options.pseudo_root)
    except ClientError as error:
        logger.error("The load's nodes at %s are still there: %s", options.pseudo_root, error)


def _children(client: BulkClient, root: str) -> frozenset[str] | None:
    try:
        return frozenset(client.get_children(root))
    except NoNodeError:
        return None


def _remove(client: BulkClient, root: str, kept: frozenset[str] | None) -> int:
    """Remove the root, or its children but those that are kept; return how many nodes that were."""
    if kept is None:
        return remove_tree(client, root)
    own = (_children(client, root) or frozenset()) - kept
    return sum(remove_tree(client, f"{root.rstrip('/')}/{name}") for name in sorted(own))
