"""Filling the tree before the first user starts, and removing it at the load's end: once, on the process that leads."""

import logging
import sys
import time
from typing import Any, Final

import gevent
from locust.runners import MasterRunner

from zk_locust.clients.bulk import bulk_session
from zk_locust.contract.errors import ClientError, ConfigurationError, ZKLocustError
from zk_locust.contract.options import Options
from zk_locust.load.companion import Companion
from zk_locust.load.marked_trees import holds, make_parents, remove_tree
from zk_locust.load.settings_check import check_settings
from zk_locust.load.user_classes import may_run
from zk_locust.workload.reading import workload_of
from zk_locust.workload.specification import size_of_all
from zk_locust.workload.tree import fill, root_of

_PROGRESS_S: Final = 2.0
_REMOVAL_S: Final = 60.0
_TOTAL_USERS: Final = "workload_users"

logger = logging.getLogger(__name__)


def prepare(options: Options) -> int:
    """Make the workload's tree in place of an earlier load's; return the number of nodes.

    An incomplete tree is removed, also if the greenlet is killed. Raises ClientError, and ConfigurationError if a node
    is in its place that no load has made.
    """
    workload = workload_of(options.workload)
    root, expected = root_of(options.pseudo_root), size_of_all(workload)
    with bulk_session(options) as client:
        make_parents(client, root)
        if holds(client, root) is False:
            raise ConfigurationError(
                "--pseudo-root", options.pseudo_root, f"{root} is there already, and no load has made it",
                "name another node, or remove that one",
            )  # fmt: skip
        if left := remove_tree(client, root, _Progress("Removing what an earlier load has left").at):
            logger.info("Removed %d nodes that an earlier load has left at %s", left, root)
    began = time.perf_counter()
    try:
        with bulk_session(options) as client:
            made = fill(client, root, workload, _Progress(f"Filling the tree of {expected:,} nodes").at)
    except BaseException:
        _tidy_up(options)
        raise
    seconds = time.perf_counter() - began
    logger.info("Filled %s with %d nodes in %.1f s, %.0f nodes/s", root, made, seconds, made / max(seconds, 1e-9))
    return made


class _Progress:
    """Says every other second how far it is, and how fast."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._began_s = self._said_s = time.perf_counter()

    def at(self, done: int) -> None:
        """Take the number of nodes so far."""
        if done % 256:
            return
        now = time.perf_counter()
        if now - self._said_s >= _PROGRESS_S:
            self._said_s = now
            logger.info("%s: %d so far, %.0f/s", self._what, done, done / (now - self._began_s))


def _tidy_up(options: Options) -> None:
    """Remove the workload's tree; a failure is only logged."""
    root = root_of(options.pseudo_root)
    try:
        with bulk_session(options) as client:
            removed = remove_tree(client, root, _Progress("Removing the tree").at)
    except ClientError as error:
        logger.error("The workload's nodes at %s are still there: %s", root, error)
    else:
        logger.info("Removed the workload's %d nodes at %s", removed, root)


def total_users(parsed_options: Any) -> int:
    """Return with how many users the test was started, on all workers together; 1 where nobody has said it."""
    return int(getattr(parsed_options, _TOTAL_USERS, None) or 1)


class Preparation(Companion):
    """Fills the tree before the first user starts, and removes it when the load has ended."""

    def __init__(self, environment: Any, task_set: type, *, leads: bool) -> None:
        super().__init__(environment, task_set, leads=leads)
        self._preparing: Any = None  # the greenlet that makes the tree
        self._made: Options | None = None  # with which a tree was made that is still there

    def on_test_start(self, **_: Any) -> None:
        """Fill the tree. Locust sends users to workers only after this has returned."""
        environment = self.environment
        if not may_run(environment, self.task_set):
            return
        # Locust sends workers all options except its own.
        if environment.parsed_options is not None:
            setattr(environment.parsed_options, _TOTAL_USERS, environment.runner.target_user_count)
        self._preparing = gevent.getcurrent()
        try:
            check_settings(environment)
            options = Options.of(environment.parsed_options)
            prepare(options)
            self._made = options
        except ZKLocustError as error:
            _refuse(environment, error)
        finally:
            self._preparing = None

    def on_test_stop(self, **_: Any) -> None:
        """Remove the tree, where it does not go with the load's own node."""
        options, self._made = self._made, None
        if options is not None and not getattr(self.environment.parsed_options, "remove_nodes", False):
            _tidy_up(options)

    def on_quitting(self, **_: Any) -> None:
        """Stop making the tree, and wait until it is removed: Locust does not wait."""
        greenlet = self._preparing
        if isinstance(greenlet, gevent.Greenlet) and greenlet is not gevent.getcurrent():
            greenlet.kill(timeout=_REMOVAL_S)


def _refuse(environment: Any, error: ZKLocustError) -> None:
    logger.error("The load is not started, its tree cannot be made: %s", error)
    runner = environment.runner
    if environment.web_ui is None:
        environment.process_exit_code = 1
        if isinstance(runner, MasterRunner):
            runner.quit()
            sys.exit(1)
        gevent.spawn(runner.quit)
    # The greenlet that starts this test ends here, before it starts anything.
    raise gevent.GreenletExit from None
