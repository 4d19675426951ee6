"""The commands of this package. Each prints one JSON object.

run role ADDRESS PORT    what the member says of itself
run do                   do the fault of standard input (JSON)
run heal [ID]            heal a fault, or all
run expire ID            heal a fault at its deadline
run relay ID             delay the packets of a fault, until it is healed
run told RUN_ID          the notes of a run's faults, as a list
run forget RUN_ID        remove those of healed faults
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zk_locust.contract.member_answers import AnswerError, ask, parse_srvr
from zk_locust.host_faults.errors import FaultError
from zk_locust.host_faults.faults import Faults

_ASK_S = 1.0


def main(launcher: Path, words: Sequence[str]) -> int:
    """Run a command for the member in whose folder the launcher's folder is; return the exit code."""
    faults = Faults(launcher.parent.parent, launcher)
    try:
        print(json.dumps(_answer(faults, list(words))))
    except (FaultError, OSError, ValueError, KeyError) as error:
        print(json.dumps({"error": str(error)}))
        return 1
    return 0


def _answer(faults: Faults, words: list[str]) -> dict[str, Any]:
    command, rest = words[0], words[1:]
    if command == "role":
        try:
            answer = parse_srvr(ask(rest[0], int(rest[1]), _ASK_S))
        except (OSError, UnicodeError, AnswerError) as error:
            return {"role": "", "problem": str(error)}
        return {"role": answer.mode, "problem": answer.error}
    if command == "do":
        return faults.do(json.load(sys.stdin))
    if command == "heal":
        if rest:
            return faults.heal(rest[0]) or {}
        healed, problems = faults.heal_all()
        return {"healed": healed, "problems": problems}
    if command == "expire":
        faults.expire(rest[0])
        return {}
    if command == "relay":
        faults.relay(rest[0])
        return {}
    if command == "told":
        return {"faults": faults.notes.of_run(rest[0])}
    if command == "forget":
        faults.notes.forget(rest[0])
        return {}
    raise ValueError(f"there is no command {command}")
