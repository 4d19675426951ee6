"""Older locustfiles that use the names, arguments and ready-made parts of 2019."""

from tests.integration.locust.older_counting import COUNTING

ARGUMENTS = (
    COUNTING
    + """
from zk_locust import ZKLocust, ZKLocustTaskSequence, LocustTimer
from zk_locust.ops import *
from zk_locust.ops import AbstractSingleTimerOp
from zk_locust.task_sets import *


def step(kind, **kwargs):
    def run(task_set):
        kind(task_set, maybe_interrupt=iterations(10), **kwargs).run()

    return run


class NoLabel(AbstractOp):
    def __init__(self, client):
        super(NoLabel, self).__init__(client, ignore_connection_down=True)
        self._k = client.get_zk_client()

    def op(self):
        with LocustTimer("no_label", "own") as ctx:
            self._k.exists("/")
            ctx.success()


class Timed(AbstractSingleTimerOp):
    def __init__(self, client, *, request_type="timed", **kwargs):
        super(Timed, self).__init__(client, request_type=request_type, **kwargs)
        self._k = client.get_zk_client()

    def op(self):
        with self.timing() as ctx:
            self._k.exists("/")
            ctx.success()
        with self.timing("timed_too", "by_place") as ctx:
            ctx.success(3)


class Suite(ZKLocustTaskSequence):
    def __init__(self, parent):
        super(Suite, self).__init__(parent)
        c = self.client
        made = []
        path = c.join_path("/")
        ops = [
            ZKGetOp(c, request_type="r_get", task_set_name="ops", val_size=16, key_size=9, key_space_size=4,
                    sequential_keys=True, maybe_interrupt=None, ignore_connection_down=None),
            ZKSetOp(c, request_type="r_set", task_set_name="ops", val_size=16),
            ZKIncrementingSetOp(c, request_type="r_incr", task_set_name="ops", val_size=16),
            ZKCreateEphemeralOp(c, request_type="r_create", task_set_name="ops", base_path=None, val_size=4,
                                push=made.append),
            ZKDeleteFromQueueOp(c, made.pop, request_type="r_delete", task_set_name="ops"),
            ZKDeleteFromQueueOp(c, pop=made.pop, task_set_name="named"),
            ZKCountChildrenOp(c, request_type="r_count", task_set_name="ops", path=path),
            ZKExistsOp(c, path, request_type="r_exists", task_set_name="ops"),
            ZKExistsWithWatchOp(c, path, request_type="r_exists_watch", task_set_name="ops"),
            ZKExistsWithManyWatchesOp(c, request_type="r_many", task_set_name="ops", base_path=path + "/nope-"),
            ZKGetChildrenOp(c, path, request_type="r_children", task_set_name="ops"),
            ZKGetChildren2Op(c, path, request_type="r_children2", task_set_name="ops"),
            ZKWatchOp(c, c.create_default_node(), request_type="r_watch", task_set_name="ops", val_size=8),
            NoLabel(c),
            Timed(c, task_set_name="ops"),
        ]
        self.tasks = [
            step(ZKSetTaskSet, suffix="512_B", val_size=512),
            step(ZKGetTaskSet, name="mine", suffix=None, val_size=512),
            step(ZKSetAndGetTaskSet, name="mine"),
            step(ZKCreateAndDeleteTaskSet, val_size=64, suffix="64_B"),
            step(ZKWatchTaskSet, name="watch"),
            step(ZKExistsTaskSet, name="exists"),
            step(ZKExistsManyTaskSet, name="exists_many"),
            step(ZKGetChildrenTaskSet, name="get_children"),
            step(ZKGetChildren2TaskSet, name="get_children2"),
        ] + [op.task for op in ops]


class User(ZKLocust):
    task_set = Suite
"""
)

WATCH = (
    COUNTING
    + """
import sys
import time

from locust import TaskSet, events, task
from zk_locust import ZKLocust
from zk_locust.ops import ZKWatchOp


class Watch(ZKLocust):
    min_wait = 20
    max_wait = 30

    class task_set(TaskSet):
        def __init__(self, parent):
            super(Watch.task_set, self).__init__(parent)
            self._k = self.client.get_zk_client()
            self._n = self.client.create_default_node()

        @task
        def watch(self):
            def trigger(event):
                count("woken")
                v, stat = self._k.get(self._n)
                start_time = int.from_bytes(v, byteorder=sys.byteorder) / 1000
                events.request.fire(request_type="watch", name="", response_time=(time.time() - start_time) * 1000,
                                    response_length=0)

            self._k.get(self._n, watch=trigger)
            v = int(time.time() * 1000).to_bytes(8, byteorder=sys.byteorder)
            self._k.set_async(self._n, v)
            count("written")


class Ready(ZKLocust):
    min_wait = 20

    class task_set(TaskSet):
        def __init__(self, parent):
            super(Ready.task_set, self).__init__(parent)
            self._op = ZKWatchOp(self.client, self.client.create_default_node(), task_set_name="ready")

        @task
        def watch(self):
            count("ready")
            self._op.task(self)
"""
)

NAMES = """
import kazoo.exceptions
from zk_locust import (
    KazooLocustClient, LocustTimer, ZKLocust, ZKLocustClient, ZKLocustException, ZKLocustTaskSet, get_zk_hosts,
    register_exceptions, split_zk_host_port, split_zk_hosts,
)
from zk_locust.backend_kazoo import KazooLocustClient as SameClient
from zk_metrics import register_zk_metrics_page

register_zk_metrics_page()
register_zk_metrics_page(url_prefix="/zk-metrics")
assert split_zk_hosts(get_zk_hosts()) == [HOSTS] == split_zk_hosts()
assert split_zk_host_port("zk1:2181") == ("zk1", 2181) and SameClient is KazooLocustClient


class Refused(Exception):
    pass


register_exceptions([Refused])


class Tasks(ZKLocustTaskSet):
    def __init__(self, parent):
        super(Tasks, self).__init__(parent)
        assert isinstance(self.client, KIND) and not self.client.has_sasl_auth()
        self.tasks = [create, delete, refuse]


def create(task_set):
    client = task_set.client
    with LocustTimer("names", "create"):
        for error in (kazoo.exceptions.NodeExistsError, client.node_exists_except(), ZKLocustException,
                      kazoo.exceptions.KazooException):
            try:
                client.get_zk_client().create(client.join_path("/"), b"")
                assert False
            except error:
                pass


def delete(task_set):
    with LocustTimer("names", "delete"):
        try:
            task_set.client.get_zk_client().delete("/not-there")
        except kazoo.exceptions.NoNodeError:
            pass


def refuse(task_set):
    with LocustTimer("names", "refused"):
        raise Refused()


class User(ZKLocust):
    task_set = Tasks
"""
