"""When a reply reached this machine: Linux stamps each TCP segment (SO_TIMESTAMPNS), and `recvmsg` returns the stamp.

A stamp is a time of the wall clock. `arrived_ns` turns it into a time of `time.perf_counter_ns`: it reads both clocks
together right after the reply was received, so the wall clock may be stepped at any other moment.

`recvmsg` returns one stamp: that of the last segment it has read from. So the stamp is exact for a reply that ends what
was received, and too late for other replies in front of it. For those it is an upper bound, closer than the clock.
"""

import logging
import socket
import sys
import time
from collections.abc import Callable
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is a class
from typing import Any, Final

CONTROL_BYTES: Final = socket.CMSG_SPACE(16)
"""Space for one stamp, beside the data that `recvmsg` returns."""

_SO_TIMESTAMPNS: Final = 35
# The kernel begins to stamp shortly after the first socket has asked for it.
_UNSTAMPED_IN_A_ROW: Final = 1000

_timespec = Struct("@ll").unpack
_wall_ns = time.time_ns
_clock_ns = time.perf_counter_ns

logger = logging.getLogger(__name__)


class Stamps:
    """Whether the kernel gives stamps. `problem` says why it does not; `on_problem` is called with it, once.

    `unstamped` counts the replies without a stamp since the last one with it.
    """

    def __init__(self) -> None:
        self.problem = ""
        self.on_problem: Callable[[str], object] | None = None
        self.unstamped = 0

    def request(self, sock: Any) -> None:
        """Have the kernel stamp what the socket receives."""
        if sys.platform != "linux":
            self._lack("only Linux gives them")
            return
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        except OSError as error:
            self._lack(f"setsockopt SO_TIMESTAMPNS: {error.strerror}")

    def missing(self) -> None:
        """Take note of a reply without a stamp."""
        self.unstamped += 1
        if self.unstamped == _UNSTAMPED_IN_A_ROW:
            self._lack(f"{_UNSTAMPED_IN_A_ROW} replies in a row had none")

    def _lack(self, problem: str) -> None:
        if self.problem:
            return
        self.problem = problem
        logger.warning(
            "The kernel gives no arrival times of replies (%s): service time ends when the worker handles the reply",
            problem,
        )
        if self.on_problem is not None:
            self.on_problem(problem)


stamps: Final = Stamps()
"""Of this process: all sockets have the same kernel."""


def arrived_ns(control: Any) -> int:
    """Return the time of the stamp, nanoseconds of `time.perf_counter_ns`; 0 if there is none or it cannot be right.

    `control` is the ancillary data of `recvmsg`. A wall clock that is stepped between arrival and this call gives a
    wrong time; a caller knows a bound that it must lie within, such as the sending of the request.
    """
    if not control:
        stamps.missing()
        return 0
    try:
        seconds, nanoseconds = _timespec(control[0][2])
    except StructError:
        stamps.missing()
        return 0
    stamps.unstamped = 0
    # In this order: if the process is interrupted in between, the time is too late and never too early.
    since_ns = _wall_ns() - seconds * 1_000_000_000 - nanoseconds
    now_ns = _clock_ns()
    return now_ns - since_ns if 0 <= since_ns < now_ns else 0
