"""Paths, checked and put below the chroot once; all sessions of a process share the cache."""

from functools import lru_cache
from typing import Final

from zk_locust.clients.native import jute
from zk_locust.contract.errors import BadArgumentsError
from zk_locust.contract.node_path import is_node_path

# Some 200 bytes each. A workload over more nodes pays about a microsecond per operation.
CACHE_LIMIT: Final = 16_384


class ServerPaths(dict[str, bytes]):
    """The server's paths as jute strings, by the client's: with chroot `/c`, `paths["/a"]` is that of `/c/a`.

    An invalid path raises BadArgumentsError, as the server would.
    """

    __slots__ = ("chroot",)

    def __init__(self, chroot: str) -> None:
        super().__init__()
        self.chroot = chroot

    def __missing__(self, path: str) -> bytes:
        if not is_node_path(path):
            raise BadArgumentsError(f"{path!r} is no path; write e.g. /a/b, without empty names, . and ..")
        if len(self) >= CACHE_LIMIT:
            self.clear()
        encoded = self[path] = jute.string(self.server_path(path))
        return encoded

    def sequential(self, path: str) -> bytes:
        """Return the jute string of the start of a sequential node's path, which may end with a slash."""
        if not path.endswith("/") or path == "/":
            return self[path]
        if not is_node_path(path[:-1]):
            raise BadArgumentsError(f"{path!r} is no start of a path")
        return jute.string(self.chroot + path)

    def server_path(self, path: str) -> str:
        """Return the server's path for the client's."""
        return path if not self.chroot else self.chroot if path == "/" else self.chroot + path

    def client_path(self, path: str) -> str:
        """Return the client's path for the server's."""
        if not self.chroot or not path.startswith(self.chroot):
            return path
        return path[len(self.chroot) :] or "/"


@lru_cache(maxsize=64)
def server_paths(chroot: str) -> ServerPaths:
    """Return the cache for a chroot, the same for every client."""
    return ServerPaths(chroot)
