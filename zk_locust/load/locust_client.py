"""The `client` of a simulated user: a ZooKeeper client, and where in the tree the load works."""

import contextlib
import random
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from zk_locust.clients import create_client
from zk_locust.clients.interface import LastReply, ZooKeeperClient
from zk_locust.contract.errors import NodeExistsError
from zk_locust.contract.options import Options
from zk_locust.load.heard import Heard
from zk_locust.load.history import recorded_client
from zk_locust.load.older_locustfiles import OlderSettings, with_older_settings
from zk_locust.load.slowest import NOWHERE, Origin
from zk_locust.load.timer import LocustTimer, TimerSettings

DEFAULT_NODE: Final = "/n"  # read by all clients, written by none
OWN_NODE: Final = "/d-"


class LocustClient:
    """A ZooKeeper client below a pseudo root.

    The pseudo root is a node like any other, made as a user connects; without one the load works below `/`.
    """

    def __init__(
        self,
        options: Options,
        *,
        client: str | None = None,
        pseudo_root: str | None = None,
        events: Any = None,
        context: Callable[[], Any] | None = None,
    ) -> None:
        self.options = options
        self._last_reply = LastReply()  # the same for all clients that are made here, one after the other
        self.timer_settings = TimerSettings(
            events,
            options.exception_behavior,
            options.ignore_connection_down,
            context,
            last_reply=self._last_reply,
            origin=self.origin,
            heard=Heard(),
        )
        self._pseudo_root = pseudo_root or ""
        self._pseudo_root_known = not self._pseudo_root
        self._client_name = client
        self._zk: ZooKeeperClient | None = None
        self._connect_first: Callable[[], None] | None = None

    def get_zk_client(self, stopped_ok: bool = False) -> ZooKeeperClient:
        """Return the ZooKeeper client; connect it first if `connect_at_first_use` was called, unless `stopped_ok`."""
        client = self._zk
        if client is None:
            if self._connect_first is not None and not stopped_ok:
                self._connect_first()
            client = self._made()
        return client

    def connect_at_first_use(self, connect: Callable[[], None]) -> None:
        """Have `connect` called when the client is first asked for, unless it is started or stopped before."""
        self._connect_first = connect

    def start(self) -> None:
        """Connect. Raises ConnectError when there is no session within the connect time limit."""
        self._connect_first = None
        self._made().start()

    def stop(self) -> None:
        """End the session and give everything back; `start` may follow."""
        self._connect_first = None
        client, self._zk = self._zk, None
        if client is not None:
            try:
                client.stop()
            finally:
                client.close()

    def is_connection_down(self) -> bool:
        """Whether there is no usable session now."""
        return self._zk is None or not self._zk.connected

    def last_arrival_ns(self) -> int:
        """Return when the reply that the calling greenlet has just got reached this machine; 0 if it is not known.

        Nanoseconds of `time.perf_counter_ns`. Of the clients only `native` knows it.
        """
        return self._last_reply.arrived_ns

    def origin(self) -> Origin:
        """Return session id and member that the calling greenlet's last operation was sent to, and its xid.

        What is not known is 0 or empty. Of the clients only `native` knows the xid.
        """
        client = self._zk
        return getattr(client, "last_connection", NOWHERE[0]), getattr(client, "last_xid", 0)

    def has_sasl_auth(self) -> bool:
        """Whether the client authenticates by SASL."""
        return bool(self.options.kazoo.sasl)

    def node_exists_except(self) -> type[Exception]:
        """Return the error that says that a node exists already."""
        return NodeExistsError

    def join_path(self, path: str) -> str:
        """Return the full path of a node below the pseudo root; `path` begins with a slash."""
        return (self._pseudo_root + path.rstrip("/")) or "/"

    def ensure_pseudo_root(self) -> None:
        """Make the pseudo root and its parents where it is not there; asked once for each client."""
        if not self._pseudo_root_known:
            if self.get_zk_client().exists(self._pseudo_root) is None:
                path = ""
                for name in self._pseudo_root.strip("/").split("/"):
                    path = f"{path}/{name}"
                    self._create_unless_there(path, b"")
            self._pseudo_root_known = True

    def create_default_node(self) -> str:
        """Make an ephemeral node of this client's own, another one with each call; return its path."""
        self.ensure_pseudo_root()
        value = random.randbytes(self.value_size())
        return self.get_zk_client().create(self.join_path(OWN_NODE), value, ephemeral=True, sequence=True)

    def create_shared_node(self) -> str:
        """Make the node that the reads of all clients share, unless it is there; return its path."""
        return self.create_node(DEFAULT_NODE, random.randbytes(self.value_size()))

    def create_node(self, name: str, value: bytes) -> str:
        """Make a node below the pseudo root unless it is there; return its path."""
        self.ensure_pseudo_root()
        path = self.join_path(name)
        self._create_unless_there(path, value)
        return path

    def value_size(self, given: int | None = None) -> int:
        """Return the length of values, bytes: as given, or as the parameter `val-size` says."""
        return self.options.val_size if given is None else given

    def timer(self, name: str, *, paced: bool = True, failures_only: bool = False) -> LocustTimer:
        """Return a timer for the operation `name` that does with errors what the options say.

        With `paced=False` or `failures_only` it takes no operation of an open loop (see `LocustTimer`).
        """
        return LocustTimer(name, settings=self.timer_settings, paced=paced, failures_only=failures_only)

    def _made(self) -> ZooKeeperClient:
        if self._zk is None:
            name = self._client_name or self.options.client
            recorded = recorded_client(self.options, self.timer_settings.events, name)
            self._zk = recorded or create_client(self.options, name)
            with contextlib.suppress(AttributeError):  # a locustfile's own kind of client may have no place for it
                self._zk.last_reply = self._last_reply
        return self._zk

    def _create_unless_there(self, path: str, value: bytes) -> None:
        with contextlib.suppress(NodeExistsError):
            self.get_zk_client().create(path, value)


class _OneClient(LocustClient):
    """A LocustClient of one kind, whatever `--client` says.

    Without options it reads the environment variables. With `hosts` and `autostart` it connects at once, as in 2019.
    """

    _CLIENT: ClassVar[str]

    def __init__(
        self,
        hosts: str | None = None,
        pseudo_root: str | None = None,
        handler: str | None = None,
        sasl_options: Mapping[str, object] | None = None,
        timeout: float | None = None,
        autostart: bool = True,
        *,
        options: Options | None = None,
        events: Any = None,
        context: Callable[[], Any] | None = None,
    ) -> None:
        settings = OlderSettings(hosts=hosts, handler=handler, sasl_options=sasl_options, timeout=timeout)
        super().__init__(
            with_older_settings(options or Options.of_environment(), settings),
            client=self._CLIENT,
            pseudo_root=pseudo_root,
            events=events,
            context=context,
        )
        if hosts and autostart:
            self.start()
            self.ensure_pseudo_root()


class KazooLocustClient(_OneClient):
    """A LocustClient on kazoo, whatever `--client` says."""

    _CLIENT = "kazoo"


class ZKLocustClient(_OneClient):
    """A LocustClient on the official C library, as `ZKLocustClient` always was."""

    _CLIENT = "libzookeeper"


KINDS: Final[dict[str, type[_OneClient]]] = {
    "kazoo": KazooLocustClient,
    "libzookeeper": ZKLocustClient,
    "zkpython": ZKLocustClient,
}
