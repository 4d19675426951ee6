"""Refusing a load that cannot work: once, before any user is started, on the process that leads it."""

import logging
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import gevent
from locust.argument_parser import get_empty_argument_parser, setup_parser_arguments
from locust.runners import MasterRunner

from zk_locust.clients import check_client
from zk_locust.contract.arrival import CLOSED_LOOP, MAX_RATE_PER_WORKER
from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.options import Options, converted, value_in, values_of_environment
from zk_locust.contract.parameters import PARAMETERS, parameter_of
from zk_locust.contract.request_size import largest_value_bytes
from zk_locust.contract.user_stages import most_users
from zk_locust.load.history import check_history
from zk_locust.load.locust_internals import defaults_of
from zk_locust.load.user_classes import drives_zookeeper
from zk_locust.load.users_check import check_users_over_time
from zk_locust.workload.reading import workload_text

_EXIT_CODE: Final = 2  # as for a flag that the command line does not know
_WORKERS_COME_S: Final = 0.5
_SERIES: Final = ("stats-csv", "stats-distrib", "stats-hlog", "stats-slowest")
_OF_OPEN_LOOP: Final = ("arrival-process", "arrival-seed", "arrival-queue", "arrival-workers")
_ROOM_BYTES: Final = 128  # beside pseudo root, key and value: the load's own node, a sequence number, an ACL

logger = logging.getLogger(__name__)

Check = Callable[[], object]


def give_options(environment: Any, runner: Any) -> None:
    """Have the environment variables as options where there are none: a program may make an environment without.

    Locust's own have their defaults: its page looks for them wherever there are options.
    """
    if environment.parsed_options is not None:
        return
    parser = get_empty_argument_parser(add_help=False)
    setup_parser_arguments(parser)  # never to parse with: that reads configuration files
    options = Namespace(**defaults_of(parser))
    with_refusal(runner, lambda: vars(options).update(values_of_environment()))
    environment.parsed_options = options


def with_refusal(runner: Any, check: Check) -> None:
    """Run a check; end Locust with one line where it raises ConfigurationError."""
    try:
        check()
    except ConfigurationError as error:
        refuse(error, runner)


def refuse(error: ConfigurationError, runner: Any) -> None:
    """End Locust with one line that says why."""
    print(f"zk-locust: {error}", file=sys.stderr)
    if isinstance(runner, MasterRunner):
        gevent.sleep(_WORKERS_COME_S)  # those that wait for this master are told to end
        runner.quit()
    sys.exit(_EXIT_CODE)


def refuse_test(check: Check) -> None:
    """Run a check as a test is started on Locust's page; where it raises ConfigurationError, start nothing."""
    try:
        check()
    except ConfigurationError as error:
        logger.error("The load is not started: %s", error)
        # The greenlet that the page has started for this test ends here, before it starts anything.
        raise gevent.GreenletExit from None


def check_settings(environment: Any, further: Iterable[Check] = ()) -> None:
    """Raise ConfigurationError where no user could work with the parameters. `further` are checks of companions."""
    if drives_zookeeper(environment):
        options = Options.of(environment.parsed_options)
        options.client_settings()
        check_workload(options)
        check_client(options)
        check_history(options)
        check_value_size(options)
    check_arrival(environment.parsed_options)
    check_users_over_time(environment)
    check_series(environment.parsed_options)
    for check in further:
        check()


def check_arrival(parsed_options: Any) -> None:
    """Raise ConfigurationError for an open loop that no worker could even count, and for one without a rate."""
    arrival = Options.of(parsed_options).arrival
    if arrival is None:
        for setting in map(parameter_of, _OF_OPEN_LOOP):
            value = value_in(parsed_options, setting.name)
            if value not in (None, setting.default):
                remedy = "add --arrival-rate or --arrival-stages, or leave this out"
                raise ConfigurationError(setting.flag, value, CLOSED_LOOP, remedy)
        return
    workers = getattr(parsed_options, "expect_workers", None)
    workers = workers if isinstance(workers, int) and workers > 1 else 1
    if arrival.most_per_s > MAX_RATE_PER_WORKER * workers:
        setting = parameter_of("arrival-rate" if arrival.length_s is None else "arrival-stages")
        raise ConfigurationError(
            setting.flag, f"{arrival.most_per_s:,g}/s",
            f"a worker counts {MAX_RATE_PER_WORKER:,.0f}/s at most, and sends some 10,000/s; {workers} expected",
            "lower the rate, or expect more workers",
        )  # fmt: skip


