"""Our counting beside Locust's own: the same requests give the same summary."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from locust.env import Environment
from locust.stats import RequestStats

from zk_locust.contract.errors import ConnectionLossError
from zk_locust.load.locust_internals import count_requests_quickly, counter_of

REQUESTS = some.lists(
    some.tuples(
        some.sampled_from(["get", "set"]),
        some.one_of(some.floats(0, 20_000), some.none()),
        some.integers(0, 1 << 20),
        some.sampled_from([None, ConnectionLossError("gone")]),
        some.sampled_from([0.0, 0.4, 1.0, 5.0]),
    ),
    max_size=40,
)


def as_locust_does(stats: RequestStats, name: str, response_time: Any, length: int, error: Exception | None) -> None:
    stats.log_request("zookeeper", name, None if error else response_time, length)  # failures have no latency
    if error:
        stats.log_error("zookeeper", name, error)


def state(stats: RequestStats) -> list[Any]:
    entries = [stats.total, *(stats.entries[key] for key in sorted(stats.entries))]
    seen = [{key: value for key, value in vars(entry).items() if key != "stats"} for entry in entries]
    return [seen, {key: (error.error, error.occurrences) for key, error in stats.errors.items()}]


@pytest.mark.parametrize("cached", [True, False])
@given(requests=REQUESTS)
def test_the_summary_is_locusts(cached: bool, requests: list[tuple[str, Any, int, Exception | None, float]]) -> None:
    now = [1_700_000_000.5]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: now[0])
        theirs, ours = RequestStats(cached), RequestStats(cached)
        count = counter_of(ours)
        for name, response_time, length, error, pause in requests:
            now[0] += pause
            as_locust_does(theirs, name, response_time, length, error)
            count(
                request_type="zookeeper",
                name=name,
                response_time=response_time,
                response_length=length,
                exception=error,
                context={},
            )
        assert state(ours) == state(theirs)


def test_it_stands_in_for_locusts_own_listener_and_for_no_other() -> None:
    environment = Environment()
    runner = environment.create_local_runner()
    seen: list[str] = []
    environment.events.request.add_listener(lambda name, **_: seen.append(name))
    count_requests_quickly(environment, runner)
    first, _second = environment.events.request._handlers
    assert first.__module__ == "zk_locust.load.locust_internals"
    environment.events.request.fire(
        request_type="zookeeper", name="get", response_time=1.0, response_length=3, exception=None, context={}
    )
    assert seen == ["get"]
    assert (environment.stats.total.num_requests, environment.stats.get("get", "zookeeper").num_requests) == (1, 1)
    runner.quit()
