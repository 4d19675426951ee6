"""What a dispatcher on the master asks of the controller in a run of the playbooks, and what it is answered.

Both are files in the master's folder of the run, with a JSON object a line, to which lines are only added. A request is
`{"id": 1, "do": "disable", "member": "10.0.0.1:2181"}`, with the address as the connect string has it; its answer is
`{"id": 1, "done": true, "problem": "", "too_late": false}`. A request comes from a load host, so it may be anything:
`read_request` takes only what is as it should be.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

from zk_locust.contract.connect_string import Address, parse_connect_string
from zk_locust.contract.plain_text import plain_line

DISABLE: Final = "disable"
ENABLE: Final = "enable"
ANSWERS: Final = ".answers"
"""Stands behind the name of the file of requests, for that of the answers."""
_MOST_CHARACTERS: Final = 1024
_MOST_OF_REPLY: Final = 2048
_MOST_OF_PROBLEM: Final = 150
"""In JSON, a character that is not ASCII becomes six, or twelve: with these, any reply is as short as it must be."""
_MOST_ID: Final = 10**9


@dataclass(frozen=True, slots=True)
class Request:
    """To disable or enable the member that listens at `member`."""

    id: int
    do: str
    member: Address

    def as_line(self) -> str:
        """Return it as a line of the file."""
        return json.dumps({"id": self.id, "do": self.do, "member": str(self.member)}) + "\n"


@dataclass(frozen=True, slots=True)
class Reply:
    """Whether a request was done, and why not. `too_late`: because the load ends, which is no failure."""

    id: int
    done: bool
    problem: str = ""
    too_late: bool = False

    def as_line(self) -> str:
        """Return it as a line of the file."""
        return json.dumps(asdict(self) | {"problem": plain_line(self.problem, _MOST_OF_PROBLEM)}) + "\n"


def read_request(line: str) -> Request | None:
    """Return the request in a line, None where there is none."""
    told = _object(line)
    number, do, member = told.get("id"), told.get("do"), told.get("member")
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= _MOST_ID:
        return None
    if do not in (DISABLE, ENABLE) or not isinstance(member, str):
        return None
    try:
        (address,) = parse_connect_string(member).members
    except ValueError:
        return None
    return Request(number, do, address)


def read_reply(line: str) -> Reply | None:
    """Return the answer in a line, None where there is none."""
    told = _object(line, _MOST_OF_REPLY)
    number = told.get("id")
    if isinstance(number, bool) or not isinstance(number, int):
        return None
    return Reply(
        number, told.get("done") is True, str(told.get("problem") or ""), too_late=told.get("too_late") is True
    )


def _object(line: str, most: int = _MOST_CHARACTERS) -> dict[str, Any]:
    if len(line) > most:
        return {}
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
