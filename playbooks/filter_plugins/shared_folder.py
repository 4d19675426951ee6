"""Load hosts that share their state folder over a network: each would start the processes of the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

HostVars = Mapping[str, Mapping[str, Any]]


def shared_folder_problems(groups: Mapping[str, Iterable[str]], hostvars: HostVars) -> list[str]:
    """Return a line for each folder of the load that several machines share, from what `host_probe` found there.

    Preflight asks it, and the role `load_host` where it is called alone. Inventory hosts that are one machine may share
    it: a run's lock lets one of them in.
    """
    found: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for name in dict.fromkeys([*groups.get("locust_master", []), *groups.get("locust_workers", [])]):
        probed = hostvars[name].get("__preflight_load_host") or hostvars[name].get("__load_host_probed") or {}
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


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"shared_folder_problems": shared_folder_problems}
