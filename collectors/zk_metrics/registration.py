"""Adds the monitor and its page to a Locust process."""

from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakSet

import locust
from locust.runners import WorkerRunner

from zk_locust.contract.parameters import WEB
from zk_locust.load.locust_internals import add_once
from zk_metrics.monitor import Monitor

PATH: Final = "/zk-metrics"


@dataclass(slots=True)
class Wishes:
    """The arguments of a locustfile, as those of 2019 pass them; the last call counts."""

    url_prefix: str = PATH
    web: bool | None = None
    delay_ms: float | None = None


_wishes = Wishes()
_started: "WeakSet[Any]" = WeakSet()


def register(url_prefix: str, web: bool | None, delay_ms: float | None) -> None:
    """Poll the members as the parameters say. Safe to call again."""
    # A call without arguments keeps those of earlier calls.
    if url_prefix != PATH:
        _wishes.url_prefix = "/" + url_prefix.strip("/")
    if web is not None or delay_ms is not None:
        _wishes.web, _wishes.delay_ms = web, delay_ms
    add_once(locust.events.init, start)


def start(environment: Any, runner: Any, web_ui: Any = None, **_: Any) -> None:
    """Make the monitor and its page, once for each environment: as Locust initialises, on the leading process."""
    if runner is None or isinstance(runner, WorkerRunner) or environment in _started:
        return
    _started.add(environment)
    if _wishes.web:
        environment.parsed_options.zk_metrics_collect = WEB
    elif _wishes.delay_ms:
        environment.parsed_options.zk_metrics_collect = float(_wishes.delay_ms)
    monitor = Monitor(environment, has_page=web_ui is not None)
    if web_ui is not None:
        from zk_metrics.page import add_page  # Flask, which a load without a page does not need

        add_page(web_ui, monitor, _wishes.url_prefix)
