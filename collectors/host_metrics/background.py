"""A sampler in the background, identified by its pid file, for machines without a supervisor."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

from host_metrics.process_identity import identity_of, is_running, named_in_pid_file
from host_metrics.told import told_file_of

_PATIENCE_S: Final = 5.0


class BackgroundError(Exception):
    """A sampler could not be started or ended."""


def pid_file_of(file: Path) -> Path:
    """Return the pid file of the process that writes `file`."""
    return file.with_suffix(".pid")


def log_file_of(file: Path) -> Path:
    """Return the log of the process that writes `file`."""
    return file.with_suffix(".log")


def start(file: Path, run: Callable[[], None]) -> None:
    """Call `run` in a process that outlives this one; return when its first line is in `file`.

    Files of an earlier sampler are removed. Raises BackgroundError if a sampler runs already or writes nothing within
    five seconds, OSError if the folder cannot be written.
    """
    pid_file, log = pid_file_of(file), log_file_of(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    if _runs(pid_file):
        raise BackgroundError(f"a sampler writes {file} already; end it with `stop`")
    for left_behind in (file, pid_file, log, told_file_of(file)):
        left_behind.unlink(missing_ok=True)
    log.touch(mode=0o640)
    sys.stdout.flush()
    child = os.fork()
    if not child:
        _become_daemon(pid_file, log, run)
    os.waitpid(child, 0)
    deadline = time.monotonic() + _PATIENCE_S
    while not (file.exists() and file.stat().st_size):
        if time.monotonic() > deadline or not _runs(pid_file, patience_s=1.0):
            with contextlib.suppress(BackgroundError):
                stop(file)
            last = (log.read_text(encoding="utf-8", errors="replace").splitlines() or [f"see {log}"])[-1]
            raise BackgroundError(f"the sampler did not start: {last}")
        time.sleep(0.02)


def stop(file: Path) -> bool:
    """End the process that writes `file`; return whether there was one. Raises BackgroundError if it does not end."""
    pid_file = pid_file_of(file)
    identity = named_in_pid_file(pid_file)
    was_there = False
    for number in (signal.SIGTERM, signal.SIGKILL):
        if identity is None or not _runs(pid_file):
            break
        was_there = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(identity.pid, number)
        deadline = time.monotonic() + _PATIENCE_S
        while _runs(pid_file) and time.monotonic() < deadline:
            time.sleep(0.02)
    if identity is not None and _runs(pid_file):
        raise BackgroundError(f"process {identity.pid} does not end")
    pid_file.unlink(missing_ok=True)
    return was_there


def _runs(pid_file: Path, patience_s: float = 0.0) -> bool:
    deadline = time.monotonic() + patience_s
    while not pid_file.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return is_running(named_in_pid_file(pid_file))


def _become_daemon(pid_file: Path, log: Path, run: Callable[[], None]) -> None:
    """Leave the caller's session, and run. Never returns."""
    os.setsid()
    if os.fork():
        os._exit(0)
    code = 1
    try:
        os.chdir("/")
        with Path(os.devnull).open("rb") as nothing, log.open("ab") as output:
            os.dup2(nothing.fileno(), 0)
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        own = identity_of(os.getpid())
        new = pid_file.with_suffix(".new")
        new.write_text(f"{own.pid} {own.start_ticks}\n", encoding="utf-8")
        new.replace(pid_file)
        run()
        code = 0
    except OSError as error:
        print(f"host_metrics: {error}", file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
