"""Polling one member at a fixed beat: each member has a poller of its own, so that a slow one delays no other."""

import time
from collections.abc import Callable

import gevent

from zk_locust.load.stages import member_seen
from zk_metrics.member import Member, Sample


class MemberPoller:
    """Polls one member at a fixed beat. A beat that comes while an answer is still awaited is left out."""

    def __init__(self, member: Member, interval_s: float, record: Callable[[Member, Sample], None]) -> None:
        self._member = member
        self._interval_s = interval_s
        self._record = record
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Stop polling."""
        self._greenlet.kill()  # and wait for its end: gevent.kill would not
        self._member.close()

    def _run(self) -> None:
        beat = time.perf_counter()
        while True:
            sample = self._member.ask()
            state = str(sample.metrics.get("server_state", ""))
            member_seen.fire(member=self._member.name, state=state, problem=sample.detail)
            self._record(self._member, sample)
            beat = max(beat + self._interval_s, time.perf_counter())
            gevent.sleep(max(0.0, beat - time.perf_counter()))
