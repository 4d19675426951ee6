"""The supervisor of a run on one host: a process, detached from the controller, that starts and ends the others.

The run ends when the first of these happens:

- The leader (the master) ends. The workers get a moment to follow it.
- There is no leader here, and only companions are left.
- `stop` is asked for (SIGTERM). The leader ends first: it collects the workers' last figures and removes nodes.
- The deadline has come. The same, within `ENDING_S`.

If the supervisor dies, its processes die with it (`PR_SET_PDEATHSIG`, prctl(2)).
"""

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, Final

from zk_locust.agent.open_files import raise_open_files_limit
from zk_locust.agent.spec import HostRunSpec, ProcessSpec
from zk_locust.agent.status_file import StatusFile, now
from zk_locust.contract import sent_counts
from zk_locust.contract.bind_address import require_to_listen
from zk_locust.contract.durable_files import open_regular, read_object
from zk_locust.contract.errors import ZKLocustError
from zk_locust.contract.process_identity import Identity, identity_of
from zk_locust.contract.run_files import STATUS, SUPERVISOR_LOG
from zk_locust.contract.run_plan import ENDING_S

POLL_S: Final = 0.1
FOLLOW_S: Final = 10.0
OTHERS_S: Final = 3.0
KILL_S: Final = 2.0
LEADER_S: Final = ENDING_S - OTHERS_S - KILL_S
STOP_PATIENCE_S: Final = 45.0
"""How much longer the leader may take if it is stopped before its deadline: it may have a tree to remove."""
_START_LIMIT_S: Final = 30.0
_PR_SET_PDEATHSIG: Final = 1


class HostBusyError(ZKLocustError):
    """Another run holds this host."""


class StartError(ZKLocustError):
    """The run's processes could not be started."""


def start_detached(spec: HostRunSpec) -> None:
    """Start the supervisor and return when it has started the processes.

    Raises HostBusyError while another run is running, StartError if the lock cannot be taken or a process cannot be
    started, and ConfigurationError if the leader could not listen. The lock is taken before the fork, and the
    supervisor holds it.
    """
    spec.folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = _take_lock(spec)
        if spec.listens is not None:
            require_to_listen(*spec.listens)
    except ZKLocustError:
        if spec.secrets is not None:
            spec.secrets.unlink(missing_ok=True)
        raise
    status = spec.folder / STATUS
    status.unlink(missing_ok=True)
    sys.stdout.flush()
    child = os.fork()
    if child:
        lock.close()
        os.waitpid(child, 0)
        _wait_for_start(spec)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    code = 1
    try:
        _detach_output(spec.folder / SUPERVISOR_LOG)
        Supervisor(spec, lock).run()
        code = 0
    except BaseException:
        _complain()
    finally:
        os._exit(code)


def _wait_for_start(spec: HostRunSpec) -> None:
    status, log = spec.folder / STATUS, spec.folder / SUPERVISOR_LOG
    deadline = time.monotonic() + _START_LIMIT_S
    while not status.exists():
        if _is_free(spec.lock) and not status.exists():
            raise StartError(f"the run's supervisor ended at once; is the disk of {spec.folder} full? See {log}")
        if time.monotonic() > deadline:
            raise StartError(f"the run's processes did not start within {_START_LIMIT_S:g} s; see {log} on this host")
        time.sleep(0.02)
    problem = (read_object(status) or {}).get("problem")
    if problem:
        raise StartError(f"the run's processes cannot be started: {problem}; see {log} on this host")


def _take_lock(spec: HostRunSpec) -> IO[str]:
    try:
        return _lock(spec)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            remedy = "make room there"
        else:
            remedy = "have its owner or root remove it"
        raise StartError(
            f"the lock {spec.lock} cannot be taken: {error.strerror}; {remedy}, or set load_host_state_dir"
            " to another folder"
        ) from None


