"""What becomes of faults whose controller is killed in the middle of them: whether the hosts heal, and what is left.

    python -m benchmarks.killed_controllers [--trials network,disks] [--markdown FILE]

Needs root on Debian; makes a lab of its own, with three members and two load hosts. Each trial is a run with some
faults. As soon as they are there, the playbook is killed with all its processes: then only the hosts themselves can end
them. The rival is the length that each fault was given. The exit code says whether all healed and nothing was left.
"""

import argparse
import json
import os
import re
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.experiments import release_archives
from benchmarks.experiments.release_archives import RELEASES
from lab import Lab, LabOptions
from lab.commands import LabError
from lab.fleet import DrivenLab
from lab.zookeeper_server import QUICK_JVM
from reporting import aligned
from zk_locust.contract.member_answers import parse_srvr

_FOR_S: Final = 12
_LASTS: Final = {"at": "3s", "for": f"{_FOR_S}s"}
_AT_ONCE: Final = {"at": "3s"}
_DISK, _DISK_MIB = "/srv/small", 200
_OLD, _NEW = RELEASES
_PROPERTIES: Final = {"reconfigEnabled": True}
_SNAPSHOTS: Final = {"admin.snapshot.enabled": True}
"""What the newer release can be given too."""
TRIALS: Final[dict[str, list[dict[str, Any]]]] = {
    "processes": [
        {"do": "kill", "target": "zk1", "allow_no_quorum": True, **_LASTS},
        {"do": "pause", "target": "zk2", "allow_no_quorum": True, **_LASTS},
        {"do": "memory-pressure", "target": "zk3", "mib": 20, **_LASTS},
        {"do": "pause", "target": "load2", **_LASTS},
    ],
    "network": [
        {"do": "partition", "target": "zk1", **_LASTS},
        {"do": "delay", "target": "zk2", "from": "load", "latency": "60ms", **_LASTS},
        {"do": "loss", "target": "zk3", "from": "load", "percent": 30, **_LASTS},
    ],
    "bandwidth": [
        {"do": "bandwidth", "target": "zk2", "from": "load", "rate": "64KiB/s", **_LASTS},
        {"do": "stop", "target": "zk1", **_LASTS},
    ],
    "disks": [
        {"do": "full-disk", "target": "zk1", **_LASTS},
        {"do": "slow-disk", "target": "zk2", "writes_per_s": 2, **_LASTS},
    ],
    "power": [{"do": "power-off", "target": "zk3", **_LASTS}],
    "reconfigure": [{"do": "reconfigure", "target": "follower", **_LASTS}],
    "at once": [
        {"do": "restart", "target": "zk1", **_AT_ONCE},
        {"do": "gc", "target": "zk2", **_AT_ONCE},
        {"do": "drop-connections", "target": "zk2", "at": "4s"},
        {"do": "expire-sessions", "target": "zk3", "percent": 50, **_AT_ONCE},
    ],
    "replace": [{"do": "replace-member", "target": "follower", **_AT_ONCE}],
    "rolling restart": [{"do": "rolling-restart", **_AT_ONCE}],
    "rolling upgrade": [{"do": "rolling-upgrade", "to": _NEW, **_AT_ONCE}],
    "snapshot": [{"do": "snapshot", "target": "zk1", **_AT_ONCE}],
}
"""Faults by trial. The members have the older release; after the upgrade they are provisioned with the newer one."""
_NOTES: Final = "find /var/lib/zk-locust -path '*/faults/notes/*' ! -name '.*' -type f -exec cat {} +"
_LEFT: Final = (
    "nft list tables; tc qdisc show; ip -o link; mount | grep blkio; systemctl list-units --all --no-legend;"
    f" ls {_DISK}/*/ 2>/dev/null; ps -eo stat=,args= | grep '^T'; true"
)
_OURS: Final = re.compile(
    r".*(?:zk.locust.fault(?!s-)|7a6b:|zk[ft][0-9a-f]{12}|zk-locust-fill|blkio|^T).*", re.MULTILINE
)  # fmt: skip
_ASK: Final = (
    "import socket; c = socket.create_connection(('127.0.0.1', 2181), 3); c.settimeout(3); c.send(b'srvr');"
    " print(c.makefile().read())"
)
_LIMIT_S: Final = 150.0


