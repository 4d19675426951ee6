"""The commands of this package. Each prints one JSON object.

run role ADDRESS PORT    what the member says of itself
run do                   do the fault of standard input (JSON)
run heal [ID]            heal a fault, or all
run expire ID            heal a fault at its deadline
run start                start the member, if its process does not run
run prepare              have what is left healed after a reboot
run booted               heal what was there when the host went down
run retire               have nothing healed after a reboot any more
run hold ID              take the memory of a fault, until its deadline
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

from zk_locust.contract.faults.limits import STOP_TIMEOUT_S
from zk_locust.contract.member_answers import AnswerError, ask, parse_srvr
from zk_locust.host_faults.errors import told
from zk_locust.host_faults.external import ExternalMember
from zk_locust.host_faults.faults import Faults
from zk_locust.host_faults.workers import Workers

_ASK_S = 1.0


def main(
    launcher: Path,
    words: Sequence[str],
    *,
    of_load: bool = False,
    port: int = 0,
    stop_timeout_s: float = STOP_TIMEOUT_S,
) -> int:
    """Run a command for the member, or for the run of a load host, in whose folder the launcher's folder is.

    A member of an external ensemble is known by its client `port`. Others may take `stop_timeout_s` to end in order.
    Returns the exit code.
    """
    folder = launcher.parent.parent
    workers = Workers(folder) if of_load else ExternalMember(folder, port) if port else None
    faults = Faults(folder, launcher, workers, stop_timeout_s)
    try:
        print(json.dumps(_answer(faults, list(words))))
    except Exception as error:  # whatever it is, who asked gets one line of JSON
        print(json.dumps({"error": told(error)}))
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
    if command == "start":
        return {"started": faults.start_member()}
    if command == "prepare":
        faults.prepare()
        return {}
    if command == "booted":
        healed, problems = faults.heal_after_boot()
        return {"healed": healed, "problems": problems}
    if command == "retire":
        faults.retire()
        return {}
    if command == "hold":
        faults.hold(rest[0])
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
