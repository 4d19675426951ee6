"""The address that a master listens on, from the name or address that it was given."""

import errno
import ipaddress
import os
import socket
from typing import Final

from zk_locust.contract.errors import ConfigurationError

EVERYWHERE: Final = "*"
_REMEDY: Final = "give an address of this host, or * for all of them"


def bind_address(host: str, setting: str = "--master-bind-host") -> str:
    """Return the address to bind to, or `*`. Raises ConfigurationError for a name without an address.

    A name that resolves to loopback on its own host, as in Debian's /etc/hosts, becomes `*`: others reach the host by
    another address.
    """
    if host == EVERYWHERE:
        return host
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigurationError(setting, host, f"it cannot be looked up ({error.strerror})", _REMEDY) from None
    address = str(found[0][4][0])
    loopback = ipaddress.ip_address(address.partition("%")[0]).is_loopback
    return EVERYWHERE if loopback and host not in (address, "localhost") else address


def require_to_listen(host: str, port: int) -> None:
    """Raise ConfigurationError, with the names that an inventory has, where nothing can listen there."""
    address = bind_address(host, "locust_master_bind_host")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("" if address == EVERYWHERE else address, port))
            probe.listen(1)
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            reason = os.strerror(error.errno)
            raise ConfigurationError("locust_master_port", port, reason, "choose another port") from None
        raise cannot_listen("locust_master_bind_host", host, error.errno) from None


def cannot_listen(setting: str, host: str, number: int | None) -> ConfigurationError:
    """Return the error for an address that a host does not have."""
    return ConfigurationError(setting, host, f"this host cannot listen there ({os.strerror(number or 0)})", _REMEDY)
