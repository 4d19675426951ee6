"""The files of a host that are written before it boots: its name, address and keys."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SeedFile:
    """A file's text and mode."""

    text: str
    mode: int = 0o644


def render_hosts_file(addresses: Mapping[str, str]) -> str:
    """Return /etc/hosts with all hosts of the lab; each name has its real address, on its own host too."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    lines += [f"{address} {name}" for name, address in addresses.items()]
    return "\n".join(lines) + "\n"


def seed_files(
    name: str, address: str, addresses: Mapping[str, str], user_key: str, host_key: Path
) -> dict[str, SeedFile]:
    """Return the files of a new host by their paths."""
    network = f"[Match]\nName=host0\n\n[Network]\nAddress={address}/24\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"
    return {
        "etc/hostname": SeedFile(f"{name}\n"),
        "etc/hosts": SeedFile(render_hosts_file(addresses)),
        # Without this file, systemd treats the boot as the first one and enables units by their presets.
        "etc/machine-id": SeedFile(f"{uuid.uuid4().hex}\n", 0o444),
        "etc/systemd/network/10-lab.network": SeedFile(network),
        "etc/ssh/lab_authorized_keys": SeedFile(f"{user_key}\n"),
        "etc/ssh/ssh_host_ed25519_key": SeedFile(host_key.read_text(), 0o600),
        "etc/ssh/ssh_host_ed25519_key.pub": SeedFile(host_key.with_name(f"{host_key.name}.pub").read_text()),
    }


def write_files(root: Path, files: Iterable[tuple[str, SeedFile]]) -> None:
    """Write the files below the root of a stopped host."""
    for name, file in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(file.text)
        path.chmod(file.mode)
