"""Addresses, paths and values as the library takes them."""

import socket
from collections.abc import Mapping
from typing import Final, NamedTuple

from gevent.socket import getaddrinfo

from zk_locust.contract.connect_string import Address, ConnectString
from zk_locust.contract.errors import BadArgumentsError, ConnectError

# The library doubles its buffer until the request fits, and never gets beyond 1 GiB (`resize_buffer`, recordio.c).
MAX_VALUE_BYTES: Final = 512 * 1024 * 1024


class Resolved(NamedTuple):
    """The library's connect string, and which member each of its literal addresses (with its port) stands for."""

    text: str
    members: Mapping[str, Address]


def addresses(hosts: ConnectString) -> Resolved:
    """Return the library's connect string: literal addresses, each with its port.

    The library would resolve names at each connection and block the process meanwhile. Members without an address are
    left out; raises ConnectError if no member has one.
    """
    literal: list[tuple[str, Address]] = []
    problem = ""
    for member in hosts.members:
        host, port = member
        try:
            found = getaddrinfo(host, port, 0, socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            problem = f"{host}: {getattr(error, 'strerror', None) or error}"
            continue
        literal += [(f"{address[0]}:{address[1]}", member) for *_, address in found]
    if not literal:
        raise ConnectError(problem)
    return Resolved(",".join(address for address, _ in literal) + hosts.chroot, dict(literal))


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
