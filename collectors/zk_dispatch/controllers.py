"""What disables and enables members: shell scripts of the environment, or the controller of a run of the playbooks."""

import contextlib
import logging
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Final

import gevent
from gevent.lock import Semaphore

from zk_dispatch.members import EnsembleMember
from zk_locust.contract.dispatch_requests import ANSWERS, DISABLE, ENABLE, Reply, Request, read_reply
from zk_locust.contract.plain_text import plain_line

logger = logging.getLogger(__name__)

DISABLE_SCRIPT: Final = "ZK_DISPATCH_DISABLE_SCRIPT"
ENABLE_SCRIPT: Final = "ZK_DISPATCH_ENABLE_SCRIPT"
SCRIPT_LIMIT_S: Final = 60.0
_ANSWER_LIMIT_S: Final = 240.0
"""To stop a member in order may take the controller minutes; no answer comes from one that was killed."""
_POLL_S: Final = 0.05
_MOST_BYTES: Final = 64 * 1024
_END_S: Final = 2.0


class AbstractController(ABC):
    """Disables and enables members. `problem` says why the last action was not done.

    `too_late` says whether that is only because the load ends.
    `restores` says whether members that are disabled are to be enabled again when the load ends.
    """

    problem = ""
    too_late = False
    restores = True

    @abstractmethod
    def disable(self, member: EnsembleMember) -> bool:
        """Disable a member; return whether that was done."""

    @abstractmethod
    def enable(self, member: EnsembleMember) -> bool:
        """Enable a member; return whether that was done."""


class ShellScriptController(AbstractController):
    """Runs a shell script for each action, by default those of the environment variables of 2019.

    The script has ZK_MEMBER_HOST_AND_PORT, ZK_MEMBER_HOST, ZK_MEMBER_PORT and ZK_MEMBER_STATE, and is ended after
    `limit_s`.
    """

    def __init__(self, disable: str | None = None, enable: str | None = None, limit_s: float = SCRIPT_LIMIT_S) -> None:
        self._scripts = {DISABLE_SCRIPT: disable, ENABLE_SCRIPT: enable}
        self._limit_s = limit_s

    def disable(self, member: EnsembleMember) -> bool:
        """Run the script that disables it. Raises ValueError where there is none."""
        return self._run(DISABLE_SCRIPT, member)

    def enable(self, member: EnsembleMember) -> bool:
        """Run the script that enables it. Raises ValueError where there is none."""
        return self._run(ENABLE_SCRIPT, member)

    def missing(self) -> list[str]:
        """Return the environment variables of the scripts that are not there."""
        return [name for name in self._scripts if not self._script(name)]

    def _script(self, name: str) -> str:
        return self._scripts[name] or os.environ.get(name, "")

    def _run(self, name: str, member: EnsembleMember) -> bool:
        script = self._script(name)
        if not script:
            raise ValueError(f"{name} is not set; set it to a shell script")
        told = {
            f"ZK_MEMBER_{key.upper()}": str(getattr(member, key)) for key in ("host_and_port", "host", "port", "state")
        }
        logger.debug("Running %s with %s", name, told)
        # In a group of its own: whatever it has started ends with it.
        process = subprocess.Popen(
            script, shell=True, env={**os.environ, **told}, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            code = process.wait(self._limit_s)
            self.problem = f"{name} ended with exit code {code}" if code else ""
        except subprocess.TimeoutExpired:
            self.problem = f"{name} did not end within {self._limit_s:g} s, and was killed"
        finally:
            if process.poll() is None:
                _end_group(process)
        return not self.problem


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_S)


class RunController(AbstractController):
    """Asks the controller of a run of the playbooks, by lines of a file, and waits for its answers.

    Members are enabled by the controller, or by their own hosts, when the load has ended.
    """

    restores = False

    def __init__(self, requests: Path) -> None:
        self._requests = requests
        self._answers = Path(f"{requests}{ANSWERS}")
        # On Locust's page a second load may follow, whose answers are others.
        self._asked = len(requests.read_bytes().splitlines()) if requests.exists() else 0
        self._read = 0
        self._rest = ""
        self._replies: dict[int, Reply] = {}
        self._reading = Semaphore()

    def disable(self, member: EnsembleMember) -> bool:
        """Have it stopped."""
        return self._ask(DISABLE, member)

    def enable(self, member: EnsembleMember) -> bool:
        """Have it started again."""
        return self._ask(ENABLE, member)

    def _ask(self, do: str, member: EnsembleMember) -> bool:
        self._asked += 1
        request = Request(self._asked, do, member.address)
        with self._requests.open("a", encoding="utf-8") as file:
            file.write(request.as_line())
        deadline = time.monotonic() + _ANSWER_LIMIT_S
        while request.id not in self._replies:
            if time.monotonic() > deadline:
                self.too_late = False
                self.problem = f"the run's controller has not answered within {_ANSWER_LIMIT_S:g} s"
                return False
            gevent.sleep(_POLL_S)
            with self._reading:
                self._read_answers()
        reply = self._replies.pop(request.id)
        self.too_late = reply.too_late
        self.problem = "" if reply.done else plain_line(reply.problem) or "the run's controller did not do it"
        return reply.done

    def _read_answers(self) -> None:
        with contextlib.suppress(FileNotFoundError), self._answers.open("rb") as file:
            file.seek(self._read)
            piece = file.read(_MOST_BYTES)
            self._read += len(piece)
            *lines, self._rest = (self._rest + piece.decode("utf-8", "replace")).split("\n")
            self._replies |= {reply.id: reply for line in lines if (reply := read_reply(line)) is not None}
