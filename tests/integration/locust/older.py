"""Locustfiles of 2019 and of the predecessor's last version, as their authors wrote them."""

from tests.integration.locust.ways import HEADLESS, Way

COUNTING = """
import json

import locust

counted = {}


def count(name):
    counted[name] = counted.get(name, 0) + 1


@locust.events.quitting.add_listener
def tell(**_):
    print("COUNTED " + json.dumps(counted), flush=True)

"""

VANISHING = (
    COUNTING
    + """
import kazoo.exceptions
from zk_locust import LocustTimer, ZKLocust, ZKLocustTaskSet


class Own(kazoo.exceptions.KazooException):
    pass


class Tasks(ZKLocustTaskSet):
    def __init__(self, parent):
        super(Tasks, self).__init__(parent)
        self.tasks = [asynchronous, acls, recipe, own, ours, fine]


def attempt(name, work):
    count(name)
    try:
        with LocustTimer("older", name) as ctx:
            work()
            ctx.success()
    except kazoo.exceptions.KazooException:
        count("raised " + name)


def asynchronous(task_set):
    attempt("async", lambda: task_set.client.get_zk_client().set_async("/not-there", b"1").get())


def acls(task_set):
    attempt("acls", lambda: task_set.client.get_zk_client().get_acls("/not-there"))


def recipe(task_set):
    attempt("recipe", lambda: task_set.client.get_zk_client().DataWatch("/a//b", lambda *_: None))
    kazoo_client = task_set.client.get_zk_client()
    held = kazoo_client.Lock("/held-%d" % id(task_set))
    with held:
        attempt("lock", lambda: kazoo_client.Lock("/held-%d" % id(task_set)).acquire(timeout=0.01))


def own(task_set):
    def fail():
        raise Own("mine")

    attempt("own", fail)


def ours(task_set):
    attempt("ours", lambda: task_set.client.get_zk_client().set("/not-there", b"1"))


def fine(task_set):
    attempt("fine", lambda: task_set.client.get_zk_client().exists("/not-there"))


class User(ZKLocust):
    task_set = Tasks
"""
).replace('    attempt("recipe", lambda: task_set.client.get_zk_client().DataWatch("/a//b", lambda *_: None))\n', "")

PAUSED = """
from zk_locust import LocustTimer, ZKLocust, ZKLocustTaskSet

late = []


class Tasks(ZKLocustTaskSet):
    def __init__(self, parent):
        super(Tasks, self).__init__(parent)
        self._k = self.client.get_zk_client()
        self.made = self._k.create(self.client.join_path("/mine-"), b"", ephemeral=True, sequence=True)
        self.tasks = [write]


def write(task_set):
    with LocustTimer("set", "async") as ctx:
        task_set._k.set_async(task_set.made, b"1").get(timeout=0.2)
        ctx.success()
        print("WRITTEN", flush=True)


class User(ZKLocust):
    task_set = Tasks
    min_wait = 0
    max_wait = 0
"""

AFTER_SUCCESS = """
from locust import events
from zk_locust import LocustTimer, ZKLocust, ZKLocustTaskSet


@events.user_error.add_listener
def tell(exception, **_):
    print("USER ERROR " + type(exception).__name__, flush=True)


class Tasks(ZKLocustTaskSet):
    def __init__(self, parent):
        super(Tasks, self).__init__(parent)
        self.tasks = [read]


def read(task_set):
    with LocustTimer("older", name="read") as ctx:
        ctx.success()
        task_set.client.get_zk_client().get("/not-there")


class User(ZKLocust):
    task_set = Tasks
"""

