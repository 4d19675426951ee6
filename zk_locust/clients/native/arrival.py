"""When a reply reached this machine: Linux stamps each TCP segment (SO_TIMESTAMPNS), and `recvmsg` returns the stamp.

A stamp is a time of the wall clock. `arrived_ns` turns it into a time of `time.perf_counter_ns`. Both clocks run at one
rate, also while NTP corrects it, and differ by a constant until the wall clock is stepped. So they are compared once
for each second that stamps show, not for each reply. A step by a second or more shows at the next reply; one by less is
unknown for less than a second. The verdict tells of either (`clock-stepped`).

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

_second = -1
_second_ns = 0  # when the wall clock showed this second, nanoseconds of `time.perf_counter_ns`


def arrived_ns(control: Any) -> int:
    """Return the time of the stamp, nanoseconds of `time.perf_counter_ns`; 0 if there is none or it cannot be right.

    `control` is the ancillary data of `recvmsg`. A wall clock that was just stepped may give a wrong time; a caller
    knows bounds that it must lie within, such as the sending of the request.
    """
    seconds: int
    nanoseconds: int
    try:
        seconds, nanoseconds = _timespec(control[0][2])
    except (IndexError, StructError):
        stamps.missing()
        return 0
    stamps.unstamped = 0
    if seconds != _second and not _compare_clocks(seconds, nanoseconds):
        return 0
    return _second_ns + nanoseconds


def _compare_clocks(seconds: int, nanoseconds: int) -> bool:
    """Note when the wall clock showed this second; return whether the stamp can be right."""
    global _second, _second_ns
    # A process that is interrupted between the clocks makes the time too late: the quickest of three readings counts.
    readings = [(_clock_ns(), _wall_ns(), _clock_ns()) for _ in range(3)]
    _, wall_ns, now_ns = min(readings, key=lambda reading: reading[2] - reading[0])
    since_ns = wall_ns - seconds * 1_000_000_000
    if not nanoseconds <= since_ns < now_ns + nanoseconds:
        return False
    _second, _second_ns = seconds, now_ns - since_ns
    return True
