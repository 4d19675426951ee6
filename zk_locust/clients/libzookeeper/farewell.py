"""Closing a handle without keeping the hub from its work.

`zookeeper_close` of a connected handle asks the server to end the session and then waits for its answer, up to 1.5 s
(`wait_for_session_to_be_closed`), in which no other user of the process would get on. So the request is sent here,
on the library's own socket, whose stream stands between two frames, and the answer is waited for by the loop. The
library finds a socket then on which nothing can be waited for.
"""

import socket
import struct
from typing import Final

import gevent
import gevent.socket

# A frame of 8 bytes: a request's number, which nobody waits for, and closeSession (ZooDefs.OpCode).
_CLOSE_SESSION: Final = struct.pack("!iii", 8, 0x7FFFFFFF, -11)


def say(descriptor: int, limit_s: float) -> None:
    """End the session of a connected socket on which nothing is left to send; wait until the server has, or for
    `limit_s` seconds. Nothing that happens to the connection is an error here: the session then ends by itself.
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
    """Shut a connection down in both directions; its descriptor stays open, and the library's."""
    with socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM) as sock:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
