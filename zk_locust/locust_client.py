"""What a simulated user holds as its `client`: a ZooKeeper client, and where in the tree the load works."""

import contextlib
import random
from collections.abc import Mapping
from typing import Any

from zk_locust.clients import create_client
from zk_locust.clients.interface import ZooKeeperClient
from zk_locust.errors import NodeExistsError
from zk_locust.older_locustfiles import OlderSettings, with_older_settings
from zk_locust.options import Options
from zk_locust.timer import LocustTimer

DEFAULT_NODE = "/n"


class LocustClient:
    """A ZooKeeper client below a pseudo root.

    The pseudo root is a node like any other, made when it is first needed; without one the load works below `/`.
    """

    def __init__(
        self, options: Options, *, client: str | None = None, pseudo_root: str | None = None, events: Any = None
    ) -> None:
        self.options = options
        self._pseudo_root = pseudo_root or ""
        self._pseudo_root_known = not self._pseudo_root
        self._events = events
        self._client_name = client
        self._zk: ZooKeeperClient | None = None

    def get_zk_client(self) -> ZooKeeperClient:
        """Return the ZooKeeper client itself."""
        if self._zk is None:
            self._zk = create_client(self.options, self._client_name)
        return self._zk

    def start(self) -> None:
        """Connect. Raises ConnectError when there is no session within the connect time limit."""
        self.get_zk_client().start()

    def stop(self) -> None:
        """End the session and give everything back; `start` may follow."""
        client, self._zk = self._zk, None
        if client is not None:
            try:
                client.stop()
            finally:
                client.close()

    def is_connection_down(self) -> bool:
        """Whether there is no usable session now."""
        return self._zk is None or not self._zk.connected

    def join_path(self, path: str) -> str:
        """Return the whole path of a node below the pseudo root; `path` begins with a slash."""
        return (self._pseudo_root + path.rstrip("/")) or "/"

    def ensure_pseudo_root(self) -> None:
        """Make the pseudo root and its parents, once for each client."""
        if not self._pseudo_root_known:
            path = ""
            for name in self._pseudo_root.strip("/").split("/"):
                path = f"{path}/{name}"
                self._create_unless_there(path, b"")
            self._pseudo_root_known = True

    def create_default_node(self) -> str:
        """Make the node that the tests of watches and reads share; return its path."""
        return self.create_node(DEFAULT_NODE, random.randbytes(self.options.val_size))

    def create_node(self, name: str, value: bytes) -> str:
        """Make a node below the pseudo root unless it is there; return its path."""
        self.ensure_pseudo_root()
        path = self.join_path(name)
        self._create_unless_there(path, value)
        return path

    def timer(self, name: str) -> LocustTimer:
        """Return a timer for the operation `name` that does with errors what the options say."""
        return LocustTimer(
            name,
            events=self._events,
            exception_behavior=self.options.exception_behavior,
            ignore_connection_down=self.options.ignore_connection_down,
        )

    def _create_unless_there(self, path: str, value: bytes) -> None:
        with contextlib.suppress(NodeExistsError):
            self.get_zk_client().create(path, value)


class KazooLocustClient(LocustClient):
    """A LocustClient on kazoo, whatever `--client` says.

    Without options it reads the environment variables. With `hosts` it is one of 2019: connected when it is made,
    unless `autostart` says otherwise.
    """

    _CLIENT = "kazoo"

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
    ) -> None:
        settings: OlderSettings = {
            "hosts": hosts,
            "handler": handler,
            "sasl_options": sasl_options,
            "timeout": timeout,
        }
        super().__init__(
            with_older_settings(options or Options.of_environment(), settings),
            client=self._CLIENT,
            pseudo_root=pseudo_root,
            events=events,
        )
        if hosts and autostart:
            self.start()


class ZKLocustClient(KazooLocustClient):
    """The same on the official C library, as `ZKLocustClient` always was."""

    _CLIENT = "libzookeeper"
