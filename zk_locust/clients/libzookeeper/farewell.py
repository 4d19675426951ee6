"""Closing a handle without blocking the hub.

`zookeeper_close` of a connected handle asks the server to end the session and waits up to 1.5 s for the answer
(`wait_for_session_to_be_closed`), which would block all users of the process. So the request is sent here, on the
library's own socket (whose stream stands between two frames), and gevent's loop waits for the answer. Then the socket
is shut down, so the library does not wait.
"""

import socket
import struct
from typing import Final

import gevent
import gevent.socket

# A frame of 8 bytes: an unused request number, and closeSession (ZooDefs.OpCode).
_CLOSE_SESSION: Final = struct.pack("!iii", 8, 0x7FFFFFFF, -11)


def say(descriptor: int, limit_s: float) -> None:
    """End the session of a connected socket with nothing left to send; wait for the server, at most `limit_s` seconds.

    Errors of the connection are ignored: the session then ends by its time limit.
    """
    with gevent.socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM) as sock, gevent.Timeout(limit_s, False):
        try:
            sock.sendall(_CLOSE_SESSION)
            # The server closes the connection after its answer.
            while sock.recv(65_536):
                pass
        except OSError:
            return


def sever(descriptor: int) -> None:
    """Shut a connection down in both directions. The library's descriptor stays open."""
    with socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM) as sock:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
