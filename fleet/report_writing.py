"""The verdict and the report of a run, by one process beside the playbook: it reads the run's files once.

It is begun when the record is closed, and waited for when the report is needed.
"""

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from fleet.run_record import RecordError
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

    def has_ended(self) -> bool:
        """Whether nothing more is to be expected of it."""
        return (Path(self.work) / "code").exists() or not self.runs()

    def first_line(self) -> str | None:
        """Wait for the first line of its output, and return it; None if it ends without one."""
        out = Path(self.work) / "out"
        while True:
            ended = self.has_ended()
            with contextlib.suppress(FileNotFoundError), out.open() as said:
                if (line := said.readline()).endswith("\n"):
                    return line
            if ended:
                return None
            time.sleep(_POLL_S)


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
    while not writer.has_ended():
        time.sleep(_POLL_S)
    texts = [(work / name).read_text() if (work / name).exists() else "" for name in ("code", "out", "err")]
    # Not after an interruption: the process that finishes the run waits for the same writer.
    shutil.rmtree(work, ignore_errors=True)
    return int(texts[0]) if texts[0].strip() else None, texts[1], texts[2]


def _command(name: str, *options: str, figures: bool = False) -> list[str]:
    program = str(Path(sys.executable).with_name("zk-locust-report"))
    return [program, name, *options, *(["--figures"] if figures else [])]


def _no_room(what: str, error: OSError) -> str:
    return f"{what}: {error}; see that the disk of {os.environ.get('TMPDIR') or '/tmp'} has room"


class Judging:
    """The process that judges an open record, and with `report` writes its report once the record is closed."""

    def __init__(self, record: Path, *, report: bool, figures: bool) -> None:
        self._is_reporting = report
        self._command = _command("verdict", str(record))
        if report:
            self._command = [*_command("report", "--summary", "--when-closed", figures=figures), str(record)]
        self._writer: Writer | None = None

    def verdict(self) -> Mapping[str, Any]:
        """Begin the process, and return the verdict, which is its first line. Raises RecordError."""
        try:
            self._writer = started(self._command)
        except OSError as error:
            raise RecordError(_no_room("the run could not be judged", error)) from None
        line = self._writer.first_line()
        if line is None or not self._is_reporting:
            code, _, errors = finish(self._writer)
            if line is None or code:
                said = errors.strip().splitlines() or [f"exit code {code}" if code else "its process was killed"]
                raise RecordError(f"the run could not be judged: {said[-1]}")
        verdict: Mapping[str, Any] = json.loads(line)
        return verdict

    def begun(self, closed: Path) -> dict[str, Any]:
        """Return `report`, what `write_report` takes as `begun` for the closed record; nothing if none is written."""
        if self._writer is None or not self._is_reporting:
            return {}
        return {"report": {"folder": str(closed), **asdict(self._writer)}}

    def end(self) -> None:
        """End the process: the record is not closed."""
        if self._writer is None:
            return
        with contextlib.suppress(ProcessLookupError):
            if self._writer.runs():
                os.killpg(self._writer.pid, signal.SIGTERM)
        shutil.rmtree(self._writer.work, ignore_errors=True)


class ReportError(Exception):
    """The report could not be written."""


def write_report(*, folder: Path, figures: bool = False, begun: dict[str, Any]) -> dict[str, Any]:
    """Write the report of the run in `folder`; return `lines`, the run's summary.

    `figures` asks for each chart as a file too. Where `begun` is the writer of this run (see `Judging`), that one is
    waited for. Raises ReportError.
    """
    run = str(folder.absolute())
    judged_before = begun.get("folder") == run and bool(begun.get("pid")) and Path(begun["work"]).is_dir()
    if judged_before:
        writer = Writer(str(begun["work"]), int(begun["pid"]), str(begun["start"]))
    else:
        try:
            writer = started([*_command("report", "--summary", figures=figures), run])
        except OSError as error:
            text = _no_room("the report could not be begun", error)
            raise ReportError(f"{text}, then repeat playbooks/report.yml") from None
    code, output, errors = finish(writer)
    if code is None:
        raise ReportError(
            "the report could not be written: its process was killed, or the disk of"
            f" {Path(writer.work).parent} is full; repeat playbooks/report.yml"
        )
    if code:
        said = (errors or output).strip().splitlines()
        raise ReportError(f"the report could not be written: {said[-1] if said else f'exit code {code}'}")
    return {"changed": True, "lines": output.splitlines()[1 if judged_before else 0 :]}
