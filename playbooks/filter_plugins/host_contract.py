"""What a host must offer, judged from what the read-only probes of preflight found on it."""

from __future__ import annotations

import posixpath
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from zk_locust.contract.secrets import secret_names

_COMMAND_WIDTH = 60
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
    """Return a line for everybody else who listens on some of `ports` (variable to port)."""
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
    for variable, path in wanted["folders"].items():
        problems += folder_problems(name, variable, path, probe["folders"][path], wanted["free_disk_mb"])
    problems += port_problems(name, listeners, wanted["ports"])
    return problems


# Options of a JVM that name what it writes, with the path.
_WRITING_OPTIONS = tuple(
    re.compile(pattern)
    for pattern in (
        r"""(-Xlog)\b[^/]*[:=]["']?(/[^:"']*)""",
        r"(-Xloggc):(/.*)",
        r"(-XX:(?:HeapDumpPath|ErrorFile|LogFile|DumpLoadedClassList|ArchiveClassesAtExit))=(/.*)",
        r"(-XX:(?:StartFlightRecording|FlightRecorderOptions))[:=](?:.*,)?(?:filename|repository)=(/[^,]*)",
        r"(-D(?:java\.io\.tmpdir|zookeeper\.(?:trace)?log\.dir))=(/.*)",
    )
)


def unit_path_problems(name: str, probe: Mapping[str, Any], unit: Mapping[str, Any]) -> list[str]:
    """Return where the JVM writes what its systemd unit keeps read-only, and what is wrong with the exceptions.

    `unit` has `java_options`, the `own` folders of the member, and `writable_paths`, the user's list.
    """
    allowed = unit["writable_paths"]
    if not isinstance(allowed, list):
        return [f"{name}: zookeeper_writable_paths must be a list of folders, e.g. ['/srv/dumps']"]
    problems = []
    for path in map(str, allowed):
        if not path.startswith("/") or posixpath.normpath(path).strip("/") == "":
            problems.append(f"{name}: zookeeper_writable_paths [{path}] must be the absolute path of a folder below /")
        elif not probe["files"].get(path, True):
            problems.append(
                f"{name}: zookeeper_writable_paths [{path}] does not exist; make it, for zookeeper_user to write to"
            )
    writable = [posixpath.normpath(str(path)) for path in [*unit["own"], *allowed]] + ["/dev"]
    for option in map(str, unit["java_options"]):
        for setting, path in (found for pattern in _WRITING_OPTIONS for found in pattern.findall(option)):
            real = posixpath.normpath(path)
            if not any(real == folder or real.startswith(f"{folder}/") for folder in writable):
                problems.append(
                    f"{name}: zookeeper_java_options [{setting}]: {path} is read-only for the member's systemd unit;"
                    " add its folder to zookeeper_writable_paths, or name a file without a folder: it goes to the logs"
                )
    return problems


def open_secret_warnings(name: str, properties: Iterable[str], address: str, port: Any) -> list[str]:
    """Return a line where a member's AdminServer at `address` (empty: all) hands out secrets of zoo.cfg.

    ZooKeeper makes each key that it does not know a system property, and `/commands/system_properties` shows all of
    them to whoever asks. No setting switches that command off. A key that names a file shows only its path.
    """
    secrets = [key for key in secret_names(properties) if not key.lower().endswith("path")]
    if not secrets or address.startswith("127.") or address in ("::1", "localhost"):
        return []
    return [
        f"{name}: zookeeper_properties [{', '.join(secrets)}]: the AdminServer shows the values to whoever reaches"
        f" zookeeper_admin_port [{port}] (/commands/system_properties); let only the master's host reach that port"
        " (a firewall), or name files instead (ssl.keyStore.passwordPath and the like, from 3.8 on), or listen on"
        " loopback (zookeeper_bind_address)"
    ]


# Descriptors of one session; what a worker has open besides is little.
_FILES_PER_SESSION = {"kazoo": 3, "native": 1, "libzookeeper": 1, "zkpython": 1}
_FILES_PER_WORKER = 200


