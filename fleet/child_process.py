"""A child process with limits: time, size of its output, and a process group that ends with it."""

import codecs
import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

MOST_BYTES: Final = 32 * 1024**2
_MOST_ERROR_BYTES: Final = 64 * 1024
_CHUNK: Final = 64 * 1024
_POLL_S: Final = 0.2
_END_S: Final = 2.0


class LimitError(Exception):
    """The process exceeded a limit; the message says which one."""


class ChildProcess:
    """`with ChildProcess(words) as child`: a process that is ended, with its group, when the block ends.

    Its standard output goes to `show` as text, or into `out`, up to 32 MiB. `err` keeps the last 64 KiB of its standard
    error; `on_error` gets each piece of that and may return bytes for the standard input.
    """

    def __init__(
        self,
        words: Sequence[str | bytes],
        *,
        show: Callable[[str], object] | None = None,
        on_error: Callable[[bytes], bytes] | None = None,
        **options: Any,
    ) -> None:
        self._show = show
        self._on_error = on_error
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self.out = bytearray()
        self.err = b""
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        # In a session of its own, so that Ctrl-C reaches only the controller, which then ends the process.
        options |= pipes | {"bufsize": 0, "start_new_session": True}
        self._process: subprocess.Popen[bytes] = subprocess.Popen(words, text=False, **options)
        self._open = selectors.DefaultSelector()
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            self._open.register(pipe, selectors.EVENT_READ)

    def communicate(self, limit_s: float | None = None, *, until: bytes = b"") -> int | None:
        """Read until the process ends, and return its exit code; or until it has written `until`, and return None.

        Raises LimitError where it writes too much, or where that takes more than `limit_s`.
        """
        deadline = None if limit_s is None else time.monotonic() + limit_s
        ended = False
        while self._open.get_map():
            ready = self._open.select(_POLL_S)
            for key, _ in ready:
                self._read(key.fileobj)
            if until and until in self.out:
                return None
            if ended and not ready:
                break  # another process keeps the other end of a pipe open
            ended = self._process.poll() is not None
            if deadline is not None and time.monotonic() > deadline:
                raise LimitError(f"no answer within {limit_s:g} s")
        left_s = None if deadline is None else max(deadline - time.monotonic(), _POLL_S)
        try:
            return self._process.wait(left_s)
        except subprocess.TimeoutExpired:
            raise LimitError(f"no answer within {limit_s:g} s") from None

    def _read(self, pipe: Any) -> None:
        chunk = os.read(pipe.fileno(), _CHUNK)
        if not chunk:
            self._open.unregister(pipe)
        if pipe is self._process.stderr:
            self.err = (self.err + chunk)[-_MOST_ERROR_BYTES:]
            if self._on_error and (answer := self._on_error(chunk)):
                assert self._process.stdin is not None
                with contextlib.suppress(OSError):  # it has ended already
                    self._process.stdin.write(answer)
        elif self._show:
            self._show(self._decode(chunk, final=not chunk))
        else:
            self.out += chunk
            if len(self.out) > MOST_BYTES:
                raise LimitError(f"it sends more than {MOST_BYTES // 1024**2} MiB")

    def close_input(self) -> None:
        """Close its standard input."""
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def end(self) -> None:
        """End the process and its group."""
        self.close_input()
        for order in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is not None:
                return
            # A process of another user cannot be signalled: it ends when its pipes are closed.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, order)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_S)

    def __enter__(self) -> "ChildProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._open.close()
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()
