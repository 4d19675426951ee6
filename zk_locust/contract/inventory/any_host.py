"""What any host must offer: Python, room on disk, free ports, a clock that is right."""

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any, Final

_COMMAND_WIDTH: Final = 60


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
    """Return a line for each foreign process that listens on some of `ports` (variable to port)."""
    holders: dict[int, tuple[str, str]] = {}
    for listener in listeners:
        if not listener["own"]:
            command = textwrap.shorten(str(listener["command"]), _COMMAND_WIDTH, placeholder=" …")
            who = f"process {listener['pid']} ({command})" if listener["pid"] else "another user's process"
            remedy = "stop it"
            if listener.get("run"):
                who = f"process {listener['pid']} of run {listener['run']}"
                remedy = "wait for its end (`fab status` shows it)"
            holders.setdefault(int(listener["port"]), (who, remedy))
    held: dict[tuple[str, str], list[str]] = {}
    for variable, port in ports.items():
        if int(port) in holders:
            held.setdefault(holders[int(port)], []).append(f"{variable} [{port}]")
    return [
        f"{name}: {', '.join(wanted)} {'is' if len(wanted) == 1 else 'are'} in use by {who};"
        f" {remedy}, or use {'another port' if len(wanted) == 1 else 'other ports'}"
        for (who, remedy), wanted in held.items()
    ]


def clock_text(offset_ms: float) -> str:
    """Return an offset for the screen: `0.12 s ahead`, `1.0 h behind`."""
    seconds = abs(offset_ms) / 1000
    for limit, unit, divisor in ((90, "s", 1), (5400, "min", 60), (float("inf"), "h", 3600)):
        if seconds < limit:
            return f"{seconds / divisor:.3g} {unit} {'ahead' if offset_ms > 0 else 'behind'}"
    raise AssertionError("no offset is beyond infinity")


def clock_problems(name: str, clock: Mapping[str, Any], limit_s: float) -> list[str]:
    """Return a line where the host's clock is so far off that its times are useless."""
    offset, error = clock.get("offset_ms"), clock.get("error_ms")
    if offset is None or abs(offset) - error <= limit_s * 1000:
        return []
    return [
        f"{name}: clock [{clock_text(offset)} of the controller's] is off by more than {limit_s:g} s;"
        " synchronise it (chrony, systemd-timesyncd)"
    ]


def clock_warnings(name: str, clock: Mapping[str, Any], limit_ms: float) -> list[str]:
    """Return a line where the host's clock is off by more than `limit_ms`, and than the measurement may err."""
    offset, error = clock.get("offset_ms"), clock.get("error_ms")
    if offset is None or abs(offset) <= limit_ms or abs(offset) <= error:
        return []
    return [
        f"{name}: its clock is {clock_text(offset)} of the controller's (±{error:.0f} ms): its times in events and logs"
        " are shifted by that; latencies are not, they are measured on one clock each"
    ]
