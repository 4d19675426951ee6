"""The starter kit's workload in a process that says, at the end of the measured part, what it has cost.

A locustfile of `locust_cost`: prints one line of JSON with the CPU seconds and the requests of the measured part.
"""

import json
import time
from typing import Any

import locust

from zk_locust.load_plan import MEASURED, part_changed
from zk_locust.locustfiles.locust_workload import Workload

__all__ = ["Workload"]

_began_s = 0.0


def _on_part(part: str, **_: Any) -> None:
    global _began_s
    if part == MEASURED:
        _began_s = time.process_time()


def _on_test_stopping(environment: Any, **_: Any) -> None:
    cpu_s = time.process_time() - _began_s
    print(json.dumps({"cpu_s": cpu_s, "requests": environment.runner.stats.total.num_requests}), flush=True)


part_changed.add_listener(_on_part)
locust.events.test_stopping.add_listener(_on_test_stopping)
