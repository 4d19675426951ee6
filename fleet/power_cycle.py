"""Switches a host off at its moment and on again, one after the other: a process that outlives whoever began it.

It reads one JSON object: `off` and `on`, the commands; `due`, a moment of the monotonic clock; `for_s`, how long the
host stays off, from the end of `off`; `limit_s` of a command, `tries` of `on`, and `again_s` between them. It prints a
JSON line when `off` has ended, and one when `on` has worked or is given up: `done`, and `problem`, empty where it
worked. Standard library only: it is run by its file.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any, Final

_MOST_BYTES: Final = 4096


def main() -> None:
    """Go on in a process of its own, and switch."""
    told = json.load(sys.stdin)
    if os.fork():
        os._exit(0)
    time.sleep(max(0.0, told["due"] - time.monotonic()))
    if not _is_heard():
        return
    _tell("off", ran(told["off"], told["limit_s"]))
    off_until = time.monotonic() + told["again_s"]
    time.sleep(told["for_s"])
    _tell("on", _switched_on(told))
    # A machine that takes a while to go off may have been on still.
    if (left_s := off_until - time.monotonic()) > 0:
        time.sleep(left_s)
        ran(told["on"], told["limit_s"])


def _is_heard() -> bool:
    """Whether whoever began this is there still: a run that was ended meanwhile switches nothing off."""
    poll = select.poll()
    poll.register(1, 0)
    return not poll.poll(0)


def _switched_on(told: dict[str, Any]) -> str:
    problem = ""
    for number in range(told["tries"]):
        if number:  # the power of a machine may not be switched twice within seconds
            time.sleep(told["again_s"])
        problem = ran(told["on"], told["limit_s"])
        if not problem:
            break
    return problem


def ran(command: str, limit_s: float) -> str:
    """Run a command of the shell; return why it failed, empty where it worked."""
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            ["sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said,
            start_new_session=True,
        )  # fmt: skip
        try:
            code = child.wait(limit_s)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            return f"did not end within {limit_s:g} s"
        if not code:
            return ""
        said.seek(max(0, said.seek(0, os.SEEK_END) - _MOST_BYTES))
        text = said.read().decode("utf-8", "replace").strip()
    return f"failed: {(text or f'exit code {code}').splitlines()[-1]}"


def _tell(done: str, problem: str) -> None:
    with contextlib.suppress(OSError):  # nobody may listen any more
        os.write(1, json.dumps({"done": done, "problem": problem}).encode() + b"\n")


if __name__ == "__main__":
    main()
