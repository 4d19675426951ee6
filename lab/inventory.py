"""The lab's inventory: the same that a user writes for other hosts."""

import json
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

from lab.commands import LabError
from lab.places import PROJECT
from lab.plan import HostPlan

HEADER = "# Written by `make lab-up`; `make lab-down` removes it. Changes are lost.\n"
_FILES = ("hosts.yml", "group_vars/all.yml")


def render_hosts(hosts: Iterable[HostPlan], network: int) -> str:
    """Return hosts.yml: the three groups, each host with its address."""
    groups: dict[str, list[HostPlan]] = {"zookeeper": [], "locust_master": [], "locust_workers": []}
    for host in hosts:
        group = {"master": "locust_master", "worker": "locust_workers"}.get(host.role, "zookeeper")
        groups[group].append(host)
    lines = ["---", HEADER.rstrip()]
    for group, members in groups.items():
        lines += [f"{group}:", "  hosts:"] if members else [f"{group}: {{}}"]
        for host in members:
            lines += [f"    {host.name}:", f"      ansible_host: {host.address(network)}"]
            if host.role == "observer":
                lines.append("      zookeeper_peer_type: observer")
    return "\n".join(lines) + "\n"


def render_variables(key: Path, known_hosts: Path, lab: str = "lab") -> str:
    """Return group_vars/all.yml: how to reach and switch the hosts of the lab, and settings for small hosts."""
    program = f"cd {shlex.quote(str(PROJECT))} && {shlex.quote(sys.executable)} -m lab"
    switch = "%s {{ inventory_hostname }} --name %s"
    power_off, power_on = (json.dumps(f"{program} {switch % (word, lab)}") for word in ("power-off", "power-on"))
    ssh = f"-o UserKnownHostsFile={known_hosts} -o GlobalKnownHostsFile=/dev/null"
    ssh += " -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes"
    return f"""\
---
{HEADER.rstrip()}
ansible_user: admin
ansible_become: true
ansible_ssh_private_key_file: {key}
ansible_ssh_common_args: {ssh}
ansible_python_interpreter: /usr/bin/python3

zookeeper_heap: 256m
zookeeper_power_off_command: {power_off}
zookeeper_power_on_command: {power_on}
locust_processes: 1
"""


def require_writable(folder: Path) -> None:
    """Raise LabError if the folder holds an inventory that the lab has not written."""
    for name in _FILES:
        path = folder / name
        if path.exists() and HEADER not in path.read_text():
            raise LabError(f"[{path}] was not written by the lab; move it away, or choose another --inventory")


def write(
    folder: Path, hosts: Iterable[HostPlan], network: int, key: Path, known_hosts: Path, lab: str = "lab"
) -> None:
    """Write or replace the inventory."""
    require_writable(folder)
    for name, text in zip(_FILES, (render_hosts(hosts, network), render_variables(key, known_hosts, lab)), strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def remove(folder: Path) -> None:
    """Remove the files that `write` has written, and the folders if they are empty then."""
    for name in _FILES:
        path = folder / name
        if path.exists() and HEADER in path.read_text():
            path.unlink()
    for empty in (folder / "group_vars", folder):
        if empty.is_dir() and not any(empty.iterdir()):
            empty.rmdir()
