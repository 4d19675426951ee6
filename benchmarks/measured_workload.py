"""A locustfile for `locust_cost`: the starter kit's workload, and what its measured stage has cost.

Prints one line of JSON with the CPU seconds and the number of requests. It reads them shortly before the end, because
Locust inspects its own stack when it stops, which costs more than thousands of requests.
"""

import json
import time
from typing import Any

import gevent

from zk_locust.contract.stage_names import MEASURED
from zk_locust.load.stages import stage_changed
from zk_locust.locustfiles.locust_workload import Workload

__all__ = ["Workload"]

_BEFORE_THE_END_S = 0.25


def count_requests(environment: Any) -> int:
    """Return how many requests there were so far."""
    return int(environment.runner.stats.total.num_requests)


def _look(environment: Any, planned_s: float) -> None:
    requests, cpu_s = count_requests(environment), time.process_time()
    gevent.sleep(planned_s - _BEFORE_THE_END_S)
    cpu_s = time.process_time() - cpu_s
    requests = count_requests(environment) - requests
    print(json.dumps({"cpu_s": cpu_s, "requests": requests}), flush=True)


def _on_stage(environment: Any, stage: str, planned_s: float | None, **_: Any) -> None:
    if stage == MEASURED and planned_s is not None:
        gevent.spawn(_look, environment, planned_s)


stage_changed.add_listener(_on_stage)
