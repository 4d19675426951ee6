"""What a member's host must offer, judged from what the read-only probes of preflight found on it."""

import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from zk_locust.contract.inventory.any_host import folder_problems, port_problems, python_problems
from zk_locust.contract.secrets import secret_names

_INSTALL_JAVA: Final = (
    "install a Java runtime, 11 or newer (Debian: apt install default-jre-headless), or set zookeeper_java"
)
# Debian's package has such a link to its zookeeper.jar.
_SERVER_JAR: Final = re.compile(r"/zookeeper-(\d+(?:\.\d+)+[\w.-]*)\.jar$")
# Options of a JVM that name what it writes, with the path.
_WRITING_OPTIONS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"""(-Xlog)\b[^/]*[:=]["']?(/[^:"']*)""",
        r"(-Xloggc):(/.*)",
        r"(-XX:(?:HeapDumpPath|ErrorFile|LogFile|DumpLoadedClassList|ArchiveClassesAtExit))=(/.*)",
        r"(-XX:(?:StartFlightRecording|FlightRecorderOptions))[:=](?:.*,)?(?:filename|repository)=(/[^,]*)",
        r"(-D(?:java\.io\.tmpdir|zookeeper\.(?:trace)?log\.dir))=(/.*)",
    )
)


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
    if method == "existing" and wanted["version"]:
        problems += _version_problems(name, wanted["home"], wanted["version"], wanted["jars"])
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


def _version_problems(name: str, home: str, version: str, jars: Iterable[str]) -> list[str]:
    """Return a line where the installation in `home`, whose `jars` name its release, is not of that version."""
    found = sorted({match[1] for jar in jars if (match := _SERVER_JAR.search(str(jar)))})
    if not found or version in found:
        return []
    return [
        f"{name}: zookeeper_version [{version}] is not what zookeeper_home [{home}] holds, which is {', '.join(found)};"
        " correct the version, or leave it out, or use zookeeper_install_method archive"
    ]


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
    them to every client. No setting switches that command off. A key that names a file shows only its path.
    """
    secrets = [key for key in secret_names(properties) if not key.lower().endswith("path")]
    if not secrets or address.startswith("127.") or address in ("::1", "localhost"):
        return []
    return [
        f"{name}: zookeeper_properties [{', '.join(secrets)}]: the AdminServer shows the values to all who reach"
        f" zookeeper_admin_port [{port}] (/commands/system_properties); let only the master's host reach that port"
        " (a firewall), or name files instead (ssl.keyStore.passwordPath and the like, from 3.8 on), or listen on"
        " loopback (zookeeper_bind_address)"
    ]
