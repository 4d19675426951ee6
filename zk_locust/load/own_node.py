"""`--remove-nodes`: the load works below its own node, and removes only that node at its end.

Other nodes at the pseudo root stay. Without `--remove-nodes` the load works at the pseudo root itself and removes
nothing.
"""

import logging
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakKeyDictionary

import gevent

from zk_locust.clients.bulk import bulk_session, pipeline
from zk_locust.clients.interface import ZooKeeperClient
from zk_locust.clients.native import Delete
from zk_locust.contract.errors import ClientError, NodeExistsError, NoNodeError, NotEmptyError, ServerError
from zk_locust.contract.events import LEFT_TREE_REMOVED
from zk_locust.contract.options import Options
from zk_locust.load.marked_trees import (
    FLEET_MARK,
    MARK,
    fresh_node,
    holds,
    is_own_name,
    make_parents,
    own_node,
    remove_tree,
)
from zk_locust.load.stages import happened
from zk_locust.load.user_classes import drives_zookeeper

# For all of them together: a load has 40 s between its planned end and its deadline, and its processes need 17 to end
# (roles/benchmark_run/vars/main.yml). What is left then is for the next run.
_LEFT_TREES_S: Final = 10.0
_REST_STAYS: Final = "the rest stays for the next run"

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _OwnNode:
    """Where a load works. `pseudo_root` is what was asked for, `parents` those that had to be made for `path`."""

    pseudo_root: str
    path: str
    parents: list[str] = field(default_factory=list)


_own: "WeakKeyDictionary[Any, _OwnNode]" = WeakKeyDictionary()
"""By Locust's environment, while a test is on."""
_removals: "WeakKeyDictionary[Any, gevent.Greenlet]" = WeakKeyDictionary()


def make_own_node(environment: Any, **_: Any) -> None:
    """Have the load work below a node of its own, where it is to remove its nodes.

    From here to the end of the test this node is the parameter `pseudo-root`, here and on the workers.
    """
    parsed_options = environment.parsed_options
    if not getattr(parsed_options, "remove_nodes", False) or not drives_zookeeper(environment):
        return
    _removals.pop(environment, None)
    options = Options.of(parsed_options)
    own = _own[environment] = _OwnNode(options.pseudo_root, own_node(options.pseudo_root))
    of_fleet = bool(getattr(parsed_options, "remove_left_trees", False))
    try:
        with bulk_session(options) as client:
            asked = own.path
            # First, because only a node with its mark can be removed by a later run.
            _make(client, own, FLEET_MARK if of_fleet else MARK)
            if of_fleet:
                _remove_left_trees(environment, client, asked)
    except ClientError as error:
        # The users make it when they can; no other load has this name.
        logger.warning("The load's own node %s could not be made yet: %s", own.path, error)
    parsed_options.pseudo_root = own.path


def remove_nodes(environment: Any, **_: Any) -> None:
    """Remove the load's own node, once for each test, and return when that is done.

    Locust may fire `test_stop` twice, and kill the first greenlet if the last worker is lost. So the removal has its
    own greenlet, and later calls wait for it.
    """
    if environment in _own:
        own = _own.pop(environment)
        environment.parsed_options.pseudo_root = own.pseudo_root
        _removals[environment] = gevent.spawn(_remove, Options.of(environment.parsed_options), own)
    wait_for_removal(environment)


def wait_for_removal(environment: Any, **_: Any) -> None:
    """Return when what is being removed is removed."""
    removal = _removals.get(environment)
    if removal is not None:
        removal.join()


def _make(client: ZooKeeperClient, own: _OwnNode, mark: bytes) -> None:
    own.parents += make_parents(client, own.path)
    try:
        client.create(own.path, mark)
    except NodeExistsError:
        if not holds(client, own.path):  # else it is of this run's test before, which could not remove it
            logger.warning("%s is there already, and no load has made it: it stays", own.path)
            own.path = fresh_node(own.path)
            client.create(own.path, mark)


def _remove(options: Options, own: _OwnNode) -> None:
    """Remove the node, and the parents that were made for it if they are empty. A failure is only logged."""
    try:
        with bulk_session(options) as client:
            removed = remove_tree(client, own.path)
            for result in pipeline(client, map(Delete, reversed(own.parents))):
                if isinstance(result, ServerError) and not isinstance(result, (NotEmptyError, NoNodeError)):
                    raise result
        logger.info("Removed the load's %d nodes at %s", removed, own.path)
    except ClientError as error:
        logger.error("The load's nodes at %s are still there: %s", own.path, error)


def _remove_left_trees(environment: Any, client: ZooKeeperClient, own: str) -> None:
    """Remove the nodes that killed runs of the playbooks have left, within one time limit, and report them.

    Only one run at a time uses an ensemble that the playbooks manage, so none belongs to a running load.
    """
    waiting: list[str] = []
    with gevent.Timeout(_LEFT_TREES_S, False):
        try:
            waiting += _left_trees(client, own)
        except ClientError as error:
            logger.warning("Could not look for nodes that earlier runs have left: %s", error)
        while waiting:
            _remove_left_tree(environment, client, waiting.pop(0))
    for path in waiting:
        _tell_of_left_tree(environment, path, 0, _REST_STAYS)


def _left_trees(client: ZooKeeperClient, own: str) -> list[str]:
    parent = own.rpartition("/")[0]
    try:
        names = client.get_children(parent or "/")
    except NoNodeError:
        return []
    paths = sorted(f"{parent}/{name}" for name in names if is_own_name(name))
    return [path for path in paths if path != own and holds(client, path, FLEET_MARK)]


def _remove_left_tree(environment: Any, client: ZooKeeperClient, path: str) -> None:
    removed = 0

    def count(so_far: int) -> None:
        nonlocal removed
        removed = so_far

    rest = _REST_STAYS
    try:
        remove_tree(client, path, count)
        rest = ""
    except ClientError as error:
        rest = f"the rest stays: {error}"
    finally:  # also where the time is over
        _tell_of_left_tree(environment, path, removed, rest)


def _tell_of_left_tree(environment: Any, path: str, removed: int, rest: str) -> None:
    detail = f"{removed} nodes; {rest}" if rest else f"{removed} nodes"
    logger.info("An earlier run has left nodes at %s, removed %s", path, detail)
    happened.fire(environment=environment, event=LEFT_TREE_REMOVED, subject=path, detail=detail)
