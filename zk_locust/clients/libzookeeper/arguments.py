"""Addresses, paths and values as the library takes them."""

import socket
from typing import Final

from gevent.socket import getaddrinfo

from zk_locust.contract.connect_string import ConnectString
from zk_locust.contract.errors import BadArgumentsError, ConnectError

# The library doubles its buffer until the request fits, and never gets beyond 1 GiB (`resize_buffer`, recordio.c).
MAX_VALUE_BYTES: Final = 512 * 1024 * 1024


def addresses(hosts: ConnectString) -> str:
    """Return the library's connect string: literal addresses, each with its port.

    The library would resolve names at each connection and block the process meanwhile. Members without an address are
    left out; raises ConnectError if no member has one.
    """
    members = []
    problem = ""
    for host, port in hosts.members:
        try:
            found = getaddrinfo(host, port, 0, socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            problem = f"{host}: {getattr(error, 'strerror', None) or error}"
            continue
        members += [f"{address[0]}:{address[1]}" for *_, address in found]
    if not members:
        raise ConnectError(problem)
    return ",".join(members) + hosts.chroot


def encoded(path: str) -> bytes:
    """Return the path as UTF-8. Library and server check the rest."""
    try:
        name = path.encode()
    except UnicodeEncodeError:
        name = b"\0"
    if b"\0" in name:
        # The library would take it for the end of the path: another node.
        raise BadArgumentsError(f"{path!r} is no path")
    return name


def size_of(value: bytes) -> int:
    """Return the value's length in bytes. Raises BadArgumentsError if the library cannot send it."""
    size = len(value)
    if size > MAX_VALUE_BYTES:
        raise BadArgumentsError(f"a value of {size} bytes, more than the library can send ({MAX_VALUE_BYTES})")
    return size
