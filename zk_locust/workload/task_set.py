"""The task set that turns the steps of a workload into operations; a user's class names it in `tasks`."""

import gevent
from locust import task

from zk_locust.contract.errors import ClientError
from zk_locust.load.locust_client import LocustClient
from zk_locust.load.locust_internals import is_stopping
from zk_locust.load.task_sets import ZKLocustTaskSet
from zk_locust.workload import broadcast
from zk_locust.workload.locks import LockUser
from zk_locust.workload.operations import Operations, paths_of
from zk_locust.workload.preparation import Preparation, total_users
from zk_locust.workload.reading import workload_of
from zk_locust.workload.specification import USERS
from zk_locust.workload.steps import Step, steps
from zk_locust.workload.tree import root_of
from zk_locust.workload.watches import StandingWatches, watched_keys

_PAUSE_S = 1.0


class WorkloadTaskSet(ZKLocustTaskSet):
    """Runs the steps of one user, one a task."""

    companion = Preparation

    def on_start(self) -> None:
        """Make what the user needs before its first operation, again and again until it works."""
        self._number: int | None = None
        self._client: LocustClient = self.user.client  # type: ignore[attr-defined]
        self._standing: StandingWatches | None = None
        self._role: broadcast.Role | None = None
        self._operations: Operations | None = None
        try:
            self._prepare_until_it_works()
        except BaseException:
            # A user that is killed here is not told to stop, and others wait for its role.
            self.on_stop()
            raise

    def _prepare_until_it_works(self) -> None:
        ready = False
        while not ready and not is_stopping(self.user):
            try:
                # Counted only when it fails: a preparation is not an operation of the load.
                with self._client.timer("user_prepare", failures_only=True):
                    self._prepare()
                    ready = True
            except ClientError:
                pass  # raised into us by --exception-behavior propagate; it has been counted
            if not ready:
                gevent.sleep(_PAUSE_S)

    def on_stop(self) -> None:
        """Leave what is shared with other users."""
        if self._role is not None:
            self._role.stop()

    @task
    def run_operation(self) -> None:
        """Run the user's next step; as many as may follow at once, where there is no wait."""
        if self._role is not None:
            self._role.run()
            return
        standing, table, next_step = self._standing, self._table, self._next_step
        while True:
            if standing is not None and standing.fired:
                standing.set_again()
            step = next_step()
            table[step.operation](step)
            if not self.goes_on():
                return

    def next_step(self) -> Step:
        """Return what comes next in the user's sequence."""
        return next(self._steps)

    @property
    def number(self) -> int | None:
        """The user's number, from 0: unique among all workers."""
        return self._number

    def _prepare(self) -> None:
        options = self._client.options
        workload = workload_of(options.workload)
        root = root_of(options.pseudo_root)
        if self._number is None:
            # The ensemble numbers the users, over all workers.
            self._number = int(self._client.get_zk_client().create(f"{root}/{USERS}/u", sequence=True)[-10:])
        number = self._number
        if workload.broadcast is not None:
            if self._role is None:
                self._role = broadcast.Role(self.user.environment, self._client, workload, number)
            self._role.start()
            return
        if self._operations is None:
            self._operations = Operations(self._client, workload, number)
            self._table = self._operations.table()
            if workload.locks is not None:
                self._table["lock"] = LockUser(self._client, workload.locks, number).run
            self._steps = steps(workload, number)
            overridden = type(self).next_step is not WorkloadTaskSet.next_step
            # Without a call in Python where it does nothing else: this runs for each operation.
            self._next_step = self.next_step if overridden else self._steps.__next__
        self._operations.make_ephemerals()
        if workload.watches.per_user or workload.watches.per_node:
            if self._standing is None:
                users = total_users(self.user.environment.parsed_options)
                paths = paths_of(root, workload.tree)
                watched = [paths[key] for key in watched_keys(workload, number, users)]
                self._standing = StandingWatches(self._client, watched, workload.watches.on)
            self._standing.set_all()
