"""What preflight says of a member's host for the sake of faults."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from zk_locust.contract.faults.actions import (
    ACTIONS,
    CLOCK_STEP,
    FULL_DISK,
    MEMORY_PRESSURE,
    POWER_OFF,
    ROLES,
    SLOW_DISK,
)
from zk_locust.contract.plain_text import plain_line

NO_NFT = "zk-locust-no-nft"
"""What the host prints where nft(8) cannot list its tables."""
OF_HOSTS: Final = (SLOW_DISK, FULL_DISK, MEMORY_PRESSURE, POWER_OFF, CLOCK_STEP)
"""The actions for which a host is asked what it can do."""
LACKS = "zk-locust-lacks "
"""What the host prints before an action that it cannot do, and the reason."""
OTHERS = "zk-locust-other "
"""What the host prints before a table of nftables of another member, which may be gone."""
_REMEDIES = {
    "delay": "it needs root, iproute2, nftables, and a kernel with netem, ifb and htb (Fedora and its kin have netem in"
    " kernel-modules-extra), or Linux 5.16 with tap and nftables 1.0.1",
    "bandwidth": "it needs root, iproute2, nftables, and a kernel with ifb and htb",
    "drop-connections": "it needs root, and iproute2 with a kernel that has INET_DIAG_DESTROY, or Linux 5.6",
}
_MOST_NAMED = 3
_ID = re.compile(r"[A-Za-z0-9._-]{1,200}\Z")


def fault_problems(name: str, told: Iterable[str], wanted: Iterable[str]) -> Iterator[str]:
    """Yield what keeps a run from being started: a fault that is still there, or a tool that is not.

    `told` are the lines that the host has printed: the ids of faults, `NO_NFT`, `OTHERS`, and what it `LACKS`. `wanted`
    are the planned actions.
    """
    lines = [plain_line(line) for line in told if line.strip()]
    there = [line for line in lines if line != NO_NFT and _ID.match(line)]
    if there:
        more = f" and {len(there) - _MOST_NAMED} more" if len(there) > _MOST_NAMED else ""
        yield (
            f"{name}: the fault {', '.join(there[:_MOST_NAMED])}{more} is still in it; wait until it has healed by"
            " itself, or call `fab heal`"
        )
    if others := [line.removeprefix(OTHERS) for line in lines if line.startswith(OTHERS)]:
        yield (
            f"{name}: another member of its host has a fault of the network ({', '.join(others[:_MOST_NAMED])}); wait"
            " until it has healed by itself; if that member is gone, remove the table (nft list tables, nft delete"
            " table)"
        )
    needing = sorted({do for do in wanted if do in ACTIONS and ACTIONS[do].of_network})
    if needing and NO_NFT in lines:
        yield (
            f"{name}: nft cannot be used there, and the planned {', '.join(needing)} needs it; install nftables, run as"
            " root (ansible_become), or leave the fault out"
        )
    for line in lines:
        if line.startswith(LACKS):
            action, _, reason = line.removeprefix(LACKS).partition(" ")
            if action in needing and NO_NFT in lines:
                continue  # said above
            remedy = f"; {_REMEDIES[action]}" if action in _REMEDIES else ""
            yield f"{name}: the planned {action} cannot be done there: {reason}{remedy}; or leave the fault out"


def external_problems(name: str, listeners: Iterable[Mapping[str, Any]], port: int) -> Iterator[str]:
    """Yield why the process of an external member is not found by its client port. `listeners` as a probe has them."""
    found = [each for each in listeners if int(each["port"]) == int(port)]
    if not found:
        yield (
            f"{name}: nothing listens at zookeeper_client_port [{port}] there, so the process of the external member is"
            " not found; correct the port, or the host (ansible_host)"
        )
    elif not any(each["pid"] for each in found):
        yield (
            f"{name}: the process at zookeeper_client_port [{port}] is another user's, so no fault can be done to it;"
            " run as root (ansible_become), or as that user"
        )


def ability_problems(
    name: str, told: str, faults: Iterable[Mapping[str, Any]], switched: bool = False
) -> Iterator[str]:
    """Yield what a host cannot do of the planned `faults`, by what its `host_faults.abilities` has printed.

    `switched`: the inventory says how the host is switched off and on.
    """
    wanted = [fault for fault in faults if name in fault["targets"] or not {*fault["targets"]}.isdisjoint(ROLES)]
    if not {fault["do"] for fault in wanted} & {*OF_HOSTS}:
        return
    try:
        able = json.loads(told)
        disks, memory_mib = [*able["disks"]], int(able["memory_mib"])
    except (ValueError, KeyError, TypeError, RecursionError):
        yield f"{name}: the host does not say what it can do of the planned faults; see ansible_python_interpreter"
        return
    for fault in wanted:
        for problem in _cannot(fault, able, disks, memory_mib, switched):
            yield plain_line(f"{name}: fault {fault['number']} ({fault['do']}): {problem}")


def _cannot(
    fault: Mapping[str, Any],
    able: Mapping[str, Any],
    disks: Sequence[Mapping[str, Any]],
    memory_mib: int,
    switched: bool,
) -> Iterator[str]:
    amounts = fault["amounts"]
    if fault["do"] == POWER_OFF and not switched and not able.get("reboots"):
        yield (
            "the host may not be rebooted from there; run as root with CAP_SYS_BOOT (ansible_become), or set"
            " zookeeper_power_off_command and zookeeper_power_on_command"
        )
    if fault["do"] == CLOCK_STEP and able.get("container"):
        yield (
            "the host is a container, whose clock is that of all others on its machine; leave the fault out, or name a"
            " member with a machine or a virtual machine of its own"
        )
    elif fault["do"] == CLOCK_STEP and not able.get("sets_clock"):
        yield "the clock may not be set from there; run as root with CAP_SYS_TIME (ansible_become)"
    if fault["do"] == MEMORY_PRESSURE and amounts.get("mib", 0) > memory_mib:
        yield f"mib [{amounts['mib']}] is more than the host's memory, {memory_mib} MiB; take less"
    if fault["do"] == FULL_DISK and not amounts.get("allow_shared_disk"):
        yield from _shared(disks[-1])
    if fault["do"] == SLOW_DISK:
        if not able.get("root"):
            yield "only root can limit writes; run as root (ansible_become), or leave the fault out"
        elif not able.get("throttle"):
            yield "the kernel has no control groups for disks (blkio or io); leave the fault out"
        elif able["throttle"] == "v2" and not able.get("systemd"):
            yield "control groups of release 2 limit units of systemd, which does not run there; leave the fault out"
        elif not any(disk.get("device") for disk in disks):
            yield (
                f"{disks[-1]['folder']} lies on {disks[-1]['kind']}, which is on no disk that can be limited; put"
                " zookeeper_data_log_dir on a disk, or leave the fault out"
            )


def _shared(disk: Mapping[str, Any]) -> Iterator[str]:
    remedy = (
        "; put zookeeper_data_log_dir (or zookeeper_data_dir) on a small file system that nothing else uses, or write"
        " allow_shared_disk: true if others may lack it"
    )
    if disk["mount"] == "/" or not disk["device"]:
        yield f"{disk['folder']} lies on the file system of {disk['mount']} ({disk['kind']}), which others need{remedy}"
    elif disk["others"]:
        yield f"the file system of {disk['folder']} also has {', '.join(map(str, disk['others']))}{remedy}"
