"""Paths: checked and put below the chroot once, then taken from a cache that all sessions of a process share."""

import re
from functools import lru_cache
from typing import Final

from zk_locust.clients.native import jute
from zk_locust.contract.errors import BadArgumentsError

# What ZooKeeper's PathUtils.validatePath accepts. Java's characters are UTF-16, so none beyond the basic plane.
_FORBIDDEN = "\x00-\x1f\x7f-\x9f\ud800-\uf8ff\ufff0-\uffff\U00010000-\U0010ffff"
_VALID = re.compile(rf"/|(?:/(?!\.\.?(?:/|\Z))[^/{_FORBIDDEN}]+)+")

# Some 200 bytes each. A workload over more nodes than this pays about a microsecond an operation.
CACHE_LIMIT: Final = 16_384


def is_valid(path: str) -> bool:
    """Return whether a node can have this path."""
    return _VALID.fullmatch(path) is not None


class ServerPaths(dict[str, bytes]):
    """The client's paths as jute strings of the server's paths: `paths["/a"]` with chroot `/c` is that of `/c/a`.

    Looking up a path that is none raises BadArgumentsError, with what the server would have said.
    """

    __slots__ = ("chroot",)

    def __init__(self, chroot: str) -> None:
        super().__init__()
        self.chroot = chroot

    def __missing__(self, path: str) -> bytes:
        if not is_valid(path):
            raise BadArgumentsError(f"{path!r} is no path: it starts with /, without empty names, . or ..")
        if len(self) >= CACHE_LIMIT:
            self.clear()
        encoded = self[path] = jute.string(self.server_path(path))
        return encoded

    def sequential(self, path: str) -> bytes:
        """Return the jute string of the start of a sequential node's path, which may end with a slash."""
        if not path.endswith("/") or path == "/":
            return self[path]
        if not is_valid(path[:-1]):
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
