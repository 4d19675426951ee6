"""What a control program or a function of a locustfile is given: it asks for, and changes, the number of users.

The names are those of 2019 (`locust_extra.control`), so that functions of that time run unchanged.
"""

import logging
from collections.abc import Callable
from typing import Any

import gevent

logger = logging.getLogger(__name__)


class Controller:
    """The users of one load. Rates are users a second."""

    def __init__(
        self, runner: Any, wait_until_measured: Callable[[], None], change: Callable[[int, float | None], None]
    ) -> None:
        self.runner = runner
        self._wait_until_measured = wait_until_measured
        self._change = change

    def wait_initial_hatch_complete(self, sleep_ms: float = 250) -> int:  # noqa: ARG002 - an argument of 2019
        """Wait until all users of the start are running and the measured stage has begun; return their number."""
        self._wait_until_measured()
        return self.get_num_clients()

    def sleep_ms(self, ms: float, cause: str | None = None) -> None:
        """Wait so many milliseconds; `cause` is for the log."""
        logger.debug("Sleeping %g ms %s", ms, cause or "")
        gevent.sleep(ms / 1000)

    def get_num_clients(self) -> int:
        """Return how many users are to run."""
        return int(self.runner.target_user_count)

    def get_user_count(self) -> int:
        """Return how many users are running, as far as workers have reported."""
        return int(self.runner.user_count)

    def get_num_workers(self) -> int:
        """Return how many workers take part; 1 without a master."""
        return int(getattr(self.runner, "worker_count", 1))

    def get_hatch_rate(self) -> float:
        """Return at which rate users start."""
        options = self.runner.environment.parsed_options
        return float(getattr(self.runner, "spawn_rate", 0) or getattr(options, "spawn_rate", None) or 1)

    def start_hatching(self, *, num_clients: int | None = None, hatch_rate: float | None = None) -> None:
        """Have so many users, and do not wait for them. Without a rate, all start or stop within a second.

        A negative rate is that of users that stop, as it was in 2019. Raises ValueError for less than 0 users.
        """
        users = self.get_num_clients() if num_clients is None else int(num_clients)
        if users < 0:
            raise ValueError(f"num_clients [{users}] is below 0; give a number of users")
        self._change(users, abs(hatch_rate) if hatch_rate else None)
