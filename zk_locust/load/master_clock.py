"""The master's monotonic clock, as a worker sees it.

A worker measures by how much its clock differs in several quick exchanges over Locust's messages. The one with the
shortest round trip counts: the error is at most half of it. Clocks that drift apart later are not corrected.
"""

import logging
import time
from typing import Any, Final

import gevent
from gevent.event import Event

_MESSAGE: Final = "zk_locust_clock"
_EXCHANGES: Final = 15
_BETWEEN_S: Final = 0.02
_ANSWER_S: Final = 1.0
_NONE_NS: Final = 1 << 62

logger = logging.getLogger(__name__)


def tell_time(runner: Any) -> None:
    """Have this master answer its workers with the time of its clock."""

    def on_question(msg: Any, **_: Any) -> None:
        answer = {"sent_ns": msg.data["sent_ns"], "master_ns": time.perf_counter_ns()}
        runner.send_message(_MESSAGE, answer, msg.node_id)

    runner.register_message(_MESSAGE, on_question)


class MasterClock:
    """The worker's side: the master's monotonic clock, in terms of its own."""

    def __init__(self, runner: Any) -> None:
        self._runner = runner
        self._round_trip_ns = _NONE_NS
        self._ahead_ns = 0
        self._answered = Event()
        self._measured = Event()
        runner.register_message(_MESSAGE, self._on_answer)

    def measure(self) -> None:
        """Compare the clocks. Returns after about half a second."""
        self._measured.clear()
        self._round_trip_ns = _NONE_NS
        for _ in range(_EXCHANGES):
            self._answered.clear()
            self._runner.send_message(_MESSAGE, {"sent_ns": time.perf_counter_ns()})
            self._answered.wait(_ANSWER_S)
            gevent.sleep(_BETWEEN_S)
        self._measured.set()
        if self._round_trip_ns < _NONE_NS:
            logger.info(
                "The master's clock is %.3f ms ahead of this worker's, by an exchange of %.3f ms",
                self._ahead_ns / 1e6, self._round_trip_ns / 1e6,
            )  # fmt: skip

    def here_ns(self, master_ns: int) -> int:
        """Return a time of the master's as one of this worker's; wait for the comparison first."""
        self._measured.wait(_EXCHANGES * (_ANSWER_S + _BETWEEN_S))
        return master_ns - self._ahead_ns

    def _on_answer(self, msg: Any, **_: Any) -> None:
        now_ns, sent_ns = time.perf_counter_ns(), int(msg.data["sent_ns"])
        round_trip_ns = now_ns - sent_ns
        if round_trip_ns < self._round_trip_ns:
            self._round_trip_ns = round_trip_ns
            self._ahead_ns = int(msg.data["master_ns"]) - (sent_ns + now_ns) // 2
        self._answered.set()