def set_limits_problems(name: str, root: bool) -> list[str]:
    """Return a line where the host's limits are to be raised, and there is no `root` to do it."""
    if root:
        return []
    return [
        f"{name}: load_host_set_limits [true] needs root on the load host: set ansible_become: true for it, or leave"
        " load_host_set_limits out"
    ]


def load_limit_problems(name: str, limits: Mapping[str, Any], load: Mapping[str, Any]) -> list[str]:
    """Return what of the host's limits would cap the load, before the ensemble does.

    `limits` is that of `host_probe`. `load` has the plan's `users` and `client`, the `workers` of this host and
    `all_workers`, the number of `members`, and `set_limits`: whether the role is asked to raise limits.
    """
    if load["set_limits"]:
        return set_limits_problems(name, root=limits["root"])
    if not load["workers"]:
        return []
    sessions_per_worker = -(-int(load["users"]) // max(int(load["all_workers"]), 1))
    sessions = sessions_per_worker * int(load["workers"])
    problems = []
    files = sessions_per_worker * _FILES_PER_SESSION.get(str(load["client"]), 3) + _FILES_PER_WORKER
    # As root the run raises it for itself.
    if limits["open_files"] and limits["open_files"] < files and not limits["root"]:
        problems.append(
            f"{name}: limit of open files [{limits['open_files']}] is too low for {sessions_per_worker} sessions in a"
            f" worker, {files} are wanted; raise it, or set load_host_set_limits: true with ansible_become: true, or"
            " spread the users over more workers"
        )
    low, high = limits["ports"]
    free = (high - low + 1) * max(int(load["members"]), 1)
    if free < sessions:
        problems.append(
            f"{name}: net.ipv4.ip_local_port_range [{low} {high}] leaves {free} connections for {sessions} sessions;"
            " widen it, or set load_host_set_limits: true with ansible_become: true, or use more load hosts"
        )
    return problems


def clock_text(offset_ms: float) -> str:
    """Return an offset for the screen: `0.12 s ahead`, `1.0 h behind`."""
    seconds = abs(offset_ms) / 1000
    for limit, unit, divisor in ((90, "s", 1), (5400, "min", 60), (float("inf"), "h", 3600)):
        if seconds < limit:
            return f"{seconds / divisor:.3g} {unit} {'ahead' if offset_ms > 0 else 'behind'}"
    raise AssertionError("no offset is beyond infinity")


def clock_problems(name: str, clock: Mapping[str, Any], limit_s: float) -> list[str]:
    """Return a line where the host's clock is so far off that its times say nothing."""
    offset, error = clock.get("offset_ms"), clock.get("error_ms")
    if offset is None or abs(offset) - error <= limit_s * 1000:
        return []
    return [
        f"{name}: clock [{clock_text(offset)} of the controller's] is off by more than {limit_s:g} s;"
        " synchronise it (chrony, systemd-timesyncd)"
    ]


def clock_warnings(name: str, clock: Mapping[str, Any], limit_ms: float) -> list[str]:
    """Return a line where the host's clock is off by more than `limit_ms`, and surely so."""
    offset, error = clock.get("offset_ms"), clock.get("error_ms")
    if offset is None or abs(offset) <= limit_ms or abs(offset) <= error:
        return []
    return [
        f"{name}: its clock is {clock_text(offset)} of the controller's (±{error:.0f} ms): its times in events and logs"
        " are shifted by that; latencies are not, they are measured on one clock each"
    ]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "clock_problems": clock_problems,
            "clock_warnings": clock_warnings,
            "folder_problems": folder_problems,
            "load_limit_problems": load_limit_problems,
            "member_host_problems": member_host_problems,
            "open_secret_warnings": open_secret_warnings,
            "port_problems": port_problems,
            "python_problems": python_problems,
            "set_limits_problems": set_limits_problems,
            "unit_path_problems": unit_path_problems,
        }
