"""Reads what the dispatcher on the master asks for, and answers it, by files in the master's folder of the run.

What comes from a load host may be anything: its length and number are limited, and what is no request is left out.
"""

import shlex
from collections.abc import Iterable
from typing import Final, Protocol

from fleet.errors import HostError
from fleet.hosts import Answer
from zk_locust.contract.dispatch_requests import ANSWERS, Reply, Request, read_request

LOOK_S: Final = 5.0
_LOOKS: Final = 25
_LIMIT_S: Final = 30.0
_MOST_BYTES: Final = 16 * 1024
MOST_LINES: Final = 10_000
_MOST_AT_ONCE: Final = 40
"""So many requests are given, and answered, at a time: answers are one argument, which Linux limits to 128 KiB."""
# What a full disk has cut off gets its end of line first, so that it spoils nothing that follows.
_SCRIPT: Final = """\
if [ -n "$2" ]
then
    [ -z "$(tail -c 1 "$1{answers}" 2>/dev/null)" ] || echo >>"$1{answers}" || exit 1
    printf '%s\\n' "$2" >>"$1{answers}" || exit 1
fi
look=0
while [ "$look" -lt {looks} ] && [ "$(wc -c <"$1" 2>/dev/null || echo 0)" -le "$3" ]
do look=$((look + 1)); sleep {pause}
done
tail -c +"$(($3 + 1))" "$1" 2>/dev/null | head -c {most}
"""


class Runs(Protocol):
    """A host that runs a script, see `fleet.hosts.Host`."""

    def run(self, script: str, *, limit_s: float) -> Answer:
        """Run a script. Raises HostError."""


class Requests:
    """The requests in `file` of the master's `host`."""

    def __init__(self, host: Runs, file: str) -> None:
        self._host = host
        self._file = file
        self._read = 0
        self._rest = ""
        self._lines = 0
        self._found: list[Request] = []

    def next(self, answers: Iterable[Reply] = ()) -> list[Request]:
        """Write answers to what was returned last, and return the requests that come within some seconds.

        Raises HostError, also where the answers cannot be written or there are too many lines. Answers that are
        written again do no harm.
        """
        self._check_number()  # before: the same answers would be written again each time
        # What is found already is answered before more is read.
        looks, most = (0, 0) if self._found else (_LOOKS, _MOST_BYTES)
        script = _SCRIPT.format(answers=ANSWERS, looks=looks, pause=LOOK_S / _LOOKS, most=most)
        # Without quotes, the shells on the way make no more characters of a text.
        said_before = "\n".join(each.as_line().strip().replace("'", "\\u0027") for each in answers)
        words = ["sh", "-c", script, "sh", self._file, said_before, str(self._read)]
        said = self._host.run(shlex.join(words), limit_s=_LIMIT_S)
        if said.code:
            raise HostError(f"answers cannot be written ({said.reason})")
        # A dispatcher writes ASCII only. Of anything else the number of bytes is another, and the rest is not read.
        piece = said.out
        self._read += len(piece.encode())
        *lines, self._rest = (self._rest + piece)[-2 * _MOST_BYTES :].split("\n")
        self._lines += len(lines)
        self._check_number()
        self._found += [request for line in lines if (request := read_request(line)) is not None]
        given, self._found = self._found[:_MOST_AT_ONCE], self._found[_MOST_AT_ONCE:]
        return given

    def _check_number(self) -> None:
        if self._lines > MOST_LINES:
            raise HostError(f"it has asked for more than {MOST_LINES} things; a dispatcher must pause between them")
