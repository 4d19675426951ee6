"""The master's monotonic clock, as a worker sees it.

A worker measures by how much its clock differs in several quick exchanges over Locust's messages. The one with the
shortest round trip counts: the error is at most half of it. Clocks drift apart, so who needs the difference throughout
a load has it measured again (`refresh`).
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
_ATTRIBUTE: Final = "zk_locust_master_clock"

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
        self.ahead_ns: int | None = None
        """How far the master's clock is ahead of this worker's; None until it has answered once."""
        self._answers: list[tuple[int, int]] = []  # round trip and difference, of the comparison that runs or was last
        self._comparing = False
        self._answered = Event()
        self._measured = Event()
        runner.register_message(_MESSAGE, self._on_answer)

    def measure(self) -> None:
        """Compare the clocks, and have `here_ns` wait for it. Returns after about half a second."""
        self._measured.clear()
        self._compare()
        self._measured.set()
        if self._answers:
            round_trip_ns, ahead_ns = min(self._answers)
            logger.info(
                "The master's clock is %.3f ms ahead of this worker's, by an exchange of %.3f ms",
                ahead_ns / 1e6, round_trip_ns / 1e6,
            )  # fmt: skip

    def refresh(self) -> None:
        """Compare the clocks again, unless that is under way. The last difference holds meanwhile."""
        if not self._comparing:
            self._compare()

    def _compare(self) -> None:
        self._answers, self._comparing = [], True
        try:
            for _ in range(_EXCHANGES):
                self._answered.clear()
                self._runner.send_message(_MESSAGE, {"sent_ns": time.perf_counter_ns()})
                self._answered.wait(_ANSWER_S)
                gevent.sleep(_BETWEEN_S)
        finally:
            self._comparing = False
        if self._answers:
            self.ahead_ns = min(self._answers)[1]

    def here_ns(self, master_ns: int) -> int | None:
        """Return a time of the master's as one of this worker's; wait for the comparison first.

        None where the master has not answered.
        """
        self._measured.wait(_EXCHANGES * (_ANSWER_S + _BETWEEN_S))
        return None if self.ahead_ns is None else master_ns - self.ahead_ns

    def _on_answer(self, msg: Any, **_: Any) -> None:
        now_ns, sent_ns = time.perf_counter_ns(), int(msg.data["sent_ns"])
        ahead_ns = int(msg.data["master_ns"]) - (sent_ns + now_ns) // 2
        self._answers.append((now_ns - sent_ns, ahead_ns))
        if self.ahead_ns is None:  # better than nothing until the comparison has ended
            self.ahead_ns = ahead_ns
        self._answered.set()


def master_clock_of(runner: Any) -> MasterClock:
    """Return the clock of the master of this worker's runner."""
    try:
        return runner.zk_locust_master_clock  # type: ignore[no-any-return]
    except AttributeError:
        made = MasterClock(runner)
        setattr(runner, _ATTRIBUTE, made)  # it lives as long as the runner does
        return made
