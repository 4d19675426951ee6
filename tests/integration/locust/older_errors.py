"""Older locustfiles whose operations fail: every error has to be counted."""

from tests.integration.locust.older_counting import COUNTING

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
)

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
