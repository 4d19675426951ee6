"""Locustfiles for Locust 2: each uses a feature the way Locust's documentation shows it."""

from tests.integration.locust.ways import HEADLESS, LENGTH, Way

EVERYTHING = """
import locust
from gevent.pywsgi import WSGIServer
from locust import HttpUser, SequentialTaskSet, TaskSet, between, constant_pacing, constant_throughput, events, task
from zk_locust import LocustTimer, ZKLocust, ZKLocustTaskSet
from zk_locust.task_sets import ZKConnectTaskSet, ZKGetTaskSet, ZKSetTaskSet

seen = {"init": 0, "test_start": 0, "spawning_complete": 0, "request": 0, "test_stop": 0}


@events.init.add_listener
def on_init(environment, **_):
    seen["init"] += 1


@events.test_start.add_listener
def on_test_start(environment, **_):
    seen["test_start"] += 1


@events.spawning_complete.add_listener
def on_spawning_complete(user_count, **_):
    seen["spawning_complete"] += 1


@events.request.add_listener
def on_request(request_type, name, response_time, response_length, exception, context, **_):
    seen["request"] += 1


@events.test_stop.add_listener
def on_test_stop(environment, **_):
    seen["test_stop"] += 1


@events.quitting.add_listener
def tell(environment, **_):
    import json

    print("COUNTED " + json.dumps(seen), flush=True)


def exists(user, name):
    with LocustTimer(name):
        user.client.get_zk_client().exists("/")


class OnUser(ZKLocust):
    wait_time = between(0.005, 0.01)

    @task(3)
    def often(self):
        exists(self, "often")

    @task
    def seldom(self):
        exists(self, "seldom")


class Fixed(ZKLocust):
    fixed_count = 2
    wait_time = constant_pacing(0.1)

    @task
    def paced(self):
        exists(self, "paced")


class Throughput(ZKLocust):
    fixed_count = 1
    wait_time = constant_throughput(20)

    @task
    def throughput(self):
        exists(self, "throughput")


class Nested(ZKLocust):
    fixed_count = 1
    wait_time = between(0.005, 0.01)

    @task
    class Outer(TaskSet):
        @task(5)
        def outer(self):
            exists(self, "outer")

        @task
        class Inner(ZKLocustTaskSet):
            @task
            def inner(self):
                exists(self, "inner")
                self.interrupt()


class InOrder(ZKLocust):
    fixed_count = 1
    wait_time = between(0.005, 0.01)

    @task
    class Steps(SequentialTaskSet):
        @task
        def first(self):
            self.passed = True
            exists(self, "first")

        @task
        def second(self):
            assert self.passed
            exists(self, "second")


class Ready(ZKLocust):
    fixed_count = 1
    wait_time = between(0.005, 0.01)
    tasks = {ZKGetTaskSet: 1, ZKSetTaskSet: 1}


class Sessions(ZKLocust):
    fixed_count = 1
    wait_time = between(0.02, 0.03)
    tasks = [ZKConnectTaskSet]

    def __init__(self, environment):
        super().__init__(environment, autostart=False)


def answer(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


class Web(HttpUser):
    host = "http://127.0.0.1"
    fixed_count = 1
    wait_time = between(0.005, 0.01)

    def on_start(self):
        self.server = WSGIServer(("127.0.0.1", 0), answer, log=None)
        self.server.start()
        self.client.base_url = f"http://127.0.0.1:{self.server.server_port}"

    @task
    def page(self):
        self.client.get("/page")
"""

WEIGHTS = """
from locust import constant, task
from zk_locust import LocustTimer, ZKLocust


class Heavy(ZKLocust):
    weight = 3
    wait_time = constant(0.02)

    @task
    def heavy(self):
        with LocustTimer("heavy"):
            self.client.get_zk_client().exists("/")


class Light(ZKLocust):
    weight = 1
    wait_time = constant(0.02)

    @task
    def light(self):
        with LocustTimer("light"):
            self.client.get_zk_client().exists("/")
"""

SHAPE = (
    WEIGHTS
    + """

from locust import LoadTestShape, events

most = 0


class Steps(LoadTestShape):
    def tick(self):
        seconds = self.get_run_time()
        return (2, 10) if seconds < 1.5 else (6, 10) if seconds < 3 else None


@events.spawning_complete.add_listener
def on_spawning_complete(user_count, **_):
    global most
    most = max(most, user_count)


@events.quitting.add_listener
def tell(**_):
    import json

    print("COUNTED " + json.dumps({"most": most}), flush=True)
"""
)

SINGLE = """
import os

import gevent
from locust import run_single_user, task
from locust.exception import StopUser
from zk_locust import LocustTimer, ZKLocust


class User(ZKLocust):
    done = 0

    @task
    def read(self):
        with LocustTimer("read"):
            self.client.get_zk_client().exists("/")
        self.done += 1
        if self.done == 5:
            raise StopUser


if __name__ == "__main__":
    run_single_user(User)
"""

