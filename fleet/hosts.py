"""A host that is reached, over SSH or because it is this machine; and all hosts asked at once."""

import contextlib
import secrets
import shlex
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from fabric import Connection
from invoke.config import Config
from invoke.context import Context
from invoke.exceptions import CommandTimedOut, Failure, ResponseNotAccepted, ThreadException
from invoke.watchers import StreamWatcher
from paramiko import SSHException
from paramiko.ssh_exception import (
    AuthenticationException,
    BadHostKeyException,
    NoValidConnectionsError,
    PasswordRequiredException,
)

from fleet import connections
from fleet.endpoints import Endpoint
from fleet.errors import FleetError, HostError
from zk_locust.contract.plain_text import plain_line

ANSWER_LIMIT_S: Final = 30.0
_AT_ONCE: Final = 32

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command has printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def reason(self) -> str:
        """The last line of what it has complained about."""
        return plain_line((self.err.strip() or self.out.strip() or f"exit code {self.code}").splitlines()[-1])


class Host:
    """A host that is reached. It is used by one thread at a time."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        # What nobody can know is in no output by chance, or by somebody's will.
        self._prompt = f"[fab {secrets.token_hex(8)}] password:"
        self._context: Any = Context(Config()) if endpoint.local else connections.connection(endpoint)

    def run(self, script: str, *, become: bool = True, limit_s: float = ANSWER_LIMIT_S) -> Answer:
        """Run a shell script, as the inventory's become user if `become`. Raises HostError where it cannot be run."""
        with self._begun(script, become, limit_s, timeout=limit_s) as promise:
            return self._answer(promise.join(), become)

    def follow(self, script: str, out: Any) -> int:
        """Run a script that goes on until Ctrl-C, printing to `out`; return its exit code, 0 after Ctrl-C.

        The script must end when its standard input does: that is how it learns that nobody listens any more.
        Raises HostError where it cannot be run.
        """
        # The script's own complaints go to `out` too; what is left on the other stream is sudo's.
        with self._begun(f"exec 2>&1; {script}", True, 0, hide="stderr", out_stream=out) as promise:
            try:
                promise.runner.wait()
                return self._answer(promise.join(), True).code
            except KeyboardInterrupt:
                with contextlib.suppress(OSError, SSHException):
                    promise.runner.close_proc_stdin()
                with contextlib.suppress(KeyboardInterrupt):
                    promise.join()
                return 0

    @contextlib.contextmanager
    def _begun(self, script: str, become: bool, limit_s: float, **options: Any) -> Iterator[Any]:
        """The promise of a script that is on its way."""
        if become and self.endpoint.become_password is not None:
            options["watchers"] = [_Password(self._prompt, self.endpoint.become_password)]
        with _explained(self.endpoint, limit_s):
            promise = self._context.run(self._command(script, become), asynchronous=True, warn=True, **options)
            try:
                yield promise
            finally:
                _close_pipes(promise)

    def _answer(self, result: Any, become: bool) -> Answer:
        answer = Answer(int(result.exited), result.stdout, result.stderr.replace(self._prompt, ""))
        if answer.code != 0 and become and self.endpoint.become_user and answer.reason.startswith("sudo:"):
            raise HostError(
                f"sudo to {self.endpoint.become_user} fails ({answer.reason.removeprefix('sudo: ')}): "
                "allow it there without a password, or set ansible_become_password (in a vault)"
            )
        return answer

    def dial(self, address: str, port: int, limit_s: float) -> Any:
        """A socket, or a channel that is used like one, to an address that is reached from the host.

        Raises HostError where nobody listens there.
        """
        try:
            if isinstance(self._context, Connection):
                with _explained(self.endpoint, limit_s):
                    self._context.open()
                transport = self._context.transport
                made = transport.open_channel("direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=limit_s)
                made.settimeout(limit_s)
                return made
            return socket.create_connection((address, port), timeout=limit_s)
        except (OSError, SSHException) as error:
            raise HostError(f"nothing answers on {address} port {port} there ({_short(error)})") from None

    def close(self) -> None:
        """End the connection."""
        if isinstance(self._context, Connection):
            connections.close(self._context)

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _command(self, script: str, become: bool) -> str:
        """One command for whatever shell the user has there."""
        user = self.endpoint.become_user if become else None
        if user is None:
            return f"exec sh -c {shlex.quote(script)}"
        how = ["-n"] if self.endpoint.become_password is None else ["-S", "-p", self._prompt]
        sudo = shlex.join([self.endpoint.sudo, "-H", *how, "-u", user])
        # Like Ansible: nothing is done to become who one is already, and where there is no sudo none is needed then.
        wrapped = (
            f'script={shlex.quote(script)}; if [ "$(id -un)" = {shlex.quote(user)} ]; then exec sh -c "$script"; '
            f'else exec {sudo} sh -c "$script"; fi'
        )
        return f"exec sh -c {shlex.quote(wrapped)}"


class _Password(StreamWatcher):
    """Answers sudo when it asks for the password, and only then: nobody else is to find it in standard input.

    Once, though sudo would ask three times: some accounts are locked after that.
    """

    def __init__(self, prompt: str, password: str) -> None:
        super().__init__()
        self._prompt = prompt
        self._password = password
        self._answered = False

    def submit(self, stream: str) -> Iterator[str]:
        """What is to be written to standard input, after `stream` has come so far."""
        asked = stream.count(self._prompt)
        if asked > 1:
            raise ResponseNotAccepted
        if asked and not self._answered:
            self._answered = True
            yield f"{self._password}\n"


def _close_pipes(promise: Any) -> None:
    """Close what Invoke leaves open of a process on this machine; one that still asks for a password ends by that."""
    process = getattr(promise.runner, "process", None)
    if process is None:
        return
    for pipe in (process.stdin, process.stdout, process.stderr):
        with contextlib.suppress(OSError):
            pipe.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(2)


def ask_all(
    endpoints: Mapping[str, Endpoint | FleetError], question: Callable[[Host], Result]
) -> dict[str, Result | HostError]:
    """Ask every host at once; return the answers by name, and a HostError for one that cannot be asked."""

    def ask(endpoint: Endpoint | FleetError) -> Result | HostError:
        try:
            if isinstance(endpoint, FleetError):
                raise endpoint
            with Host(endpoint) as host:
                return question(host)
        except HostError as error:
            return error

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(endpoints, pool.map(ask, endpoints.values()), strict=True))


