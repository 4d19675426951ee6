"""One member, asked for its metrics through the best source that answers."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import gevent

from zk_metrics.sources import AdminServer, Source
from zk_metrics.untrusted import Value, plain_text

_TIME_LIMIT_S: Final = 5.0
# A better source is tried again after this time, doubled whenever it was given up, up to the second figure.
_FIRST_RETRY_S: Final = 1.0
_LAST_RETRY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What one poll of one member gave: its metrics, or in `detail` why there are none.

    `source` is what answered, `instead` says why better sources were not used.
    """

    answered: datetime  # when the answer was complete, or given up
    answered_s: float  # the same moment on time.perf_counter's clock, seconds
    poll_ms: float
    metrics: dict[str, Value] = field(default_factory=dict)
    detail: str = ""
    source: str = ""
    instead: str = ""


class Member:
    """A member's name, the sources of its metrics, and its last sample.

    `url` is that of its AdminServer; `others` are asked if that does not answer, in this order.
    """

    def __init__(self, name: str, url: str, time_limit_s: float = _TIME_LIMIT_S, others: Sequence[Source] = ()) -> None:
        self.name = plain_text(name)
        self.url = url
        self.latest: Sample | None = None
        self._time_limit_s = time_limit_s
        self._sources: tuple[Source, ...] = (AdminServer(url), *others)
        self._current = 0  # its place among the sources
        self._reasons: dict[int, str] = {}  # why each source gave no metrics when it was asked last
        self._retry_s = _FIRST_RETRY_S
        self._retry_at_s = 0.0
        self._retrying: Any = None

    def ask(self) -> Sample:
        """Ask once. A member that gives no metrics is a sample that says why, never an error."""
        began = time.perf_counter()
        answered, answered_s = datetime.now(UTC), began
        metrics: dict[str, Value] = {}
        asked = self._current
        # One limit for the complete answer and for all sources: that of requests is for each piece.
        time_limit = gevent.Timeout(self._time_limit_s)
        try:
            with time_limit:
                for asked in self._in_turn():
                    metrics, answered, answered_s = self._ask(asked)
                    if metrics:
                        break
        except gevent.Timeout as error:
            if error is not time_limit:
                raise
            self._reasons[asked] = f"no answer within {self._time_limit_s:g} s"
            answered, answered_s = datetime.now(UTC), time.perf_counter()
        poll_ms = round((answered_s - began) * 1000, 1)
        if metrics:
            self._use(asked)
            source, instead = self._sources[asked].name, self._why(range(asked))
            self.latest = Sample(answered, answered_s, poll_ms, metrics, "", source, instead)
        else:
            if answered_s - began >= self._time_limit_s:  # the next poll asks another one: no time was left for it
                self._current = (asked + 1) % len(self._sources)
            self.latest = Sample(answered, answered_s, poll_ms, {}, self._why(range(len(self._sources))))
        return self.latest

    def close(self) -> None:
        """Close the connections; asking again opens them again."""
        if self._retrying is not None:
            self._retrying.kill()
            self._retrying = None
        for source in self._sources:
            source.close()

    def _in_turn(self) -> Iterator[int]:
        """Give the places of the sources to ask: the current one, then the others, the best first."""
        yield self._current
        yield from (place for place in range(len(self._sources)) if place != self._current)

    def _ask(self, place: int) -> tuple[dict[str, Value], datetime, float]:
        """Return the metrics of one source, none if it has none now, and when its answer was complete."""
        source = self._sources[place]
        try:
            answer = source.answer(self._time_limit_s + 1)  # `ask` gives up before
            answered, answered_s = datetime.now(UTC), time.perf_counter()
            metrics = source.metrics(answer)
        except Exception as error:  # any error: a bad answer does not end the polls
            self._reasons[place] = plain_text(error) or type(error).__name__
            return {}, datetime.now(UTC), time.perf_counter()
        self._reasons.pop(place, None)
        return metrics, answered, answered_s

    def _use(self, place: int) -> None:
        """Keep to a source that has answered; look now and then whether a better one answers again."""
        now_s = time.perf_counter()
        if place > self._current or (place and not self._retry_at_s):
            self._retry_at_s = now_s + self._retry_s
            self._retry_s = min(2 * self._retry_s, _LAST_RETRY_S)
        self._current = place
        if not place:
            self._retry_at_s = 0.0
        elif now_s >= self._retry_at_s and (self._retrying is None or self._retrying.ready()):
            # Beside the polls: a source that is silent must not delay them.
            self._retrying = gevent.spawn(self._retry, range(place))

    def _retry(self, better: Sequence[int]) -> None:
        for place in better:
            metrics: dict[str, Value] = {}
            with gevent.Timeout(self._time_limit_s, False):
                metrics = self._ask(place)[0]
            if metrics:
                self._current = min(place, self._current)
                return
            self._reasons.setdefault(place, f"no answer within {self._time_limit_s:g} s")
        self._retry_at_s = time.perf_counter() + self._retry_s
        self._retry_s = min(2 * self._retry_s, _LAST_RETRY_S)

    def _why(self, places: Sequence[int]) -> str:
        """Say why these sources gave no metrics: each reason once, after its source's name if it does not say where."""
        said = []
        for place in places:
            if reason := self._reasons.get(place, ""):
                source = self._sources[place]
                is_clear = len(self._sources) == 1 or source.place in reason
                said.append(reason if is_clear else f"{source.name}: {reason}")
        return plain_text("; ".join(dict.fromkeys(said)))
