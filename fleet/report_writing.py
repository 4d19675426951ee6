"""The report of a run, written by a process beside the playbook: begun early, and waited for when it is needed."""

import contextlib
import os
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from zk_locust.contract.process_identity import Identity, identity_of, is_running

_POLL_S: Final = 0.05
# The exit code comes last, and complete.
_SHELL: Final = 'cd "$0" && "$@" >out 2>err </dev/null; echo $? >code.new && mv code.new code'


@dataclass(frozen=True, slots=True)
class Writer:
    """A process that was begun: `start` is when, as the kernel counts it; its files are in the folder `work`."""

    work: str
    pid: int
    start: str

    def runs(self) -> bool:
        """Whether it has not ended; a zombie has ended, even if it is not reaped, as in a container without an init."""
        with contextlib.suppress(ChildProcessError):  # another process has begun it
            os.waitpid(self.pid, os.WNOHANG)
        return is_running(Identity(self.pid, int(self.start or 0)))


def started(command: list[str]) -> Writer:
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
    # Not after an interruption: the process that finishes the run waits for the same writer.
    shutil.rmtree(work, ignore_errors=True)
    return int(texts[0]) if texts[0].strip() else None, texts[1], texts[2]


def _no_room(error: OSError) -> str:
    return (
        f"the report could not be begun: {error}; see that the disk of {os.environ.get('TMPDIR') or '/tmp'} has room, "
        "then repeat playbooks/report.yml"
    )


class ReportError(Exception):
    """The report could not be written."""


def write_report(*, folder: Path, figures: bool = False, begin: bool = False, begun: dict[str, Any]) -> dict[str, Any]:
    """Write the report of the run in `folder`; return `lines`, the run's summary.

    `figures` asks for each chart as a file too. With `begin` it returns at once what a later call for the same folder
    takes as `begun`, to wait for that writer. Raises ReportError.
    """
    run = str(folder.absolute())
    if begun.get("folder") == run and begun.get("pid") and Path(begun["work"]).is_dir():
        writer = Writer(str(begun["work"]), int(begun["pid"]), str(begun["start"]))
    else:
        command = [str(Path(sys.executable).with_name("zk-locust-report")), "report", "--summary"]
        try:
            writer = started([*command, *(["--figures"] if figures else []), run])
        except OSError as error:
            if begin:  # what follows must still be done; the later call tries again
                return {"changed": False, "warnings": [_no_room(error)]}
            raise ReportError(_no_room(error)) from None
    if begin:
        return {"changed": True, "folder": run, **asdict(writer)}
    code, output, errors = finish(writer)
    if code is None:
        raise ReportError(
            "the report could not be written: its process was killed, or the disk of"
            f" {Path(writer.work).parent} is full; repeat playbooks/report.yml"
        )
    if code:
        said = (errors or output).strip().splitlines()
        raise ReportError(f"the report could not be written: {said[-1] if said else f'exit code {code}'}")
    return {"changed": True, "lines": output.splitlines()}
