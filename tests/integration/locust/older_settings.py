"""Older locustfiles that differ in how statistics and parameters are set."""

BY_ARGUMENTS = """
from locust_extra.stats import register_extra_stats
from zk_locust import ZKLocust
from zk_locust.task_sets import ZKSetTaskSet

register_extra_stats("stats.csv", "distrib.jsonl", 500)


class Set(ZKLocust):
    task_set = ZKSetTaskSet
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
