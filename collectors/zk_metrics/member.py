"""One member, asked for its metrics through its AdminServer."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import gevent
import requests

from zk_metrics.untrusted import MOST_BYTES, Value, metrics_of, plain_text

_TIME_LIMIT_S: Final = 5.0
_PIECE_BYTES: Final = 64 * 1024
# What is compressed could be any size when it is unpacked.
_HEADERS: Final = {"Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Sample:
    """What one poll of one member gave: its metrics, or in `detail` why there are none."""

    answered: datetime  # when the answer was complete, or given up
    answered_s: float  # the same moment on time.perf_counter's clock, seconds
    poll_ms: float
    metrics: dict[str, Value] = field(default_factory=dict)
    detail: str = ""


class Member:
    """A member's name, its AdminServer, and its last sample."""

    def __init__(self, name: str, url: str, time_limit_s: float = _TIME_LIMIT_S) -> None:
        self.name = plain_text(name)
        self.url = url
        self._time_limit_s = time_limit_s
        self.latest: Sample | None = None
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy would be measured too

    def ask(self) -> Sample:
        """Ask once. A member that gives no metrics is a sample that says why, never an error."""
        began = time.perf_counter()
        metrics: dict[str, Value] = {}
        detail = ""
        # One limit for the complete answer: that of requests is for each piece, so a slow member could block forever.
        time_limit = gevent.Timeout(self._time_limit_s)
        try:
            with time_limit, self._answer() as body:
                metrics = metrics_of(body)
        except gevent.Timeout as error:
            if error is not time_limit:
                raise
            detail = f"no answer within {self._time_limit_s:g} s"
        except Exception as error:  # any error: a bad answer does not end the polls
            detail = self._reason(error)
        answered_s = time.perf_counter()
        self.latest = Sample(datetime.now(UTC), answered_s, round((answered_s - began) * 1000, 1), metrics, detail)
        return self.latest

    @contextmanager
    def _answer(self) -> Iterator[bytes]:
        """Give the body of the answer. If the answer is refused, the connection is closed without reading the rest."""
        # A redirect could lead to any address.
        answer = self._session.get(
            self.url, timeout=self._time_limit_s, allow_redirects=False, headers=_HEADERS, stream=True
        )
        with answer:
            if answer.is_redirect:
                raise ValueError("the AdminServer sends elsewhere; --zk-admin-scheme https where it wants TLS")
            if answer.status_code != requests.codes.ok:
                raise ValueError(f"the AdminServer answers {answer.status_code} {plain_text(answer.reason or '', 60)}")
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise ValueError("the answer is compressed, which was not asked for")
            body = b""
            for piece in answer.iter_content(_PIECE_BYTES):
                body += piece
                if len(body) > MOST_BYTES:
                    raise ValueError(f"the answer is longer than {MOST_BYTES // 2**20} MiB")
            yield body

    def _reason(self, error: Exception) -> str:
        if isinstance(error, requests.Timeout):
            return f"no answer within {self._time_limit_s:g} s"
        if isinstance(error, requests.exceptions.ChunkedEncodingError):
            return "the answer breaks off"
        if isinstance(error, requests.ConnectionError):
            return "no connection to the AdminServer"
        return plain_text(error) or type(error).__name__

    def close(self) -> None:
        """Close the connection to the AdminServer; asking again opens it again."""
        self._session.close()
