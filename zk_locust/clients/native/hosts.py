"""Connect strings: `host:port,[::1]:2181,host/chroot`.

Source: ZooKeeper's programmer's guide (`ConnectStringParser`): members separated by commas, port 2181 where none is
given, IPv6 addresses in brackets, and a path that becomes the root of everything the client does.
"""

import re
from typing import Final, NamedTuple

from zk_locust.clients.native.paths import is_valid
from zk_locust.contract.connect_string import has_sound_labels
from zk_locust.contract.errors import ConfigurationError

DEFAULT_PORT: Final = 2181
_EXAMPLE = "write host:port, several separated by commas, e.g. zk1:2181,zk2:2181/chroot"

_MEMBER = re.compile(r"(?:\[(?P<ipv6>[^\[\]]*)\]|(?P<host>[^\[\]:]*))(?::(?P<port>.*))?")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]+(?:%[\w.-]+)?")
_HOST = re.compile(r"[\w.-]+")


class Address(NamedTuple):
    """Where one member listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class ConnectString(NamedTuple):
    """The members, in the order given, and the chroot: empty, or a path without a slash at its end."""

    addresses: tuple[Address, ...]
    chroot: str


def parse(hosts: str) -> ConnectString:
    """Read a connect string. Raises ConfigurationError, which names the part that is wrong and the remedy."""
    if not hosts.strip():
        raise ConfigurationError("hosts", hosts, "no member is named", _EXAMPLE)
    if "://" in hosts:
        raise ConfigurationError("hosts", hosts, "this is an address of the web", _EXAMPLE)
    if ";" in hosts:
        raise ConfigurationError("hosts", hosts, "members are separated by semicolons", "separate them by commas")
    members, slash, path = hosts.strip().partition("/")
    chroot = f"/{path}" if path else ""
    if "," in path:
        remedy = "name all members first, and the path once, at the end: zk1:2181,zk2:2181/chroot"
        raise ConfigurationError("hosts", hosts, "the path contains a comma", remedy)
    if slash and chroot and not is_valid(chroot):
        remedy = "write it as /name/name: no empty names, no . or .., no slash at the end"
        raise ConfigurationError("hosts", hosts, f"the path {chroot} cannot be a node", remedy)
    return ConnectString(tuple(_member(member.strip(), hosts) for member in members.split(",")), chroot)


def _member(member: str, hosts: str) -> Address:
    if not member:
        raise ConfigurationError("hosts", hosts, "a member is empty", "take away the comma too many")
    if member.count(":") > 1 and "[" not in member:
        remedy = f"write IPv6 addresses in brackets: [{member}]:{DEFAULT_PORT}"
        raise ConfigurationError("hosts", hosts, f"the port of {member} cannot be told from the address", remedy)
    match = _MEMBER.fullmatch(member)
    if match is None:
        raise ConfigurationError("hosts", hosts, f"{member} is no member", _EXAMPLE)
    host, port = match["host"], match["port"]
    if match["ipv6"] is not None:
        host = match["ipv6"]
        if ":" not in host or not _IPV6.fullmatch(host):
            raise ConfigurationError("hosts", hosts, f"[{host}] is no IPv6 address", f"e.g. [::1]:{DEFAULT_PORT}")
    elif not _HOST.fullmatch(host) or not has_sound_labels(host):
        raise ConfigurationError("hosts", hosts, f"{member} has no valid host name", _EXAMPLE)
    if port is None:
        return Address(host, DEFAULT_PORT)
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        remedy = f"write a number from 1 to 65535, or nothing for {DEFAULT_PORT}"
        raise ConfigurationError("hosts", hosts, f"the port of {member} is no port", remedy)
    return Address(host, int(port))
