"""ZooKeeper's connect strings: `host:port,host:port/chroot`."""

import re
from dataclasses import dataclass
from typing import Final

DEFAULT_CLIENT_PORT: Final = 2181
_MEMBER: Final = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%\w+)?)\]|(?P<name>[^\s:\[\]/,]+))(?::(?P<port>\d+))?")


@dataclass(frozen=True, slots=True)
class ConnectString:
    """The members' addresses in the order given, and the chroot (empty, or a path that begins with a slash)."""

    members: tuple[tuple[str, int], ...]
    chroot: str = ""


def has_sound_labels(name: str) -> bool:
    """Whether no part of a host's name is empty or beyond what DNS takes (RFC 1035): nobody could look it up."""
    return all(0 < len(label) < 64 for label in name.removesuffix(".").split("."))


def parse_connect_string(text: str) -> ConnectString:
    """Take a connect string apart. Raises ValueError, naming the part and the remedy, where it cannot be understood."""
    addresses, slash, chroot = text.strip().partition("/")
    chroot = slash + chroot
    if chroot == "/":
        chroot = ""
    if "//" in chroot or (chroot and chroot.endswith("/")):
        raise ValueError(f"[{text}] has a chroot that is no path of a node; write e.g. host:2181/app")
    members = []
    for item in addresses.split(","):
        match = _MEMBER.fullmatch(item.strip())
        if not match:
            raise ValueError(f"[{text}] has a member [{item.strip()}] that is no address; write host:port,host:port")
        if match["name"] and not has_sound_labels(match["name"]):
            raise ValueError(
                f"[{text}] has a member [{item.strip()}] with an empty or too long part in its name; "
                "write e.g. zk1.example.com:2181"
            )
        port = int(match["port"]) if match["port"] else DEFAULT_CLIENT_PORT
        if not 0 < port < 65536:
            raise ValueError(f"[{text}] has the port [{port}]; write a number from 1 to 65535")
        members.append((match["v6"] or match["name"], port))
    return ConnectString(tuple(members), chroot)
