"""Reads answers of a member over HTTP, each of a limited size."""

from typing import Final

import requests

from zk_metrics.untrusted import MOST_BYTES, plain_text

_PIECE_BYTES: Final = 64 * 1024
# What is compressed could be any size when it is unpacked.
_HEADERS: Final = {"Accept-Encoding": "identity"}


class HttpAnswers:
    """One address of a member; `what` listens there, for messages. The connection stays open between two answers."""

    def __init__(self, url: str, what: str) -> None:
        self._url = url
        self._what = what
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy would be measured too

    def body(self, time_limit_s: float) -> bytes:
        """Return the body of an answer. `time_limit_s` is for each piece: the caller limits the complete answer.

        Raises ValueError with a message for people, OSError if there is no answer.
        """
        try:
            return self._body(time_limit_s)
        except requests.Timeout:
            raise ValueError(f"no answer within {time_limit_s:g} s") from None
        except requests.exceptions.ChunkedEncodingError:
            raise ValueError("the answer breaks off") from None
        except requests.ConnectionError:
            raise ValueError(f"no connection to {self._what}") from None

    def _body(self, time_limit_s: float) -> bytes:
        # A redirect could lead to any address.
        answer = self._session.get(
            self._url, timeout=time_limit_s, allow_redirects=False, headers=_HEADERS, stream=True
        )
        # If the answer is refused, the connection is closed without reading the rest.
        with answer:
            if answer.is_redirect:
                raise ValueError(f"{self._what} sends elsewhere; --zk-admin-scheme https where it wants TLS")
            if answer.status_code != requests.codes.ok:
                raise ValueError(f"{self._what} answers {answer.status_code} {plain_text(answer.reason or '', 60)}")
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise ValueError("the answer is compressed, which was not asked for")
            body = b""
            for piece in answer.iter_content(_PIECE_BYTES):
                body += piece
                if len(body) > MOST_BYTES:
                    raise ValueError(f"the answer is longer than {MOST_BYTES // 2**20} MiB")
            return body

    def close(self) -> None:
        """Close the connection; the next answer opens it again."""
        self._session.close()
