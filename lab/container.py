"""A systemd-nspawn process that outlives its starter, identified by its process id and start time."""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from lab.commands import LabError, run
from zk_locust.agent.process_identity import find
from zk_locust.contract.process_identity import identity_of

_PROPAGATE = Path("/run/systemd/nspawn/propagate")


def start(
    machine: str, hostname: str, root: Path, bridge: str, groups: Sequence[Path], console: Path
) -> dict[str, Any]:
    """Boot a root file system; return the identity of the systemd-nspawn process without waiting for the boot."""
    command = [
        *("systemd-nspawn", "--quiet", "--boot", f"--directory={root}"),
        *(f"--machine={machine}", f"--hostname={hostname}"),
        *(f"--network-bridge={bridge}", "--register=no", "--keep-unit", "--console=pipe", "--link-journal=no"),
        *("--resolv-conf=off", "--timezone=off", "--rlimit=NOFILE=1024:524288"),
    ]
    # The shell joins the host's groups before it becomes systemd-nspawn; `&` detaches it from this process.
    into_groups = 'n=$1; shift; while [ "$n" -gt 0 ]; do echo $$ >"$1"; shift; n=$((n - 1)); done; exec "$@"'
    in_background = 'console=$1; shift; setsid sh -ec "$@" </dev/null >>"$console" 2>&1 & echo $!'
    words = ["sh", "-ec", in_background, "sh", str(console), into_groups, "sh", str(len(groups)), *map(str, groups)]
    environment = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
    done = subprocess.run(
        [*words, *command], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True
    )
    try:
        return identity_of(int(done.stdout))._asdict()
    except OSError as error:
        raise LabError(f"{hostname} could not be started: {console.read_text()[-2000:]}") from error


def is_running(identity: dict[str, Any] | None) -> bool:
    """Return whether this systemd-nspawn still runs."""
    return find(identity) is not None


def init_of(identity: dict[str, Any] | None) -> int | None:
    """Return the process id, as seen from here, of the host's own process 1."""
    supervisor = find(identity)
    if supervisor is None:
        return None
    for child in _children(supervisor):
        with contextlib.suppress(OSError):
            # NSpid has one id for each nested namespace: only the host's init has a second id that is 1.
            if re.search(r"^NSpid:\s.*\s1$", Path(f"/proc/{child.pid}/status").read_text(), re.MULTILINE):
                return child.pid
    return None


def enter(
    identity: dict[str, Any] | None, argv: Sequence[str], stdin: str | bytes, timeout_s: float
) -> "subprocess.CompletedProcess[str]":
    """Run a command inside the host as root, without its network. Raises LabError if the host is down."""
    init = init_of(identity)
    if init is None:
        raise LabError("the host does not run")
    environment = ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    environment += ["HOME=/root", "LANG=C.UTF-8"]
    command = ["nsenter", f"--target={init}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]
    return run([*command, "--", *environment, *argv], stdin=stdin, check=False, timeout_s=timeout_s)


def ask_to_stop(identity: dict[str, Any] | None) -> None:
    """Ask the host to shut down; does not wait."""
    supervisor = find(identity)
    if supervisor is not None:
        supervisor.send_signal(signal.SIGTERM)


def wait_stopped(identity: dict[str, Any] | None, timeout_s: float) -> bool:
    """Wait for the process to end; return whether it has ended within `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while is_running(identity):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def remove_traces(machine: str) -> None:
    """Remove the folder that systemd-nspawn leaves below /run."""
    folder = _PROPAGATE / machine
    if folder.is_dir():
        folder.rmdir()


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children()
    except psutil.Error:
        return []
