"""Compiles, starts and ends the scripted server, and reads its record."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

SOURCES: Final = Path(__file__).with_name("server")
# record.h says what they mean. All times are nanoseconds.
ROW: Final = np.dtype(
    [(name, "i8") for name in ("arrival_wall", "arrival", "read", "due", "send", "sent")]
    + [("connection", "u4"), ("xid", "i4"), ("opcode", "i2"), ("error", "i2"), ("port", "u2"), ("flags", "u2")]
)
KERNEL_TIME: Final = 1
SLOW: Final = 2
GET: Final = 4
_FIFO_PRIORITY: Final = 10

Rows = npt.NDArray[Any]


def compile_server(folder: Path) -> Path | None:
    """Return the program, made in the folder; None without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    program = folder / "scripted_server"
    command = [compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-std=gnu11", "-D_GNU_SOURCE", "-o", str(program)]
    subprocess.run([*command, *map(str, sorted(SOURCES.glob("*.c")))], check=True)
    return program


class ScriptedServer:
    """One server, from `with` to its end; the options are its own without the dashes (`delay_us=5000`).

    `counts` and `rows` are there once it has ended. With `precise` it is scheduled before all ordinary processes where
    that is allowed (root), so that the load does not delay its answers; `precise` then says whether it is.
    """

    def __init__(self, program: Path, record: Path | None = None, *, precise: bool = False, **script: object) -> None:
        self.counts: dict[str, Any] = {}
        self.precise = precise
        self._record = record
        self._command = [str(program)]
        if record is not None:
            self._command += ["--record", str(record)]
        for name, value in script.items():
            flag = "--" + name.replace("_", "-")
            self._command += [flag] if value is True else [flag, str(value)]

    def __enter__(self) -> "ScriptedServer":
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.communicate()
            raise RuntimeError(f"the scripted server has ended with exit code {self._process.returncode}")
        self.port = int(line)
        if self.precise:
            try:
                os.sched_setscheduler(self._process.pid, os.SCHED_FIFO, os.sched_param(_FIFO_PRIORITY))
            except OSError:
                self.precise = False
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def hosts(self) -> str:
        """The connect string."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._process.pid

    def stop(self) -> None:
        """End it, unless it has ended."""
        if self.counts:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            out, _ = self._process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        self.counts = json.loads(out)

    @property
    def rows(self) -> Rows:
        """All recorded requests, in the order of their answers."""
        assert self._record is not None
        return np.fromfile(self._record, ROW)


def answered(rows: Rows) -> Rows:
    """Return the rows of requests that were answered."""
    return rows[rows["sent"] > 0]


def without_last(rows: Rows) -> Rows:
    """Return the rows but for the last of each connection, which a run may have cut off."""
    newest_first = rows[np.argsort(rows["arrival"], kind="stable")][::-1]
    _, last = np.unique(newest_first["connection"], return_index=True)
    return np.delete(newest_first, last)[::-1]


def service_us(rows: Rows) -> npt.NDArray[np.float64]:
    """Return from arrival to answer of each answered request, microseconds."""
    done = answered(rows)
    return np.asarray((done["send"] - done["arrival"]) / 1000.0)


def percentile(values: npt.NDArray[Any], percent: float) -> float:
    """Return the percentile by the ceiling of the rank, as HdrHistogram does; no value lies between two samples."""
    if not len(values):
        return float("nan")
    ordered = np.sort(values)
    # A thousandth of a percent at the finest: whole numbers, so that no rounding moves the rank.
    rank = -(-round(percent * 1000) * len(ordered) // 100_000)
    return float(ordered[max(rank, 1) - 1])
