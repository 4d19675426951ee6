"""Runs commands on a host, over SSH or on this machine, and asks all hosts at the same time."""

import contextlib
import os
import secrets
import shlex
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Any, Final, TypeVar

from fleet import ssh_failures
from fleet.child_process import ChildProcess, LimitError
from fleet.endpoints import Endpoint
from fleet.errors import HostError
from fleet.ssh import NOT_SHARED
from zk_locust.contract.plain_text import plain_line

ANSWER_LIMIT_S: Final = 30.0
_END_LIMIT_S: Final = 5.0
_AT_ONCE: Final = 32
_MOST_LOG_BYTES: Final = 64 * 1024
_CONNECTION_FAILED: Final = 255  # ssh(1)
# sshpass(1) ends ssh when it asks once more; ssh itself would have logged this.
_SSHPASS_FAILED: Final = {5: "Permission denied (password).", 6: "Host key verification failed."}

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Answer:
    """The output and the exit code of a command."""

    code: int
    out: str
    err: str

    @property
    def reason(self) -> str:
        """The last line of its error output."""
        return plain_line((self.err.strip() or self.out.strip() or f"exit code {self.code}").splitlines()[-1])


class Host:
    """A host that runs commands. One thread uses it at a time, except for `end`."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        # Random, so that no output contains it by chance and no host can predict it.
        self._prompt = f"[fab {secrets.token_hex(8)}] password:"
        self._route: str | None = None
        self._child: ChildProcess | None = None
        self._ended = threading.Event()
        self._log_file: IO[bytes] | None = None

    def run(self, script: str, *, become: bool = True, limit_s: float = ANSWER_LIMIT_S) -> Answer:
        """Run a shell script, as the inventory's become user if `become`. Raises HostError where it cannot be run."""
        with self._started(script, become=become) as child:
            if not self._asks_password(become):
                child.close_input()
            return self._answer(child, child.communicate(limit_s), become)

    def follow(self, script: str, show: Callable[[str], object]) -> int:
        """Run a script until it ends or until Ctrl-C; return its exit code, 0 after Ctrl-C. `show` gets its output.

        The script must end when its standard input does: so it learns that the controller has ended.
        Raises HostError where it cannot be run.
        """
        # Standard error then has only what sudo and ssh write.
        with self._started(f"exec 2>&1; {script}", show=show) as child:
            try:
                return self._answer(child, child.communicate(), True).code
            except KeyboardInterrupt:
                child.close_input()
                with contextlib.suppress(KeyboardInterrupt, LimitError):
                    child.communicate(_END_LIMIT_S)
                return 0

    @contextlib.contextmanager
    def forward(self, local_port: int, address: str, port: int, limit_s: float) -> Iterator["Forwarding"]:
        """Listen on `local_port` of loopback here, and carry connections to `address` and `port` as the host sees it.

        Raises HostError where the host cannot be reached.
        """
        target = f"[{address}]" if ":" in address else address
        first = [*NOT_SHARED, "-o", "ExitOnForwardFailure=yes", "-L", f"127.0.0.1:{local_port}:{target}:{port}"]
        # Not -N: a command that reads to the end of its input makes ssh end when the controller is killed.
        with self._started("echo open; exec cat >/dev/null", become=False, first=first) as child:
            code = child.communicate(limit_s, until=b"open\n")
            if code is not None:
                self._answer(child, code, False)
                raise HostError(f"{self.endpoint.shown} does not keep the connection open (exit code {code})")
            yield Forwarding(child, self._log)

    def end(self) -> None:
        """End the running command, from any thread; no other is run afterwards."""
        self._ended.set()
        if self._child:
            self._child.end()

    @contextlib.contextmanager
    def _started(
        self,
        script: str,
        *,
        become: bool = True,
        show: Callable[[str], object] | None = None,
        first: Sequence[str] = (),
    ) -> Iterator[ChildProcess]:
        """The process that runs a script."""
        command = self._command(script, become)
        on_error = None
        if self._asks_password(become):
            on_error = _Password(self._prompt, str(self.endpoint.become_password)).answer
        try:
            with self._words(command, first) as (words, options), self._begun(words, options, show, on_error) as child:
                yield child
        except _WrongPasswordError:
            raise HostError(
                f"sudo to {self.endpoint.become_user} does not take the password: correct ansible_become_password"
            ) from None
        except LimitError as error:
            raise HostError(str(error)) from None
        finally:
            self._child = None

    def _begun(self, words: Sequence[str], options: dict[str, Any], show: Any, on_error: Any) -> ChildProcess:
        if self._ended.is_set():
            raise HostError("it is no longer asked")
        try:
            self._child = ChildProcess(words, show=show, on_error=on_error, **options)
        except OSError as error:
            raise HostError(f"{words[0]} cannot be run here ({error.strerror})") from None
        if self._ended.is_set():  # meanwhile
            self._child.end()
        return self._child

    @contextlib.contextmanager
    def _words(self, command: str, first: Sequence[str]) -> Iterator[tuple[Sequence[str], dict[str, Any]]]:
        ssh = self.endpoint.ssh
        if ssh is None:
            yield ["/bin/sh", "-c", command], {}
            return
        if self._route is None:
            self._route = ssh.route()
        with ssh.remote(command, first) as (words, options, self._log_file):
            yield words, options

    def _answer(self, child: ChildProcess, code: int | None, become: bool) -> Answer:
        out, err = (bytes(text).decode("utf-8", "replace") for text in (child.out, child.err))
        answer = Answer(int(code or 0), out, err.replace(self._prompt, ""))
        if ssh := self.endpoint.ssh:
            if answer.code == _CONNECTION_FAILED:
                raise HostError(self._failure(self._log(), answer.err))
            if ssh.uses_sshpass and answer.code in _SSHPASS_FAILED and "Authenticated to " not in self._log():
                log = f"{self._log()}\n{_SSHPASS_FAILED[answer.code]}"
                raise HostError(ssh_failures.reason(self.endpoint, "", log, answer.err))
        if answer.code != 0 and become and self.endpoint.become_user and answer.reason.startswith("sudo:"):
            raise HostError(
                f"sudo to {self.endpoint.become_user} fails ({answer.reason.removeprefix('sudo: ')}): "
                "allow it there without a password, or set ansible_become_password (in a vault)"
            )
        return answer

    def _failure(self, log: str, said: str) -> str:
        """Why ssh could not connect."""
        if self._route:
            # Where connections are kept open, ssh hides the error output of a ProxyCommand and of a jump host's ssh.
            command = self._command("true", False)
            with self._words(command, NOT_SHARED) as (words, options), self._begun(words, options, None, None) as child:
                child.close_input()
                if child.communicate(ANSWER_LIMIT_S) == _CONNECTION_FAILED:
                    log, said = self._log(), child.err.decode("utf-8", "replace")
        return ssh_failures.reason(self.endpoint, self._route or "", log, said)

    def _log(self) -> str:
        if self._log_file is None:
            return ""
        log = self._log_file.fileno()
        start = max(0, os.fstat(log).st_size - _MOST_LOG_BYTES)
        return os.pread(log, _MOST_LOG_BYTES, start).decode("utf-8", "replace")

    def _asks_password(self, become: bool) -> bool:
        return become and self.endpoint.become_user is not None and self.endpoint.become_password is not None

    def _command(self, script: str, become: bool) -> str:
        """One command that any login shell there can run."""
        user = self.endpoint.become_user if become else None
        if user is None:
            return f"exec sh -c {shlex.quote(script)}"
        how = ["-n"] if self.endpoint.become_password is None else ["-S", "-p", self._prompt]
        sudo = shlex.join([self.endpoint.sudo, "-H", *how, "-u", user])
        # As with Ansible: the user who connects needs no sudo to become that same user.
        wrapped = (
            f'script={shlex.quote(script)}; if [ "$(id -un)" = {shlex.quote(user)} ]; then exec sh -c "$script"; '
            f'else exec {sudo} sh -c "$script"; fi'
        )
        return f"exec sh -c {shlex.quote(wrapped)}"


