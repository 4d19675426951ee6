"""The collectors that the flags ask for, also where the locustfile does not register them.

They are found by name: this package does not import them, and works without them.
"""

import importlib
import logging
from typing import Any, Final

import locust
from locust.runners import WorkerRunner

from zk_locust.contract.parameters import WEB

STATISTICS: Final = ("locust_extra.stats", "register_extra_stats")
METRICS: Final = ("zk_metrics", "register_zk_metrics")
_FILES_OF_STATISTICS: Final = ("stats_csv", "stats_distrib", "stats_hlog", "stats_events", "stats_progress")

logger = logging.getLogger(__name__)


def register_collectors(environment: Any, runner: Any, **details: Any) -> None:
    """Register what is to record (a listener of `events.init`, after the one of `--report-dir`)."""
    if runner is None:
        return
    before = list(locust.events.init._handlers)
    _register_asked(environment.parsed_options, runner)
    for listener in locust.events.init._handlers:
        if listener not in before:
            # Too late for this very event, which goes to those that were there as it began.
            listener(environment=environment, runner=runner, **details)


def _register_asked(options: Any, runner: Any) -> None:
    # A worker is not told of files: whether it records is in the options that come with the test.
    if isinstance(runner, WorkerRunner) or any(getattr(options, name, None) for name in _FILES_OF_STATISTICS):
        _register(*STATISTICS)
    if isinstance(runner, WorkerRunner):
        return
    collected = getattr(options, "zk_metrics_collect", None)
    if getattr(options, "zk_metrics_csv", None) or collected not in (None, "", 0.0, WEB):
        _register(*METRICS)


def _register(module: str, function: str) -> None:
    try:
        getattr(importlib.import_module(module), function)()
    except ImportError as error:
        logger.warning("Nothing is recorded by %s: it cannot be imported (%s)", module, error)
