"""Write a run's report on the controller: at once, or begun early and waited for when it is needed."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from zk_locust.contract.process_identity import Identity, identity_of, is_running

_POLL_S = 0.05
# The exit code comes last, and complete.
_SHELL = 'cd "$0" && "$@" >out 2>err </dev/null; echo $? >code.new && mv code.new code'


@dataclass(frozen=True, slots=True)
class Writer:
    """A process that was begun: `start` is when, as the kernel counts it; its files are in the folder `work`."""

    work: str
    pid: int
    start: str

    def runs(self) -> bool:
        """Whether it has not ended; one that nobody reaps, as in a container without an init, has."""
        with contextlib.suppress(ChildProcessError):  # another process has begun it
            os.waitpid(self.pid, os.WNOHANG)
        return is_running(Identity(self.pid, int(self.start or 0)))


def begin(command: list[str]) -> Writer:
    """Start the command; its output and its exit code will be in a new folder. Raises OSError."""
    work = tempfile.mkdtemp(prefix="zk-locust-report-")
    null = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    arguments = ["/bin/sh", "-c", _SHELL, work, *command]
    # In a session of its own it ends by itself, also after Ctrl-C.
    pid = os.posix_spawn("/bin/sh", arguments, os.environ, file_actions=null, setsid=True)
    # As text: what an action hands on may be templated.
    return Writer(work, pid, str(identity_of(pid).start_ticks))


def finish(writer: Writer) -> tuple[int | None, str, str]:
    """Wait for what was begun; return exit code, output and errors. One that could not say its exit code has None."""
    work = Path(writer.work)
    while not (work / "code").exists() and writer.runs():
        time.sleep(_POLL_S)
    texts = [(work / name).read_text() if (work / name).exists() else "" for name in ("code", "out", "err")]
    # Not where this was interrupted: whoever finishes the run then waits for the same writer.
    shutil.rmtree(work, ignore_errors=True)
    return int(texts[0]) if texts[0].strip() else None, texts[1], texts[2]


def _no_room(error: OSError) -> str:
    return (
        f"the report could not be begun: {error}; see that the disk of {os.environ.get('TMPDIR') or '/tmp'} has room, "
        "then repeat playbooks/report.yml"
    )


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action `write_report`.

    `folder` is the run's, `figures` asks for each chart as a file too. Returns `lines`, the run's summary. With
    `begin` it returns at once; a later call for the same folder takes that as `begun`, and waits.
    """

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Begin to write the report, or finish it."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            argument_spec={
                "folder": {"type": "path", "required": True},
                "figures": {"type": "bool", "default": False},
                "begin": {"type": "bool", "default": False},
                "begun": {"type": "dict", "default": {}},
            }
        )
        folder = str(Path(given["folder"]).absolute())
        begun = given["begun"]
        if begun.get("folder") == folder and begun.get("pid") and Path(begun["work"]).is_dir():
            writer = Writer(str(begun["work"]), int(begun["pid"]), str(begun["start"]))
        else:
            command = [str(Path(sys.executable).with_name("zk-locust-report")), "report", "--summary"]
            try:
                writer = begin([*command, *(["--figures"] if given["figures"] else []), folder])
            except OSError as error:
                if given["begin"]:  # what follows must still be done; the later call tries again
                    return {"changed": False, "warnings": [_no_room(error)]}
                raise AnsibleActionFail(_no_room(error)) from None
        if given["begin"]:
            return {"changed": True, "folder": folder, **asdict(writer)}
        code, output, errors = finish(writer)
        if code is None:
            raise AnsibleActionFail(
                f"the report could not be written: its process was killed, or the disk of {Path(writer.work).parent} "
                "is full; repeat playbooks/report.yml"
            )
        if code:
            said = (errors or output).strip().splitlines()
            raise AnsibleActionFail(f"the report could not be written: {said[-1] if said else f'exit code {code}'}")
        return {"changed": True, "lines": output.splitlines()}
