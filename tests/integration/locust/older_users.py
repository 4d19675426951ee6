"""Older locustfiles with users of their own: their root, start, tags and context, and other user classes."""

from tests.integration.locust.older_counting import COUNTING

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
