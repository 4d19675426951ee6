"""Where a member's metrics come from. Each source gives them by the names of ZooKeeper's command `monitor`.

| source | where | tells |
|---|---|---|
| `AdminServer` | `/commands/monitor`, 3.5 and later | all metrics |
| `FourLetterWord("mntr")` | client port; from 3.5 on only if the white list has it | all metrics |
| `Prometheus` | the endpoint of ZooKeeper's metrics provider, 3.6 and later | the same without the member's state |
| `FourLetterWord("srvr")` | client port, always allowed | state, version, and eight figures |
"""

from collections.abc import Callable
from typing import Final, Protocol

from zk_locust.contract import member_answers
from zk_locust.contract.connect_string import Address
from zk_metrics.http_answers import HttpAnswers
from zk_metrics.prometheus import metrics_of_text
from zk_metrics.untrusted import MOST_BYTES, Value, metrics_of, metrics_of_lines, plain_text

_TLS_ALERT: Final = "\x15\x03"
_NOT_ALLOWED: Final = "is not executed because it is not in the whitelist"


class Source(Protocol):
    """One way to ask a member. `name` is what an event calls it, `place` where it is."""

    name: str
    place: str

    def answer(self, time_limit_s: float) -> bytes:
        """Return the complete answer. Raises an Exception whose text is for people."""

    def metrics(self, answer: bytes) -> dict[str, Value]:
        """Return the metrics in an answer. Raises ValueError with a message for people if there are none."""

    def close(self) -> None:
        """Close the connection, if one stays open; the next question opens it again."""


class AdminServer:
    """The member's AdminServer."""

    name = place = "AdminServer"

    def __init__(self, url: str) -> None:
        self._http = HttpAnswers(url, "the AdminServer")

    def answer(self, time_limit_s: float) -> bytes:
        """Return the answer to `monitor`."""
        return self._http.body(time_limit_s)

    def metrics(self, answer: bytes) -> dict[str, Value]:
        """Return all metrics."""
        return metrics_of(answer)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


class FourLetterWord:
    """`mntr` or `srvr` on the member's client port. `tls` says that clients speak TLS there."""

    place = "client port"

    def __init__(self, word: str, address: Address, tls: bool = False) -> None:
        self.name = f"{word} on the {self.place}"
        self._word = word
        self._address = address
        self._tls = tls
        self._read: Callable[[str], dict[str, Value]] = {"mntr": _of_mntr, "srvr": _of_srvr}[word]

    def answer(self, time_limit_s: float) -> bytes:
        """Return the answer to the word."""
        try:
            text = member_answers.ask(self._address.host, self._address.port, time_limit_s, self._word, MOST_BYTES)
        except OSError as error:
            if self._tls:
                raise ValueError("the client port speaks TLS, where four-letter words are not asked") from None
            raise ValueError(f"no connection to the client port ({error.strerror or type(error).__name__})") from None
        if not text or text.startswith(_TLS_ALERT):
            raise ValueError(
                "the client port speaks TLS, where four-letter words are not asked"
                if self._tls or text
                else f"the client port closed the connection without an answer to {self._word}: it speaks TLS only, "
                "or does not know the word"
            )
        if _NOT_ALLOWED in text[:200]:
            raise ValueError(f"{self._word} is not in the member's 4lw.commands.whitelist")
        return text.encode()

    def metrics(self, answer: bytes) -> dict[str, Value]:
        """Return what the answer tells."""
        found = self._read(answer.decode())
        if not found:
            raise ValueError(f"the answer has no metrics [{plain_text(answer[:200].decode(errors='replace'), 60)}]")
        return found

    def close(self) -> None:
        """Do nothing: the member closes the connection after each answer."""


class Prometheus:
    """The endpoint of ZooKeeper's Prometheus provider. State and version come from `srvr`, if there is one."""

    name = place = "Prometheus endpoint"

    def __init__(self, address: str, srvr: FourLetterWord | None = None) -> None:
        self._http = HttpAnswers(f"http://{address}/metrics", "the Prometheus endpoint")
        self._srvr = srvr
        self._state: dict[str, Value] = {}

    def answer(self, time_limit_s: float) -> bytes:
        """Return the text of the endpoint."""
        self._state = {}
        if self._srvr is not None:
            try:
                told = self._srvr.metrics(self._srvr.answer(time_limit_s))
                self._state = {name: told[name] for name in ("server_state", "version") if name in told}
            except Exception:  # any error: the endpoint's own figures are still worth having
                self._state = {}
        return self._http.body(time_limit_s)

    def metrics(self, answer: bytes) -> dict[str, Value]:
        """Return the metrics by the names of `monitor`."""
        return {**self._state, **metrics_of_text(answer)}

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


def _of_mntr(text: str) -> dict[str, Value]:
    return metrics_of_lines(
        (name.removeprefix("zk_"), value)
        for name, separator, value in (line.partition("\t") for line in text.splitlines())
        if separator
    )


def _of_srvr(text: str) -> dict[str, Value]:
    told = member_answers.parse_srvr(text)
    if not told.mode:
        return {}
    least, mean, most = told.latency_ms or (None, None, None)
    found: dict[str, Value | None] = {
        "server_state": told.mode,
        "version": told.version or None,
        "num_alive_connections": told.connections,
        "outstanding_requests": told.outstanding,
        "znode_count": told.node_count,
        "packets_received": told.received,
        "packets_sent": told.sent,
        "min_latency": least,
        "avg_latency": mean,
        "max_latency": most,
    }
    return {name: value for name, value in found.items() if value is not None}