@contextlib.contextmanager
def _explained(endpoint: Endpoint, limit_s: float) -> Iterator[None]:
    """What goes wrong with a connection becomes a HostError of one line."""
    try:
        yield
    except CommandTimedOut:
        raise HostError(f"no answer within {limit_s:g} s") from None
    except Failure:
        raise HostError(
            f"sudo to {endpoint.become_user} does not take the password: correct ansible_become_password"
        ) from None
    except ThreadException as error:
        raise HostError(_reason(endpoint, error.exceptions[0].value)) from None
    except (OSError, SSHException, EOFError, ValueError) as error:
        raise HostError(_reason(endpoint, error)) from None


def _reason(endpoint: Endpoint, error: BaseException) -> str:
    match error:
        case BadHostKeyException():
            return (
                f"its host key ({error.key.get_name()} {error.key.fingerprint}) is not the one that is known: "
                "somebody may be in between, or the host was made anew; then remove the old one with ssh-keygen -R"
            )
        case PasswordRequiredException():
            return "its private key needs a passphrase: give it to ssh-agent with ssh-add"
        case AuthenticationException():
            return f"{endpoint.shown} takes none of the keys: see that `ssh` and `ansible -m ping` work"
        case NoValidConnectionsError():
            causes = {str(cause.strerror or cause) for cause in error.errors.values()}
            return f"cannot connect to {endpoint.shown} ({', '.join(sorted(causes))})"
        case TimeoutError():
            return f"{endpoint.shown} does not answer in time"
        case socket.gaierror():
            return f"name [{endpoint.address}] is not known; correct ansible_host"
    return f"{endpoint.shown}: {_short(error)}"


def _short(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or getattr(error, "text", None) or str(error) or type(error).__name__
    return plain_line(text)
