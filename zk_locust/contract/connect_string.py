"""ZooKeeper's connect strings: `host:port,[::1]:2181,host/chroot`.

Source: ZooKeeper's programmer's guide (`ConnectStringParser`): members separated by commas, port 2181 by default, IPv6
addresses in brackets, and a chroot: the node that clients see as `/`. Standard library only.
"""

import re
from typing import Final, NamedTuple

from zk_locust.contract.node_path import is_node_path

DEFAULT_CLIENT_PORT: Final = 2181
_EXAMPLE: Final = "write host:port, several separated by commas, e.g. zk1:2181,zk2:2181/chroot"
_MEMBER: Final = re.compile(r"(?:\[(?P<ipv6>[^\[\]]*)\]|(?P<host>[^\[\]:]*))(?::(?P<port>.*))?")
_IPV6: Final = re.compile(r"[0-9A-Fa-f:.]+(?:%[\w.-]+)?")
_HOST: Final = re.compile(r"[\w.-]+")


class Address(NamedTuple):
    """Where one member listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class ConnectString(NamedTuple):
    """The members in the order given, and the chroot: empty, or a path without a slash at its end."""

    members: tuple[Address, ...]
    chroot: str = ""


def has_sound_labels(name: str) -> bool:
    """Whether DNS permits the length of each label of a host's name (RFC 1035)."""
    return all(0 < len(label) < 64 for label in name.removesuffix(".").split("."))


def parse_connect_string(text: str) -> ConnectString:
    """Parse a connect string. Raises ValueError, which names the wrong part and the remedy."""
    members, _, path = text.strip().partition("/")
    chroot = f"/{path}" if path else ""
    problem = ""
    if not text.strip():
        problem = f"names no member; {_EXAMPLE}"
    elif "://" in text:
        problem = f"is a web address; {_EXAMPLE}"
    elif ";" in text:
        problem = "has members separated by semicolons; separate them by commas"
    elif "," in path:
        problem = "has a comma in its chroot; write the chroot once, at the end: zk1:2181,zk2:2181/chroot"
    elif chroot and not is_node_path(chroot):
        problem = f"has a chroot {chroot} that is no path of a node; write /name/name, without . and .. and empty names"
    if problem:
        raise ValueError(f"[{text}] {problem}")
    return ConnectString(tuple(_address(member.strip(), text) for member in members.split(",")), chroot)


def _address(member: str, text: str) -> Address:
    match = _MEMBER.fullmatch(member)
    host = "" if match is None else match["ipv6"] or match["host"] or ""
    port = "" if match is None else match["port"]
    problem = ""
    if member.count(":") > 1 and "[" not in member:
        problem = f"that is an IPv6 address without brackets; write [{member}]:{DEFAULT_CLIENT_PORT}"
    elif match is None or not member:
        problem = f"that is no address; {_EXAMPLE}"
    elif match["ipv6"] is not None and (":" not in host or not _IPV6.fullmatch(host)):
        problem = f"that is no IPv6 address; write e.g. [::1]:{DEFAULT_CLIENT_PORT}"
    elif match["ipv6"] is None and not (_HOST.fullmatch(host) and has_sound_labels(host)):
        problem = "without a valid host name; write e.g. zk1.example.com:2181"
    elif port is not None and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65_536):
        problem = f"that is no address: its port [{port}] is not a number from 1 to 65535; write e.g. zk1:2181"
    if problem:
        raise ValueError(f"[{text}] has a member [{member}] {problem}")
    return Address(host, DEFAULT_CLIENT_PORT if port is None else int(port))
