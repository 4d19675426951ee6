"""What a host must offer, judged from what the read-only probes of preflight found on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

_INSTALL_JAVA = "install a Java runtime, 11 or newer (Debian: apt install default-jre-headless), or set zookeeper_java"


def python_problems(name: str, version: str, needed: str, why: str) -> list[str]:
    """Return a line if Python `version` is older than `needed` (`major.minor`)."""

    def key(text: str) -> tuple[int, ...]:
        return tuple(int(part) for part in text.split(".")[:2])

    if key(version) >= key(needed):
        return []
    return [
        f"{name}: Python [{version}] is too old: {why} need {needed} or newer;"
        " install it and set ansible_python_interpreter"
    ]


def folder_problems(name: str, variable: str, path: str, found: Mapping[str, Any], free_mb: int = 0) -> list[str]:
    """Return what is wrong with a folder that is to be written to."""
    if not found["writable"]:
        return [f"{name}: {variable} [{path}] cannot be written: {found['error']}; choose another folder"]
    if int(found["free_mb"]) < int(free_mb):
        return [
            f"{name}: {variable} [{path}] has {found['free_mb']} MB of free disk, {free_mb} MB are wanted;"
            f" make room, or choose another folder"
        ]
    return []


def port_problems(name: str, listeners: Iterable[Mapping[str, Any]], ports: Mapping[str, Any]) -> list[str]:
    """Return a line for each of `ports` (variable to port) on which somebody else listens."""
    held: dict[int, str] = {}
    for listener in listeners:
        if not listener["own"]:
            who = f"process {listener['pid']} ({listener['command']})" if listener["pid"] else "another user's process"
            held.setdefault(int(listener["port"]), who)
    return [
        f"{name}: {variable} [{port}] is in use by {held[int(port)]}; stop it, or use another port"
        for variable, port in ports.items()
        if int(port) in held
    ]


def member_host_problems(
    name: str, probe: Mapping[str, Any], listeners: Iterable[Mapping[str, Any]], wanted: Mapping[str, Any]
) -> list[str]:
    """Return everything that keeps a member from being provisioned on its host.

    `probe` is the result of the module `host_probe`, `listeners` that of `listening_ports`; `wanted` is made by the
    role `zookeeper` (tasks/probe.yml) of its variables.
    """
    problems = python_problems(name, wanted["python_version"], "3.9", "members")
    method = wanted["method"]
    if method == "package" and not (wanted["can_install"] or wanted["packaged"]):
        problems.append(
            f"{name}: zookeeper_install_method [package] needs root on a Debian or Ubuntu: set ansible_become: true,"
            " or use archive, or install the package zookeeper yourself"
        )
    if method == "existing" and not any(found for path, found in probe["files"].items() if path == wanted["home"]):
        problems.append(f"{name}: zookeeper_home [{wanted['home']}] does not exist; name the folder of an installation")
    java = probe["java"]
    if not java["path"] and wanted["java"]:
        problems.append(
            f"{name}: zookeeper_java [{wanted['java']}]: {java['error']}; correct it, or leave it out to take java"
            " from JAVA_HOME or the PATH"
        )
    elif not java["path"] and not wanted["can_install"]:
        problems.append(f"{name}: no Java [{java['error']}], and no root to install it; {_INSTALL_JAVA}")
    for found in probe["folders"].values():
        problems += folder_problems(name, "zookeeper_state_dir", wanted["state_dir"], found, wanted["free_disk_mb"])
    problems += port_problems(name, listeners, wanted["ports"])
    return problems


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "folder_problems": folder_problems,
            "member_host_problems": member_host_problems,
            "port_problems": port_problems,
            "python_problems": python_problems,
        }
