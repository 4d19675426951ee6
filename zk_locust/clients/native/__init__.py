"""The native client: ZooKeeper's wire protocol on gevent sockets.

client.py       the public interface
session.py      fail-over, resumption, expiry      handshake.py   from an address to a session
connection.py   the socket, framing, matching      pulse.py       time limits
watches.py      one-shot watches                   callbacks.py   where users' callbacks run
requests.py     requests as values                 pipeline.py    many outstanding requests
protocol.py, jute.py, paths.py                     the bytes, the paths
"""

from zk_locust.clients.native.client import NativeClient
from zk_locust.clients.native.requests import Check, Create, Delete, GetChildren, GetData, Request, Result, SetData

__all__ = ["Check", "Create", "Delete", "GetChildren", "GetData", "NativeClient", "Request", "Result", "SetData"]
