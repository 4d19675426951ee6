"""SSH keys: one pair for the lab, and a host key for each host, made and known before it boots."""

from collections.abc import Iterable
from pathlib import Path

from lab.commands import run


def make_key(path: Path, comment: str) -> str:
    """Make a key pair if there is none; return the line of the public key."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path])
    return path.with_name(f"{path.name}.pub").read_text().strip()


def render_known_hosts(hosts: Iterable[tuple[str, str, str]]) -> str:
    """Return the text of a known_hosts file, from name, address and public key of each host."""
    return "".join(f"{address},{name} {' '.join(key.split()[:2])}\n" for name, address, key in hosts)