ON_A_NEW_ROOT = (
    COUNTING
    + """
from zk_locust import LocustTimer, ZKLocust, ZKLocustClient, ZKLocustTaskSet
from zk_locust.backend_kazoo import KazooLocustClient


class Tasks(ZKLocustTaskSet):
    def __init__(self, parent):
        super(Tasks, self).__init__(parent)
        self._k = self.client.get_zk_client()
        self._own = KazooLocustClient("{hosts}", "/new/of-the-client")
        self.tasks = [create, create_by_own]


def create(task_set):
    with LocustTimer("older", "create"):
        task_set._k.create(task_set.client.join_path("/mine-"), b"", ephemeral=True, sequence=True)


def create_by_own(task_set):
    with LocustTimer("older", "by_own"):
        client = task_set._own
        client.get_zk_client().create(client.join_path("/mine-"), b"", ephemeral=True, sequence=True)


class User(ZKLocust):
    task_set = Tasks

    def __init__(self, pseudo_root="/new/of-the-class"):
        super(User, self).__init__(pseudo_root=pseudo_root)


class OfTheFlag(ZKLocust):
    task_set = Tasks
"""
)

BY_ARGUMENTS = """
from locust_extra.stats import register_extra_stats
from zk_locust import ZKLocust
from zk_locust.task_sets import ZKSetTaskSet

register_extra_stats("stats.csv", "distrib.jsonl", 500)


class Set(ZKLocust):
    task_set = ZKSetTaskSet
"""

KILLED = """
from zk_locust import LocustTimer, ZKLocust, ZKLocustTaskSet

written = []


class Tasks(ZKLocustTaskSet):
    def __init__(self, parent):
        super(Tasks, self).__init__(parent)
        self.tasks = [write]


def write(task_set):
    with LocustTimer("set", "async") as ctx:
        task_set.client.get_zk_client().set_async(task_set.client.join_path("/"), b"1").get()
        ctx.success()
        written.append(task_set)
        if len(set(map(id, written))) == 4 and len(written) < 99:
            print("ALL WRITE", flush=True)


class User(ZKLocust):
    task_set = Tasks
    min_wait = 0  # each is in the middle of a write when the server goes
    max_wait = 0
"""

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

IN_INIT = """
from locust import task
from zk_locust import LocustTimer, ZKLocust


class Reads(ZKLocust):
    def __init__(self):
        super(Reads, self).__init__()
        self.path = self.client.create_default_node()

    @task
    def read(self):
        with LocustTimer("init", "read"):
            self.client.get_zk_client().get(self.path)


class OwnStart(ZKLocust):
    def on_start(self):
        assert not self.client.is_connection_down()
        self.path = self.client.create_default_node()

    @task
    def read(self):
        with LocustTimer("init", "own_start"):
            self.client.get_zk_client().get(self.path)


class ByPlace(ZKLocust):
    def __init__(self):
        super(ByPlace, self).__init__("kazoo", "/by/place")

    @task
    def read(self):
        with LocustTimer("init", "by_place"):
            self.client.get_zk_client().get(self.client.create_node("/x", b""))
"""

UNREGISTERED = """
from zk_locust import ZKLocust
from zk_locust.task_sets import ZKSetTaskSet


class Set(ZKLocust):
    task_set = ZKSetTaskSet
"""
REGISTERED_FIRST = (
    """
from locust_extra.stats import register_extra_stats
from zk_metrics import register_zk_metrics

register_extra_stats()
register_zk_metrics()
"""
    + UNREGISTERED
)

BENCH = """
import os

from locust import task
from zk_locust import LocustTimer, ZKLocust, bench_parameter

at_import = os.environ["ZK_LOCUST_BENCH_THE_ANSWER"]


class User(ZKLocust):
    @task
    def answer(self):
        with LocustTimer("bench", at_import + "_" + bench_parameter("the-answer")):
            self.client.get_zk_client().exists("/")
"""

TAGS = """
from locust import tag
from zk_locust import ZKLocust, ZKLocustTaskSet
from zk_locust.ops import ZKExistsOp
from zk_locust.task_sets import ZKGetTaskSet, ZKSetTaskSet


@tag("picked")
class Picked(ZKSetTaskSet):
    pass


class Left(ZKGetTaskSet):
    pass


@tag("picked")
class Later(ZKLocustTaskSet):
    def __init__(self, parent):
        super(Later, self).__init__(parent)
        self.tasks = [ZKExistsOp(self.client, "/", "later").task]


class LeftToo(ZKLocustTaskSet):
    def __init__(self, parent):
        super(LeftToo, self).__init__(parent)
        self.tasks = [ZKExistsOp(self.client, "/", "left_too").task]


class A(ZKLocust):
    tasks = [Picked, Left]


class B(ZKLocust):
    tasks = [Later, LeftToo]
"""

