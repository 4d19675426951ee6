"""The sockets between Locust's master and workers: closed to whoever is not of this run, and without secrets.

With a run token (`zk_locust.contract.run_token`), both ends use CurveZMQ: all is encrypted, and a peer without the
run's keys can neither send nor receive a message. Without a token, messages travel as Locust sends them.

In both cases the values of secret parameters never leave a process: a `spawn` message only names those that the master
has. Each worker takes them from its own environment or flags.
"""

import contextlib
import functools
import logging
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

import gevent
import zmq.green as zmq
from locust import argument_parser
from locust.exception import RPCError
from locust.rpc import Message, zmqrpc
from zmq.utils import z85

from zk_locust.contract.bind_address import bind_address, cannot_listen
from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.parameters import PARAMETERS, find
from zk_locust.contract.run_token import VARIABLE, RunKeys, run_keys
from zk_locust.load.locust_internals import find_own_options_once, secret_options_of, use_sockets
from zk_locust.load.refusals import TOO_MANY_FAILED, Handshakes

_ZAP: Final = "inproc://zeromq.zap.01"  # https://rfc.zeromq.org/spec/27/
_ZAP_DOMAIN: Final = b"zk-locust"
_SPAWN: Final = "spawn"
_OPTIONS: Final = "parsed_options"
_ASKED: Final = "zk_locust_secrets"
# Locust's own options that a worker takes from a message (`WorkerRunner.handle_message`).
_TAKEN_BY_WORKERS: Final = frozenset({"expect_workers", "tags", "exclude_tags"})
_EXIT_CODE: Final = 2
_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,80}")
_LOOK_S: Final = 1.0
_FALSE_MASTER: Final = (
    "What listens at %s did not prove this run's token, so it is not obeyed. It is not this run's master: see that no "
    "other process has its address and port, and that all processes have the same %s"
)

Answer = TypeVar("Answer")

logger = logging.getLogger(__name__)

_parsers: list[Any] = []


def install(parser: Any) -> None:
    """Have Locust use these sockets. Call it before any socket is made, with the parser that knows all options."""
    _parsers[:] = [parser]
    _secret_options.cache_clear()
    find_own_options_once()
    use_sockets(MasterSocket, WorkerSocket)


@functools.cache
def _secret_options() -> frozenset[str]:
    """Return the names of all secret options: ours, and those that a locustfile has declared (`is_secret=True`)."""
    declared: set[str] = set().union(*map(secret_options_of, _parsers))
    return frozenset(declared | {parameter.destination for parameter in PARAMETERS if parameter.secret})


@functools.cache
def _locusts_own() -> frozenset[str]:
    return frozenset(argument_parser.default_args_dict()) - _TAKEN_BY_WORKERS


def _or_end(ask: Callable[[], Answer]) -> Answer:
    try:
        return ask()
    except ConfigurationError as error:
        sys.exit(f"zk-locust: {error}")


class MasterSocket(zmqrpc.Server):
    """The master's end. `handshakes` knows who was refused; it is None without a token."""

    def __init__(self, host: str, port: int) -> None:
        keys, address = _or_end(run_keys), _or_end(lambda: bind_address(host))
        zmqrpc.BaseSocket.__init__(self, zmq.ROUTER, self.ipv4_only(address, port))
        endpoint = f"tcp://[{address}]" if ":" in address else f"tcp://{address}"
        self.handshakes: Handshakes | None = None
        self._gate: Any = None
        if keys is not None:
            self._close_to_strangers(keys)
        try:
            if port == 0:
                self.port = self.socket.bind_to_random_port(endpoint)
            else:
                self.socket.bind(f"{endpoint}:{port}")
                self.port = port
        except zmq.ZMQError as error:
            self.close(0)
            if error.errno == zmq.EADDRINUSE:
                raise RPCError("Socket bind failure: Address already in use") from error  # which Locust explains
            sys.exit(f"zk-locust: {cannot_listen('--master-bind-host', host, error.errno)}")

    def _close_to_strangers(self, keys: RunKeys) -> None:
        # Asked by ZeroMQ for each peer, in the same context, before any message of that peer is let through.
        questions = self.socket.context.socket(zmq.REP)
        questions.bind(_ZAP)
        self._gate = gevent.spawn(_let_in, questions, keys.worker.public)
        self.socket.curve_server = True
        self.socket.curve_secretkey = keys.master.secret
        self.socket.zap_domain = _ZAP_DOMAIN
        self.socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        self.handshakes = Handshakes(self.socket)

    def send_to_client(self, msg: Any) -> None:
        """Send a message, without the values of secret parameters."""
        if msg.type == _SPAWN:
            msg = Message(msg.type, without_secrets(msg.data), msg.node_id)
        super().send_to_client(msg)

    def close(self, linger: int | None = None) -> None:
        """Close the socket and what belongs to it."""
        if self.handshakes is not None:
            self.handshakes.close()
            self._gate.kill(block=False)
        super().close(linger)  # type: ignore[no-untyped-call]


