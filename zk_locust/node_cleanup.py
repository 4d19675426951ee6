"""Removing the load's nodes at its end, where `--remove-nodes` asks for it."""

import logging
from typing import Any, cast

from locust.runners import WorkerRunner

from zk_locust.clients import create_client
from zk_locust.clients.interface import ZooKeeperClient
from zk_locust.clients.native import NativeClient
from zk_locust.errors import AuthFailedError, ClientError, ConnectError, NoNodeError
from zk_locust.options import Options
from zk_locust.tree_removal import remove_tree

logger = logging.getLogger(__name__)


def register_node_cleanup(environment: Any, runner: Any, **_: Any) -> None:
    """Remove the pseudo root when a test has stopped: once, not on workers (a listener of `events.init`)."""
    if not isinstance(runner, WorkerRunner):
        environment.events.test_stop.add_listener(remove_nodes)


def remove_nodes(environment: Any, **_: Any) -> None:
    """Remove the pseudo root with all below it. A failure is logged: the figures are worth more than the tidying."""
    if not getattr(environment.parsed_options, "remove_nodes", False):
        return
    options = Options.of(environment.parsed_options)
    try:
        removed = _remove(options)
        logger.info("Removed the load's %d nodes at %s", removed, options.pseudo_root)
    except ClientError as error:
        logger.error("The load's nodes at %s are still there: %s", options.pseudo_root, error)


def _remove(options: Options) -> int:
    # The one client that can have many requests under way, whichever client the users have driven.
    client = cast(NativeClient, create_client(options, "native"))
    try:
        client.start()
        removed = remove_tree(client, options.pseudo_root)
        client.stop()
        return removed
    except (ConnectError, AuthFailedError):
        if options.client == "native":
            raise
    finally:
        client.close()
    return _remove_one_by_one(options)


def _remove_one_by_one(options: Options) -> int:
    """Remove the pseudo root with the client of the users: it may know how to get in (TLS, SASL)."""
    client = create_client(options)
    try:
        client.start()
        return _remove_below(client, options.pseudo_root)
    finally:
        client.stop()
        client.close()


def _remove_below(client: ZooKeeperClient, path: str) -> int:
    removed = 0
    try:
        for child in client.get_children(path):
            removed += _remove_below(client, f"{path}/{child}")
        client.delete(path)
    except NoNodeError:
        return removed
    return removed + 1
