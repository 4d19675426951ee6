"""The files of a host that are written before it boots: its name, address and keys."""

import uuid
from collections.abc import Mapping
from pathlib import Path


def render_hosts_file(addresses: Mapping[str, str]) -> str:
    """Return /etc/hosts with all hosts of the lab; each name has its real address, on its own host too."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    lines += [f"{address} {name}" for name, address in addresses.items()]
    return "\n".join(lines) + "\n"


def seed_files(
    name: str, address: str, addresses: Mapping[str, str], user_key: str, host_key: Path
) -> dict[str, tuple[str, int]]:
    """Return text and mode of a new host's files by their paths."""
    network = f"[Match]\nName=host0\n\n[Network]\nAddress={address}/24\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"
    return {
        "etc/hostname": (f"{name}\n", 0o644),
        "etc/hosts": (render_hosts_file(addresses), 0o644),
        # Without this file, systemd treats the boot as the first one and enables units by their presets.
        "etc/machine-id": (f"{uuid.uuid4().hex}\n", 0o444),
        "etc/systemd/network/10-lab.network": (network, 0o644),
        "etc/ssh/lab_authorized_keys": (f"{user_key}\n", 0o644),
        "etc/ssh/ssh_host_ed25519_key": (host_key.read_text(), 0o600),
        "etc/ssh/ssh_host_ed25519_key.pub": (host_key.with_name(f"{host_key.name}.pub").read_text(), 0o644),
    }


def write_files(root: Path, files: Mapping[str, tuple[str, int]]) -> None:
    """Write the files below the root of a stopped host."""
    for name, (text, mode) in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(mode)
