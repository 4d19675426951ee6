"""What users write, as the library takes it: connect strings, paths, values."""

import socket
from typing import Final

from gevent.socket import getaddrinfo

from zk_locust.contract.connect_string import ConnectString, parse_connect_string
from zk_locust.contract.errors import BadArgumentsError, ConfigurationError, ConnectError

# The library doubles its buffer until the request fits, and never gets beyond 1 GiB (`resize_buffer`, recordio.c).
MAX_VALUE_BYTES: Final = 512 * 1024 * 1024


def connect_string(hosts: str) -> ConnectString:
    """Take the users' connect string apart. Raises ConfigurationError."""
    try:
        return parse_connect_string(hosts)
    except ValueError as error:
        remedy = "write host:port, several separated by commas, e.g. zk1:2181,zk2:2181/chroot"
        raise ConfigurationError("--hosts", hosts, str(error), remedy) from None


def addresses(hosts: ConnectString) -> str:
    """Return the library's connect string: literal addresses, each with its port.

    The library would look names up by itself, at each connection, and keep the whole process waiting for them. Members
    without an address are left out; raises ConnectError where no member has one.
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
    """Return the path as the library's characters. What else a path must be, library and server say."""
    try:
        name = path.encode()
    except UnicodeEncodeError:
        name = b"\0"
    if b"\0" in name:
        # To the library the path would end there: another node.
        raise BadArgumentsError(f"{path!r} is no path")
    return name


def size_of(value: bytes) -> int:
    """Return the value's length in bytes. Raises BadArgumentsError beyond what the library can send."""
    size = len(value)
    if size > MAX_VALUE_BYTES:
        raise BadArgumentsError(f"a value of {size} bytes, more than the library can send ({MAX_VALUE_BYTES})")
    return size
