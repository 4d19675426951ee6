"""The libzookeeper client: ZooKeeper's official C library, its single-threaded variant, driven by the gevent loop.

client.py        the public interface
handle.py        one handle of the library: a session, its operations, its watches
loop.py          its socket and its timers, driven by the gevent loop
farewell.py      closing a handle without blocking the hub
completions.py   the library's callbacks, and the operations that wait for them
arguments.py     addresses, paths, values
library.py, cdef.py   finding and loading the library, its declarations
"""

from zk_locust.clients.libzookeeper.client import LibZooKeeperClient

__all__ = ["LibZooKeeperClient"]