LIBRARY = """
import json
import sys

from urllib.request import urlopen

import gevent
import locust
from locust import task
from locust.argument_parser import get_parser
from locust.env import Environment
from zk_locust import LocustTimer, ZKLocust
from zk_locust.task_sets import ZKSetTaskSet
from zk_metrics import register_zk_metrics

register_zk_metrics()


class User(ZKLocust):
    tasks = [ZKSetTaskSet]


class Own(ZKLocust):
    @task
    def read(self):
        with LocustTimer("own"):
            self.client.get_zk_client().exists("/")


given = {
    "bare": {},
    "events": {"events": locust.events},
    "web": {"events": locust.events},
    "parsed": {"events": locust.events, "parsed_options": get_parser().parse_args([])},
}[KIND]
environment = Environment(user_classes=[User, Own], **given)
runner = environment.create_local_runner()
web_ui = environment.create_web_ui(host="127.0.0.1", port=PORT) if KIND == "web" else None
if FIRED:
    environment.events.init.fire(environment=environment, runner=runner, web_ui=web_ui)
runner.start(2, spawn_rate=10)
gevent.sleep(1.5)
runner.quit()
counted = {name: stats.num_requests for (name, _), stats in environment.stats.entries.items()}
if web_ui is not None:
    for page in ("/", "/zk-metrics", "/stats/requests"):
        assert urlopen(f"http://127.0.0.1:{PORT}{page}", timeout=30).status == 200
    web_ui.stop()
counted["failures"] = environment.stats.total.num_failures
print("COUNTED " + json.dumps(counted), flush=True)
"""


def _library(kind: str, fired: bool, port: int = 0) -> Way:
    """Return a program that uses Locust as a library. Without Locust's page, which reads flags, it sets one itself."""
    text = LIBRARY.replace("KIND", repr(kind)).replace("FIRED", repr(fired)).replace("PORT", str(port))
    recorded = {"LOCUST_EXTRA_STATS_COLLECT": "500", "LOCUST_EXTRA_STATS_CSV": "stats.csv"}
    return Way(text, () if kind == "web" else ("--config", "production"), recorded, script=True)


def picker(port: int) -> Way:
    """Return the page on which users are picked; it runs until it is ended."""
    arguments = ("--class-picker", "--web-host", "127.0.0.1", "--web-port", str(port), "--users", "1")
    return Way(WEIGHTS, arguments, kept=False)


def todays_ways(ports: list[int]) -> dict[str, Way]:
    """Return all ways by their names. A master and its workers are ways of their own."""
    distributed, page, forked = map(str, ports[:3])
    worker = Way(EVERYTHING, ("--worker", "--master-host", "127.0.0.1", "--master-port", distributed), kept=False)
    return {
        "local": Way(
            EVERYTHING,
            ("--headless", "--config", "mine.conf", "--html", "page.html", "--csv", "own", "--run-time", "5s"),
            {"LOCUST_STOP_TIMEOUT": "5", "LOCUST_SPAWN_RATE": "20"},
            {"mine.conf": "users = 9\nonly-summary = true\nmin-wait = 5ms\n"},
        ),
        "master": Way(
            EVERYTHING,
            (*HEADLESS, "--users", "9", "--run-time", "5s", "--master", "--master-bind-host", "127.0.0.1",
             "--master-bind-port", distributed, "--expect-workers", "2", "--html", "page.html", "--csv", "own"),
        ),
        "worker-1": worker,
        "worker-2": worker,
        "processes": Way(
            EVERYTHING,
            (*HEADLESS, "--users", "9", "--run-time", "5s", "--processes", "2", "--master-bind-host", "127.0.0.1",
             "--master-bind-port", forked, "--master-port", forked),
        ),
        "json": Way(WEIGHTS, (*HEADLESS, "--users", "8", "--json"), kept=False),
        "shape": Way(SHAPE, ("--headless", "--only-summary", "--stop-timeout", "5")),
        "page": Way(
            WEIGHTS,
            (*LENGTH, "--autostart", "--autoquit", "2", "--web-host", "127.0.0.1", "--web-port", page),
            kept=False,
        ),
        "picked": Way(WEIGHTS, (*HEADLESS, "Light")),
        "equal": Way(WEIGHTS, (*HEADLESS, "--users", "8", "--equal-weights")),
        "environment": Way(
            WEIGHTS,
            ("--json-file", "summary"),
            {"LOCUST_HEADLESS": "1", "LOCUST_USERS": "4", "LOCUST_SPAWN_RATE": "10", "LOCUST_RUN_TIME": "2s",
             "LOCUST_LOCUSTFILE": "locustfile.py", "LOCUST_ONLY_SUMMARY": "1"},
            kept=False,
        ),
        "single": Way(SINGLE, (), script=True),
        "library-bare": _library("bare", fired=False),
        "library-fired": _library("events", fired=True),
        "library-web": _library("web", fired=True, port=ports[3]),
        "library-parsed": _library("parsed", fired=True),
        "library-events": _library("events", fired=False),
    }  # fmt: skip
