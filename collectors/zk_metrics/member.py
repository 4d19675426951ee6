"""One member, asked for its metrics through its AdminServer."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import gevent
import requests

_TIME_LIMIT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What one poll of one member gave: its metrics, or in `detail` why there are none."""

    sent: datetime
    sent_s: float  # the same moment on time.perf_counter's clock, seconds
    poll_ms: float
    metrics: dict[str, Any] = field(default_factory=dict)
    detail: str = ""


class Member:
    """A member's name and AdminServer, and what it was last read to be."""

    def __init__(self, name: str, url: str, time_limit_s: float = _TIME_LIMIT_S) -> None:
        self.name = name
        self.url = url
        self._time_limit_s = time_limit_s
        self.latest: Sample | None = None
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy between us and the member would be measured too

    def ask(self) -> Sample:
        """Ask once. A member that gives no metrics is a sample that says why, never an error."""
        sent, began = datetime.now(UTC), time.perf_counter()
        metrics: dict[str, Any] = {}
        detail = ""
        # requests' own time limit is one for each piece of the answer: a member that dribbles would hold us forever.
        time_limit = gevent.Timeout(self._time_limit_s)
        try:
            with time_limit:
                # Whoever answers there may not send us to another address.
                answer = self._session.get(self.url, timeout=self._time_limit_s, allow_redirects=False)
            answer.raise_for_status()
            metrics = _metrics_of(answer)
        except (requests.RequestException, ValueError, gevent.Timeout) as error:
            if isinstance(error, gevent.Timeout) and error is not time_limit:
                raise
            detail = self._reason(error)
        poll_ms = round((time.perf_counter() - began) * 1000, 1)
        values = {name: value for name, value in metrics.items() if name not in ("command", "error")}
        self.latest = Sample(sent, began, poll_ms, values, detail)
        return self.latest

    def _reason(self, error: BaseException) -> str:
        if isinstance(error, (requests.Timeout, gevent.Timeout)):
            return f"no answer within {self._time_limit_s:g} s"
        if isinstance(error, requests.ConnectionError):
            return "no connection to the AdminServer"
        return str(error)

    def close(self) -> None:
        """Close the connection to the AdminServer; asking again opens it again."""
        self._session.close()


def _metrics_of(answer: requests.Response) -> dict[str, Any]:
    if answer.is_redirect:
        raise ValueError("the AdminServer sends elsewhere; --zk-admin-scheme https where it wants TLS")
    try:
        metrics = answer.json()
    except (ValueError, RecursionError):
        raise ValueError("the answer is not JSON") from None
    if not isinstance(metrics, dict):
        raise ValueError("the answer is JSON, but no metrics")
    return metrics