@dataclass(frozen=True)
class Row:
    """A fault on a host: the seconds that it was to last (None: at once) and lasted, and what was found afterwards."""

    trial: str
    fault: str
    host: str
    asked_s: float | None
    lasted_s: float | None
    found: str
    holds: bool


def trial(fleet: DrivenLab, name: str, faults: list[dict[str, Any]]) -> Iterator[Row]:
    """Kill the controller of a run with these faults; yield what each host has noted of them, and what is left."""
    fleet.set_scenario(run_time="60s", users=4, spawn_rate=4, parameters={"client": "native"}, faults=faults)
    play = fleet.begin("run", zookeeper_keep_running=True)
    try:
        _wait(lambda: _are_there(fleet, faults) or play.poll() is not None, fleet)
        if play.poll() is not None:
            raise LabError(f"the run of the trial {name} has ended before its faults\n{fleet.screen()}")
        os.killpg(play.pid, signal.SIGKILL)
    finally:
        fleet.end_process(play)
    began = time.monotonic()
    _wait(lambda: _are_over(fleet, faults), fleet)
    for host, note in _notes(fleet):
        asked_s = note["for_s"] or None
        healed = note["state"] == "healed" and not note["error"]
        yield Row(name, note["do"], host, asked_s, note["lasted_s"], note["error"] or note["state"], healed)
    _wait(lambda: {*_modes(fleet).values()} == {"leader", "follower"}, fleet)
    served_s = time.monotonic() - began
    left = {host: _OURS.findall(each.run(_LEFT).stdout) for host, each in fleet.lab.hosts.items()}
    found = "; ".join(f"{host}: {', '.join(lines)}" for host, lines in left.items() if lines)
    yield Row(name, "until all serve", "all", None, served_s, found or "nothing is left", not found)
    collected = fleet.play("collect", zookeeper_keep_running=True).succeeded()
    if _notes(fleet):
        raise LabError(f"collect.yml has left notes\n{collected.screen}")


def _are_there(fleet: DrivenLab, faults: list[dict[str, Any]]) -> bool:
    """Whether each fault that lasts has begun, and at least one of those that do not."""
    numbers = {note["number"] for _, note in _notes(fleet) if note["began"] is not None or note["do"] == "power-off"}
    lasting = _lasting(faults)
    gone = not all(host.running for host in fleet.lab.hosts.values())
    return gone or (lasting <= numbers if lasting else bool(numbers))


def _are_over(fleet: DrivenLab, faults: list[dict[str, Any]]) -> bool:
    """Whether all hosts run, and tell of each fault that lasts, and none is there any more."""
    notes = [note for _, note in _notes(fleet)]
    told = {note["number"] for note in notes}
    return _all_run(fleet) and _lasting(faults) <= told and all(note["state"] != "begun" for note in notes)


def _lasting(faults: list[dict[str, Any]]) -> set[int]:
    return {number for number, fault in enumerate(faults, 1) if "for" in fault}


def _notes(fleet: DrivenLab) -> list[tuple[str, dict[str, Any]]]:
    """Return the notes of all hosts that run, in the order of the faults."""
    found = []
    for name, host in fleet.lab.hosts.items():
        if host.running:
            lines = host.run(_NOTES, check=False).stdout.splitlines()
            found += [(name, json.loads(line)) for line in lines if line.startswith("{") and line.endswith("}")]
    return sorted(found, key=lambda each: (each[1]["number"], each[0]))


def _all_run(fleet: DrivenLab) -> bool:
    return all(host.running for host in fleet.lab.hosts.values())


def _modes(fleet: DrivenLab) -> dict[str, str]:
    asked = {host.name: host.run(["python3", "-c", _ASK], check=False).stdout for host in fleet.lab.members}
    return {name: parse_srvr(text).mode for name, text in asked.items()}


