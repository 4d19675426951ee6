"""Locust's own summary, counted at a third of its cost: the same numbers in the same entries.

Locust's listener calls four functions for each of two entries, the operation's and the total; on a worker that sends
ten thousand requests a second this is a fifth of a core.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from locust import stats as locust_stats

_LOCUSTS_OWN: Final = "Runner.__init__.<locals>.on_request"


def register_request_counting(environment: Any, runner: Any, **_: Any) -> None:
    """Let our listener stand in for Locust's own (a listener of `events.init`); without that one nothing is done."""
    handlers = environment.events.request._handlers
    for place, handler in enumerate(handlers):
        if runner is not None and getattr(handler, "__qualname__", "") == _LOCUSTS_OWN:
            handlers[place] = counter_of(environment.stats)


def counter_of(stats: Any) -> Callable[..., None]:
    """Return the listener that counts requests in `stats`, a `locust.stats.RequestStats`."""

    def on_request(
        request_type: str,
        name: str,
        response_time: float | None,
        response_length: int,
        exception: BaseException | None = None,
        **_: Any,
    ) -> None:
        if response_time is None:
            stats.log_request(request_type, name, response_time, response_length)
        else:
            now = time.time()
            second = int(now)
            rounded = locust_stats.bucket_response_time(response_time)  # users may put their own there
            for entry in (stats.total, stats.entries[(name, request_type)]):
                last = entry.last_request_timestamp
                if entry.use_response_times_cache and last and second > int(last):
                    entry._cache_response_times(second - 1)
                entry.num_requests += 1
                entry.num_reqs_per_sec[second] += 1
                entry.last_request_timestamp = now
                entry.total_response_time += response_time
                least = entry.min_response_time
                if least is None or response_time < least:
                    entry.min_response_time = response_time
                if response_time > entry.max_response_time:
                    entry.max_response_time = response_time
                entry.response_times[rounded] += 1
                entry.total_content_length += response_length
        if exception:
            stats.log_error(request_type, name, exception)

    return on_request