class WorkerSocket(zmqrpc.Client):
    """A worker's end. `asked` names the secret parameters that the master has; `handshakes` is None without a token."""

    def __init__(self, host: str, port: int, identity: str) -> None:
        keys = _or_end(run_keys)
        zmqrpc.BaseSocket.__init__(self, zmq.DEALER, self.ipv4_only(host, port))
        self.memory_usage = 0  # this and the next are of Locust's own
        self.user_classes_count: dict[str, int] = {}
        self.asked: tuple[str, ...] = ()
        self.handshakes: Handshakes | None = None
        self._address = f"tcp://{host}:{port}"
        self.socket.setsockopt(zmq.IDENTITY, identity.encode())
        if keys is not None:
            self.socket.curve_serverkey = keys.master.public
            self.socket.curve_publickey = keys.worker.public
            self.socket.curve_secretkey = keys.worker.secret
            self.handshakes = Handshakes(self.socket)
            self._watching = gevent.spawn(self._beware_of_false_masters, self.handshakes)
        self.socket.connect(self._address)

    def _beware_of_false_masters(self, handshakes: Handshakes) -> None:
        seen, warned = 0, False
        while True:
            gevent.sleep(_LOOK_S)
            if handshakes.failed == seen or not handshakes.failed_in_a_row:
                continue
            seen = handshakes.failed
            # ZeroMQ gives an address up where the other end breaks the protocol; the true master may come yet.
            with contextlib.suppress(zmq.ZMQError):
                self.socket.disconnect(self._address)
            self.socket.connect(self._address)
            if handshakes.failed_in_a_row >= TOO_MANY_FAILED and not warned:
                warned = True
                logger.error(_FALSE_MASTER, self._address.removeprefix("tcp://"), VARIABLE)

    def recv(self) -> Any:
        """Return the next message, without the values of secret parameters: those are this process's own."""
        message: Any = super().recv()  # type: ignore[no-untyped-call]
        if message.type == _SPAWN and isinstance(message.data, dict):
            self.asked = tuple(str(name) for name in message.data.pop(_ASKED, None) or ())
            message.data = without_secrets(message.data, say_which=False)
        return message

    def close(self, linger: int | None = None) -> None:
        """Close the socket and what belongs to it."""
        if self.handshakes is not None:
            self._watching.kill(block=False)
            self.handshakes.close()
        super().close(linger)  # type: ignore[no-untyped-call]


def without_secrets(job: Mapping[str, Any], *, say_which: bool = True) -> dict[str, Any]:
    """Return the data of a spawn message with those options only that a worker takes, and no secret one among them.

    With `say_which`, the names of the secret ones that have a value are added.
    """
    options: Mapping[str, Any] = job.get(_OPTIONS) or {}
    secret = _secret_options()
    kept = {name: value for name, value in options.items() if name not in secret and name not in _locusts_own()}
    asked = {_ASKED: sorted(name for name in secret if options.get(name))} if say_which else {}
    return {**job, _OPTIONS: kept, **asked}


def missing_secrets(asked: Iterable[str], own: Mapping[str, Any]) -> list[str]:
    """Return which of the secret parameters that the master has are not among a worker's own."""
    return sorted(name for name in set(asked) if _NAME.fullmatch(name) and not own.get(name))


def require_own_secrets(environment: Any, **_: Any) -> None:
    """End this worker where it lacks a secret that the master has: it would drive another load than was asked for."""
    missing = missing_secrets(getattr(environment.runner.client, "asked", ()), vars(environment.parsed_options))
    if not missing:
        return
    names = [parameter.environment if (parameter := find(name)) else name.upper() for name in missing]
    print(
        f"zk-locust: the master has {' and '.join(names)}, and this worker has not; secrets are not sent: set the same "
        "on every worker",
        file=sys.stderr,
    )
    environment.process_exit_code = _EXIT_CODE
    environment.runner.quit()


def _let_in(questions: Any, worker: bytes) -> None:
    """Answer ZeroMQ's question for each peer: yes to the workers' key, no to any other."""
    allowed = [z85.decode(worker)]
    try:
        while True:
            version, request, _, _, _, mechanism, *credentials = questions.recv_multipart()
            known = mechanism == b"CURVE" and credentials == allowed
            code, text = (b"200", b"OK") if known else (b"400", b"not of this run")
            questions.send_multipart([version, request, code, text, b"", b""])
    finally:
        questions.close(0)