def _lock(spec: HostRunSpec) -> IO[str]:
    lock = _open_for_all(spec.lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "another run"
        lock.close()
        raise HostBusyError(
            f"this load host is held by {holder}; wait for its end, or end it with its own stop"
        ) from None
    try:
        lock.truncate(0)
        lock.write(f"run {spec.run_id} of {spec.owner} since {now()}\n")
        lock.flush()
    except OSError:
        with contextlib.suppress(OSError):  # closing writes again
            lock.close()
        raise
    return lock


def _is_free(lock: Path) -> bool:
    """Whether no process holds the lock."""
    with _open_for_all(lock) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _open_for_all(file: Path) -> IO[str]:
    """Open a file that every user of this host may lock. It is never removed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        # In two steps: in /tmp, O_CREAT fails on another user's file (fs.protected_regular).
        with contextlib.suppress(FileNotFoundError):
            return os.fdopen(open_regular(file, flags), "a+", encoding="utf-8")
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(file, flags | os.O_CREAT | os.O_EXCL, 0o600)
            os.fchmod(descriptor, 0o666)  # whatever the umask is
            return os.fdopen(descriptor, "a+", encoding="utf-8")


def _detach_output(log: Path) -> None:
    os.chdir("/")
    with Path(os.devnull).open("rb") as nothing, log.open("ab") as file:
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def _complain() -> None:
    """Log the current exception. A full disk must not end the supervisor."""
    with contextlib.suppress(OSError):
        os.write(2, traceback.format_exc().encode("utf-8", "backslashreplace"))


def _environment() -> dict[str, str]:
    """Return our environment without parameters: a run has only those of its plan."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("LOCUST_", "ZK_", "KAZOO_"))}


def _die_with_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Supervisor:
    """Starts the processes of a spec, waits for their end, and keeps `status.json`."""

    def __init__(self, spec: HostRunSpec, lock: IO[str]) -> None:
        self._spec = spec
        self._lock = lock
        self._deadline = time.monotonic() + spec.deadline_s
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._status: dict[str, Any] = {
            "run_id": spec.run_id,
            "state": "running",
            "started": now(),
            "ended": None,
            "ended_by": None,
            "problem": None,
            "deadline_s": spec.deadline_s,
            "open_files_limit": raise_open_files_limit(),
            "supervisor": identity_of(os.getpid())._asdict(),
            "processes": {},
        }
        self._status_file = StatusFile(spec.folder)
        self._stop_asked = False

    def run(self) -> None:
        """Run until all processes have ended."""
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        sent_counts.remove_left()
        ended_by = "failure"
        try:
            secrets = self._take_secrets()
            for process in self._spec.processes:
                self._start(process, secrets)
            if not self._status_file.write(self._status):
                # Without a status, the run could be neither watched nor ended.
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._spec.folder / STATUS))
            ended_by = self._wait()
        except (OSError, ValueError) as error:
            _complain()
            self._status["problem"] = str(error)
        finally:
            self._end_all()
            sent_counts.remove_left(identity_of(os.getpid()))
        self._status |= {"state": "ended", "ended": now(), "ended_by": ended_by}
        with contextlib.suppress(OSError):
            self._lock.truncate(0)
        self._status_file.write(self._status)

    def _on_stop(self, *_: object) -> None:
        self._stop_asked = True

    def _take_secrets(self) -> dict[str, str]:
        if self._spec.secrets is None:
            return {}
        try:
            content: dict[str, str] = json.loads(self._spec.secrets.read_text(encoding="utf-8"))
        except ValueError:
            raise ValueError(f"{self._spec.secrets} holds no JSON object") from None
        finally:
            self._spec.secrets.unlink(missing_ok=True)
        return content

    def _start(self, process: ProcessSpec, secrets: dict[str, str]) -> None:
        environment = _environment() | process.environment | ({} if process.companion else secrets)
        with (self._spec.folder / f"{process.name}.log").open("ab") as log:
            started = subprocess.Popen(
                process.arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._spec.folder,
                env=environment,
                preexec_fn=_die_with_parent,
            )
        self._processes[process.name] = started
        self._status["processes"][process.name] = identity_of(started.pid)._asdict() | {
            "exit_code": None,
            "ended": None,
        }

    def _wait(self) -> str:
        leader = self._processes.get(self._spec.leader or "")
        driving = [self._processes[process.name] for process in self._spec.processes if not process.companion]
        while True:
            self._note_ended()
            if self._stop_asked:
                return "stop"
            if time.monotonic() >= self._deadline:
                return "deadline"
            if leader is not None and leader.poll() is not None:
                self._wait_for(driving, FOLLOW_S)
                return "leader"
            if all(process.poll() is not None for process in driving):
                return "itself"
            time.sleep(POLL_S)

    def _end_all(self) -> None:
        leader = self._processes.get(self._spec.leader or "")
        if leader is not None and leader.poll() is None:
            time_left_s = min(max(self._deadline - time.monotonic(), 0.0), STOP_PATIENCE_S)
            leader.terminate()
            self._wait_for([leader], LEADER_S + time_left_s)
        alive = [process for process in self._processes.values() if process.poll() is None]
        for process in alive:
            if process is not leader:  # a second SIGTERM would restart its shutdown
                process.terminate()
        self._wait_for(alive, OTHERS_S if leader is not None else LEADER_S + OTHERS_S)
        for process in alive:
            if process.poll() is None:
                process.kill()
        self._wait_for(alive, KILL_S)
        self._note_ended()

    def _wait_for(self, processes: Iterable[subprocess.Popen[bytes]], limit_s: float) -> None:
        deadline = time.monotonic() + limit_s
        waiting = list(processes)
        while any(process.poll() is None for process in waiting) and time.monotonic() < deadline:
            self._note_ended()
            time.sleep(POLL_S)

    def _note_ended(self) -> None:
        changed = False
        for name, process in self._processes.items():
            record = self._status["processes"][name]
            if record["ended"] is None and process.poll() is not None:
                record |= {"exit_code": process.returncode, "ended": now()}
                sent = sent_counts.sent_by(Identity(record["pid"], record["start_ticks"]))
                if sent is not None:
                    record["sent"] = sent  # it was killed: a worker that ends by itself removes its count
                changed = True
        if changed:
            self._status_file.write(self._status)
        else:
            self._status_file.look(self._status)
