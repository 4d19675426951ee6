"""Asks a JVM for a command of jcmd(1) over its own socket, as `jcmd PID GC.run` does: a runtime has no jcmd.

The JVM makes the socket when it finds a file in its current folder and is sent SIGQUIT (HotSpot's attach mechanism).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from pathlib import Path

from zk_locust.contract.process_identity import PROC, Identity, is_running
from zk_locust.host_faults.errors import FaultError

_LISTENS_LIMIT_S = 10.0
_ANSWER_LIMIT_S = 60.0
_POLL_S = 0.02


def collect_garbage(process: Identity) -> None:
    """Have the JVM collect garbage; return when it has. Raises FaultError where it does not listen."""
    # As the process sees it: systemd may give a unit a /tmp of its own.
    place = PROC / str(process.pid) / "root" / "tmp" / f".java_pid{process.pid}"
    if not place.exists():
        _have_it_listen(process, place)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(_ANSWER_LIMIT_S)
            link.connect(str(place))
            link.sendall(b"1\0jcmd\0GC.run\0\0\0")
            answer = b""
            while chunk := link.recv(4096):
                answer += chunk
                if len(answer) > 65536:
                    break
    except OSError as error:
        raise FaultError(f"the JVM does not answer: {error}") from None
    if not answer.startswith(b"0\n"):
        raise FaultError("the JVM refuses to collect garbage")


def _have_it_listen(process: Identity, place: Path) -> None:
    words = (PROC / str(process.pid) / "cmdline").read_bytes().split(b"\0")
    if words == [b""]:
        raise FaultError("the JVM has ended, or has only just begun")
    for option in (b"-Xrs", b"-XX:+DisableAttachMechanism"):
        if option in words:  # with the first, SIGQUIT would end it
            raise FaultError(f"the JVM takes no commands: remove {option.decode()} from its options")
    wish = PROC / str(process.pid) / "cwd" / f".attach_pid{process.pid}"
    owner = (PROC / str(process.pid)).stat()
    try:
        # The folder is the service user's: nothing that is there already is opened.
        descriptor = os.open(wish, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FaultError(f"the JVM cannot be asked to listen: {error}") from None
    try:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)  # older releases do not believe root
        os.close(descriptor)
        deadline = time.monotonic() + _LISTENS_LIMIT_S
        if is_running(process):
            os.kill(process.pid, signal.SIGQUIT)
        while not place.exists():
            if time.monotonic() > deadline:
                raise FaultError("the JVM does not listen; remove -XX:+DisableAttachMechanism from its options")
            time.sleep(_POLL_S)
    finally:
        with contextlib.suppress(OSError):
            wish.unlink()
