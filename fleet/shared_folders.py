"""Load hosts that share their state folder over a network: each would start the processes of the other."""

from collections.abc import Mapping
from typing import Any


def shared_folder_problems(probes: Mapping[str, Mapping[str, Any] | None]) -> list[str]:
    """Return a line for each folder of the load that several machines share.

    `probes` maps load hosts to what `host_probe` found there. Inventory hosts that are one machine may share a folder:
    the lock of a run lets one of them in.
    """
    found: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for name, probe in probes.items():
        probed = probe or {}
        for path, folder in (probed.get("folders") or {}).items():
            if shared := folder.get("shared"):
                found.setdefault(shared, {}).setdefault(str(probed.get("machine") or name), []).append((name, path))
    return [
        f"{', '.join(name for hosts in machines.values() for name, _ in hosts)}: load_host_state_dir"
        f" [{next(iter(machines.values()))[0][1]}] is one folder of a network file system, and each of them would start"
        " what another is to run; set load_host_state_dir to a folder on a disk of each host's own, such as"
        " /var/tmp/zk-locust"
        for machines in found.values()
        if len(machines) > 1
    ]