@dataclass(frozen=True, slots=True)
class Forwarding:
    """A port here that ssh carries to a host; `log` returns what ssh has logged about it so far."""

    child: ChildProcess
    log: Callable[[], str]

    def wait(self) -> None:
        """Wait until the connection is lost."""
        self.child.communicate()


class _WrongPasswordError(Exception):
    """sudo has asked for the password again."""


class _Password:
    """Answers sudo when it asks for the password, and only then, so that no other program reads it.

    It answers once, though sudo would ask three times: some accounts are locked after that.
    """

    def __init__(self, prompt: str, password: str) -> None:
        self._prompt = prompt.encode()
        self._password = password
        self._seen = b""
        self._is_answered = False

    def answer(self, chunk: bytes) -> bytes:
        """What to write to standard input, after `chunk` has come. Raises _WrongPasswordError for a second prompt."""
        *asked, rest = (self._seen + chunk).split(self._prompt)
        self._seen = rest[-len(self._prompt) :]
        if not asked:
            return b""
        if self._is_answered or len(asked) > 1:
            raise _WrongPasswordError
        self._is_answered = True
        return f"{self._password}\n".encode()


def ask_all(endpoints: Iterable[Endpoint], question: Callable[[Host], Result]) -> dict[str, Result]:
    """Ask all hosts at the same time; return the answers by name. The question deals with HostError itself."""
    hosts = {endpoint.name: Host(endpoint) for endpoint in endpoints}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            return dict(zip(hosts, pool.map(question, hosts.values()), strict=True))
        except BaseException:  # Ctrl-C, or a setting that cannot be used: do not wait for the others
            for host in hosts.values():
                host.end()
            raise