CONTEXT = """
import locust
from locust import task
from zk_locust import LocustTimer, ZKLocust
from zk_locust.ops import ZKExistsOp

from locustfile_counting import count


@locust.events.request.add_listener
def on_request(name, context, **_):
    count(name + " " + str(context.get("tenant")))


class User(ZKLocust):
    def context(self):
        return {"tenant": "blue"}

    def on_start(self):
        super().on_start()
        self.op = ZKExistsOp(self.client, "/", "op")

    @task
    def mine(self):
        with LocustTimer("mine"):
            self.client.get_zk_client().exists("/")

    @task
    def ready(self):
        self.op.task(self)
"""

NOT_ZOOKEEPER = """
from locust import User, task

from zk_locust import ZKLocust
from zk_locust.task_sets import ZKSetTaskSet


class Set(ZKLocust):
    tasks = [ZKSetTaskSet]


class Other(User):
    @task
    def other(self):
        self.environment.events.request.fire(
            request_type="other", name="other", response_time=1, response_length=0, exception=None, context={}
        )
        self._sleep(0.01)

    def _sleep(self, seconds):
        import gevent

        gevent.sleep(seconds)
"""


def _named(kind: str, client: str) -> Way:
    text = NAMES.replace("KIND", kind).replace("HOSTS", '"{hosts}"', 1)
    return Way(
        text, (*HEADLESS, "--client", client), {"KAZOO_LOCUST_HOSTS": "{hosts}", "ZK_LOCUST_MIN_WAIT": "5"}, hosts=False
    )


def older_ways(kit: str) -> dict[str, Way]:
    """Return all ways by their names."""
    return {
        "vanishing": Way(VANISHING),
        "vanishing-suppressed": Way(VANISHING, (*HEADLESS, "--exception-behavior", "try-suppress")),
        "vanishing-raised": Way(VANISHING, (*HEADLESS, "--exception-behavior", "propagate")),
        "after-success": Way(AFTER_SUCCESS),
        "new-root": Way(ON_A_NEW_ROOT, (*HEADLESS, "--pseudo-root", "/new/of-the-flag")),
        "new-root-removed": Way(
            ON_A_NEW_ROOT, (*HEADLESS, "--pseudo-root", "/removed", "--remove-nodes", "OfTheFlag")
        ),
        "stats-by-arguments": Way(BY_ARGUMENTS),
        "arguments": Way(ARGUMENTS),
        "watch": Way(WATCH),
        "names-kazoo": _named("KazooLocustClient", "kazoo"),
        "names-native": _named("object", "native"),
        "names-libzookeeper": _named("ZKLocustClient", "libzookeeper"),
        "in-init": Way(IN_INIT, (*HEADLESS, "--users", "3")),
        "report-dir": Way(UNREGISTERED, (*HEADLESS, "--report-dir", "report")),
        "report-dir-imported-first": Way(REGISTERED_FIRST, (*HEADLESS, "--report-dir", "report")),
        "stats-csv": Way(UNREGISTERED, (*HEADLESS, "--stats-collect", "500", "--stats-csv", "stats.csv")),
        "bench-by-config": Way(
            BENCH, (*HEADLESS, "--config", "mine.conf"), files={"mine.conf": "bench-the-answer = 41\n"}
        ),
        "bench-by-locust-conf": Way(BENCH, files={"locust.conf": "bench-the-answer = 42\n"}),
        "bench-by-pyproject": Way(BENCH, files={"pyproject.toml": "[tool.locust]\nbench-the-answer = 43\n"}),
        "tags": Way(TAGS, (*HEADLESS, "--tags", "picked")),
        "context": Way(CONTEXT, files={"locustfile_counting.py": COUNTING}),
        "folder": Way(
            "", ("-f", kit, *HEADLESS, "--users", "26", "--bench-step-duration", "1", "--run-time", "6s"),
        ),
        "only-another": Way(NOT_ZOOKEEPER, (*HEADLESS, "Other"), hosts=False),
    }  # fmt: skip
