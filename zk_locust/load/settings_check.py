"""Refusing a load that cannot work: once, before any user is started, on the process that leads it."""

import logging
import sys
from collections.abc import Callable
from typing import Any, Final

import gevent
from locust.runners import MasterRunner, WorkerRunner

from zk_locust.clients import check_client
from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.parameters import PARAMETERS
from zk_locust.load.options import Options
from zk_locust.load.output_files import check_output_files, check_series
from zk_locust.load.picked_classes import drives_zookeeper

_EXIT_CODE: Final = 2  # as for a flag that the command line does not know
_WORKERS_COME_S: Final = 0.5

logger = logging.getLogger(__name__)

Check = Callable[[Any], object]
_checks: list[Check] = []


def add_settings_check(check: Check) -> None:
    """Have a locustfile's own check run too: it gets Locust's parsed options and may raise ConfigurationError."""
    if check not in _checks:
        _checks.append(check)


def register_settings_check(environment: Any, runner: Any, web_ui: Any, **_: Any) -> None:
    """Check the parameters (a listener of `events.init`): now, or with a web UI when a test is started there."""
    if runner is None or isinstance(runner, WorkerRunner):
        return
    if web_ui is not None:
        environment.events.test_start.add_listener(_refuse_test)
    try:
        # Files are the command line's in any case; the rest may still come from the page's form.
        check_output_files(environment.parsed_options)
        if web_ui is None:
            check_settings(environment)
    except ConfigurationError as error:
        refuse(error, runner)


def refuse(error: ConfigurationError, runner: Any) -> None:
    """End Locust with one line that says why."""
    print(f"zk-locust: {error}", file=sys.stderr)
    if isinstance(runner, MasterRunner):
        gevent.sleep(_WORKERS_COME_S)  # those that wait for this master are told to end
        runner.quit()
    sys.exit(_EXIT_CODE)


def check_settings(environment: Any) -> None:
    """Raise ConfigurationError where no user could work with the parameters."""
    if drives_zookeeper(environment):
        options = Options.of(environment.parsed_options)
        options.client_settings()
        check_client(options)
    check_series(environment.parsed_options)
    for check in _checks:
        check(environment.parsed_options)


def register_fixed_parameters(environment: Any, runner: Any, web_ui: Any, **_: Any) -> None:
    """Have the fixed parameters stay as they are now, whatever is sent to the page (a listener of `events.init`).

    One of the secret ones is code to run; with the AdminServers' addresses the page would ask any machine, and with the
    names of files it would write over any.
    """
    if web_ui is None or runner is None or isinstance(runner, WorkerRunner):
        return
    options = vars(environment.parsed_options)
    given = {p.destination: options[p.destination] for p in PARAMETERS if p.fixed and p.destination in options}

    def restore(**_: Any) -> None:
        options.update(given)

    environment.events.test_start._handlers.insert(0, restore)


def _refuse_test(environment: Any, **_: Any) -> None:
    try:
        check_settings(environment)
    except ConfigurationError as error:
        logger.error("The load is not started: %s", error)
        # The greenlet that the page has started for this test ends here, before it starts anything.
        raise gevent.GreenletExit from None
