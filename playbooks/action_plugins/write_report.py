"""Write a run's report on the controller: at once, or begun early and waited for when it is needed."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

_POLL_S = 0.05
# The exit code comes last, and complete.
_SHELL = 'cd "$0" && "$@" >out 2>err </dev/null; echo $? >code.new && mv code.new code'


def begin(command: list[str]) -> tuple[Path, int]:
    """Start the command; return the folder where its output and its exit code will be, and its process id."""
    work = Path(tempfile.mkdtemp(prefix="zk-locust-report-"))
    null = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    arguments = ["/bin/sh", "-c", _SHELL, str(work), *command]
    # In a session of its own it ends by itself, also after Ctrl-C.
    return work, os.posix_spawn("/bin/sh", arguments, os.environ, file_actions=null, setsid=True)


def finish(work: Path, pid: int) -> tuple[int, str, str]:
    """Wait for what was begun; return exit code, output and errors. One that was killed has the exit code 1."""
    try:
        while not (work / "code").exists() and _runs(pid):
            time.sleep(_POLL_S)
        texts = [(work / name).read_text() if (work / name).exists() else "" for name in ("code", "out", "err")]
        return int(texts[0] or 1), texts[1], texts[2]
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _runs(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):  # what another process has begun is reaped by init
        os.waitpid(pid, os.WNOHANG)
    return Path(f"/proc/{pid}").exists()


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
        if begun.get("folder") != folder or not begun.get("pid"):
            command = [str(Path(sys.executable).with_name("zk-locust-report")), "report", "--summary"]
            work, pid = begin([*command, *(["--figures"] if given["figures"] else []), folder])
            begun = {"work": str(work), "pid": pid, "folder": folder}
        if given["begin"]:
            return {"changed": True, **begun}
        code, output, errors = finish(Path(begun["work"]), int(begun["pid"]))
        if code:
            said = (errors or output).strip().splitlines()
            raise AnsibleActionFail(f"the report could not be written: {said[-1] if said else 'it was killed'}")
        return {"changed": True, "lines": output.splitlines()}