def _wait(holds: Callable[[], bool], fleet: DrivenLab) -> None:
    end = time.monotonic() + _LIMIT_S
    while not holds():
        if time.monotonic() > end:
            raise LabError(f"nothing happened within {_LIMIT_S:g} s\n{fleet.screen()}")
        time.sleep(0.2)


def _prepare(fleet: DrivenLab, folder: Path) -> None:
    """Give two members small disks of their own, and all the older release, by archive."""
    release_archives.make(folder)
    fleet.vars |= {
        "zookeeper_java_options": QUICK_JVM,
        "zookeeper_install_method": "archive",
        "zookeeper_archive_url": f"file://{folder}/apache-zookeeper-{{{{ zookeeper_version }}}}-bin.tar.gz",
        "zookeeper_archive_checksum": "",
        "zookeeper_version": _OLD,
        "zookeeper_properties": _PROPERTIES,
        "zookeeper_super_password": secrets.token_urlsafe(),
    }
    own = fleet.inventory["zookeeper"]["hosts"]
    for name in ("zk1", "zk2"):
        fleet.lab.hosts[name].add_disk(_DISK, _DISK_MIB)
        own[name] |= {"zookeeper_data_dir": _DISK, "zookeeper_free_disk_mb": _DISK_MIB // 2}
    fleet.play("provision").succeeded()


def conduct(names: list[str]) -> Iterator[Row]:
    """Make a lab, do these trials one after the other, and remove it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Lab.up(LabOptions(name=f"killed-{os.getpid()}", workers=1, release="12")) as lab,
    ):
        fleet = DrivenLab(lab, Path(folder))
        _prepare(fleet, Path(folder))
        for name in names:
            print(f"{name} …", file=sys.stderr, flush=True)
            try:
                yield from trial(fleet, name, TRIALS[name])
            except LabError as error:
                print(error, file=sys.stderr)
                yield Row(name, "-", "-", None, None, str(error).splitlines()[0], holds=False)
                return
            if name == "rolling upgrade":  # what the killed one has left, and a member that can write snapshots
                fleet.vars |= {"zookeeper_version": _NEW, "zookeeper_properties": _PROPERTIES | _SNAPSHOTS}
                fleet.play("provision").succeeded()


def printed(rows: list[Row]) -> str:
    """Return the rows as a table, and the share that a fault lasted of what it was given."""
    heads = ("trial", "fault", "host", "to last, s", "lasted, s", "found", "")
    table = [
        (row.trial, row.fault, row.host, _number(row.asked_s), _number(row.lasted_s), row.found,
         "holds" if row.holds else "does not hold")
        for row in rows
    ]  # fmt: skip
    shares = [row.lasted_s / row.asked_s for row in rows if row.asked_s and row.lasted_s]
    last = f"lasted / to last: {min(shares):.2f} to {max(shares):.2f}" if shares else ""
    return "\n".join([*aligned(heads, table, left={"trial", "fault", "host", "found", ""}), last])


def markdown(rows: list[Row]) -> str:
    """Return the rows as a table of `docs/measured.md`."""
    lines = ["| trial | fault | host | to last, s | lasted, s | found |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {row.trial} | {row.fault} | {row.host} | {_number(row.asked_s)} | {_number(row.lasted_s)} | {row.found} |"
        for row in rows
    ]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def main() -> int:
    """Measure and print; return 0 if all rows hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", default=",".join(TRIALS), help="which, separated by commas: %(default)s")
    parser.add_argument("--markdown", type=Path, help="write the table to this file too")
    arguments = parser.parse_args()
    names = [name.strip() for name in arguments.trials.split(",")]
    if unknown := [name for name in names if name not in TRIALS]:
        parser.error(f"--trials [{', '.join(unknown)}]: there is no such trial; there are: {', '.join(TRIALS)}")
    rows: list[Row] = []
    for row in conduct(names):
        print(f"  {row.fault}, {row.host}: {row.found}", file=sys.stderr, flush=True)
        rows.append(row)
        if arguments.markdown:  # what was measured stays if a later trial is cut off
            arguments.markdown.write_text(markdown(rows) + "\n")
    print(printed(rows))
    return 0 if rows and all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
