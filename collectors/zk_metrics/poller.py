"""Reading every member's metrics from its AdminServer, side by side, so that a slow member delays no other."""

import csv
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import gevent
import requests

from zk_metrics.columns import METRIC_COLUMNS, POLL_MS, REACHABLE

_TIME_LIMIT_S: Final = 5.0


class MetricsFile:
    """`zk-metrics.csv`."""

    def __init__(self, path: str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._file = Path(path).open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(METRIC_COLUMNS)
        self._file.flush()
        self._began_s = time.perf_counter()

    def elapsed_s(self) -> float:
        """Return the seconds since the file was begun."""
        return time.perf_counter() - self._began_s

    def write(
        self, sent: datetime, elapsed_s: float, member: str, metrics: Mapping[str, Any], detail: str = ""
    ) -> None:
        """Add one member's metrics at one poll: all rows in one go, so that members do not mix."""
        stamp, elapsed = sent.isoformat(timespec="microseconds"), f"{elapsed_s:.6f}"
        self._writer.writerows([stamp, elapsed, member, name, value, detail] for name, value in metrics.items())
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class MemberPoller:
    """Polls one member at a fixed beat. A beat that comes while an answer is still awaited is left out."""

    def __init__(self, member: str, url: str, interval_s: float, file: MetricsFile) -> None:
        self._member = member
        self._url = url
        self._interval_s = interval_s
        self._file = file
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy between us and the member would be measured too
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Stop polling."""
        self._greenlet.kill()  # and wait for its end: gevent.kill would not
        self._session.close()

    def _run(self) -> None:
        beat = time.perf_counter()
        while True:
            self.poll()
            beat = max(beat + self._interval_s, time.perf_counter())
            gevent.sleep(max(0.0, beat - time.perf_counter()))

    def poll(self) -> None:
        """Ask once and write the answer, or why there was none."""
        sent, elapsed_s = datetime.now(UTC), self._file.elapsed_s()
        began = time.perf_counter()
        # requests' own time limit is one for each piece of the answer: a member that dribbles would hold us forever.
        time_limit = gevent.Timeout(_TIME_LIMIT_S)
        try:
            with time_limit:
                answer = self._session.get(self._url, timeout=_TIME_LIMIT_S)
            answer.raise_for_status()
            metrics = _metrics_of(answer)
        except (requests.RequestException, ValueError, gevent.Timeout) as error:
            if isinstance(error, gevent.Timeout) and error is not time_limit:
                raise
            self._file.write(sent, elapsed_s, self._member, {REACHABLE: 0}, _reason(error))
            return
        poll_ms = round((time.perf_counter() - began) * 1000, 1)
        values = {name: value for name, value in metrics.items() if name not in ("command", "error")}
        self._file.write(sent, elapsed_s, self._member, {REACHABLE: 1, POLL_MS: poll_ms} | values)


def _metrics_of(answer: requests.Response) -> dict[str, Any]:
    try:
        metrics = answer.json()
    except (ValueError, RecursionError):
        raise ValueError("the answer is not JSON") from None
    if not isinstance(metrics, dict):
        raise ValueError("the answer is JSON, but no metrics")
    return metrics


def _reason(error: BaseException) -> str:
    if isinstance(error, (requests.Timeout, gevent.Timeout)):
        return f"no answer within {_TIME_LIMIT_S:g} s"
    if isinstance(error, requests.ConnectionError):
        return "no connection to the AdminServer"
    return str(error)