def check_workload(options: Options) -> None:
    """Raise ConfigurationError for a workload with mistakes, which only the form of Locust's page lets through."""
    if options.workload:
        converted(parameter_of("workload"), options.workload, workload_text)


def check_value_size(options: Options) -> None:
    """Raise ConfigurationError for values that no server takes: it would close the connection of each user."""
    path_bytes = len(options.pseudo_root.encode()) + options.key_size + _ROOM_BYTES
    most = largest_value_bytes(options.jute_maxbuffer, path_bytes)
    if options.val_size > most:
        raise ConfigurationError(
            "--val-size", options.val_size,
            f"the servers take {max(most, 0)} bytes at most (their jute.maxbuffer is {options.jute_maxbuffer})",
            "write less, or raise jute.maxbuffer on the servers and say so with --jute-maxbuffer",
        )  # fmt: skip


def check_users(environment: Any) -> None:
    """Raise ConfigurationError where a master would leave workers idle from its start to its end."""
    options = environment.parsed_options
    flag, users, workers = "--users", getattr(options, "num_users", None), getattr(options, "expect_workers", None)
    if stages := Options.of(options).user_stages:
        flag, users = "--user-stages", most_users(stages)
    if environment.shape_class is None and isinstance(workers, int) and (users or 1) < workers:
        raise ConfigurationError(
            flag, users or 1, f"{workers} workers are expected, and Locust leaves those without users idle",
            f"give {workers} users or more, or start fewer workers",
        )  # fmt: skip


def warn_of_idle_workers(environment: Any, **_: Any) -> None:
    """Say how many workers have no user as a test starts: the number of users, and of workers, may change later."""
    runner = environment.runner
    users, workers = int(runner.target_user_count or 0), int(runner.worker_count)
    if 0 < users < workers:
        logger.warning(
            "%d users are fewer than %d workers: the others stay idle until there are more users", users, workers
        )


def check_output_files(parsed_options: Any) -> None:
    """Raise ConfigurationError for a file that cannot be written. What is there stays as it is."""
    for parameter in PARAMETERS:
        path = getattr(parsed_options, parameter.destination, None) if parameter.writes else None
        if path and (problem := _why_not(Path(path))):
            raise ConfigurationError(parameter.flag, path, f"it cannot be written ({problem})", "name another file")


def check_series(parsed_options: Any) -> None:
    """Raise ConfigurationError for the file of a series that has no interval."""
    collect = parameter_of("stats-collect")
    if float(getattr(parsed_options, collect.destination, None) or 0.0) or getattr(parsed_options, "report_dir", None):
        return  # --report-dir has an interval of its own
    for parameter in map(parameter_of, _SERIES):
        if path := getattr(parsed_options, parameter.destination, None):
            raise ConfigurationError(
                parameter.flag, path, f"nothing would be written: {collect.flag} is 0", f"add {collect.flag} 1s"
            )


def _why_not(file: Path) -> str:
    there = file.exists()
    try:
        if not file.parent.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
        file.open("a", encoding="utf-8").close()
        if not there:
            file.unlink()
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""


def fixed_parameters(parsed_options: Any) -> Callable[..., None]:
    """Return what sets the fixed parameters back to their values of now, whatever was sent to Locust's page.

    Otherwise the page could run code, poll any machine, and overwrite any file.
    """
    options = vars(parsed_options)
    given = {p.destination: options[p.destination] for p in PARAMETERS if p.fixed and p.destination in options}

    def restore(**_: Any) -> None:
        options.update(given)

    return restore
