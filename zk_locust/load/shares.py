"""The shares of an open loop: which worker has which operations. The master gives them away."""

import logging
from typing import Any, Final

from locust.runners import STATE_MISSING

from zk_locust.load.offered import Offered

START_MESSAGE: Final = "zk_locust_start"

logger = logging.getLogger(__name__)


class Shares:
    """The master's side. Worker number w of W has its share of the operations, from 0 to W - 1.

    W is the number of workers that are expected, or that are there. The share of one that is not there is missed; a
    worker that comes late gets a share that nobody has had.
    """

    def __init__(self, runner: Any) -> None:
        self._runner = runner
        self._numbers: dict[str, int] = {}
        self._without: set[str] = set()
        self._offered: Offered | None = None

    def forget(self) -> None:
        """Have no start: a new load begins."""
        self._numbers, self._without, self._offered = {}, set(), None

    def close(self) -> None:
        """Give nothing away any more: the load ends."""
        self._offered = None

    def begin(self, offered: Offered, expected_workers: int) -> None:
        """Give the shares to the workers that are there, and tell them when the load starts."""
        alive = [name for name, worker in self._runner.clients.items() if worker.state != STATE_MISSING]
        offered.workers = max(expected_workers, len(alive), 1)
        self._offered = offered
        self._numbers = {worker: number for number, worker in enumerate(alive)}
        self.tell_all()

    def tell_all(self) -> None:
        """Tell all workers again: the start of the measured stage has been decided."""
        for worker in self._numbers:
            self.tell(worker)

    def tell(self, worker: str) -> None:
        """Tell one worker its share and when the load starts, or has started."""
        if self._offered is None:
            return
        number = self._numbers.get(worker)
        if number is None:
            number = self._give(worker, self._offered.workers)
            if number is None:
                return
        schedule = self._offered.schedule
        told = {
            "worker": number,
            "workers": self._offered.workers,
            "start_ns": self._offered.start_ns,
            "measured_ns": schedule.measured_ns,
            "measured_s": schedule.measured_s,
        }
        self._runner.send_message(START_MESSAGE, told, worker)

    def _give(self, worker: str, shares: int) -> int | None:
        """Return the share of a late worker; None where all are given away."""
        number = len(self._numbers)
        if number < shares:
            self._numbers[worker] = number
            logger.info("The worker %s has come late; what was due for it until now is missed", worker)
            return number
        if worker not in self._without:
            self._without.add(worker)
            logger.warning(
                "The worker %s has come late and gets no operations: all %d shares are given away; start the load"
                " with --arrival-workers %d", worker, shares, number + 1,
            )  # fmt: skip
        return None

    def names(self) -> dict[int, str]:
        """Return the worker of each share that is given away."""
        return {number: worker for worker, number in self._numbers.items()}

    def number_of(self, worker: str) -> int | None:
        """Return the number of a worker; None for one without a share."""
        return self._numbers.get(worker)

    def lost(self) -> set[int]:
        """Return the numbers of the workers that are not there any more."""
        clients = self._runner.clients
        return {
            number
            for worker, number in self._numbers.items()
            if worker not in clients or clients[worker].state == STATE_MISSING
        }
