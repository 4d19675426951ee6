"""A lab's record on disk: its options, and its hosts, root file systems and network."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.commands import LabError
from lab.places import lab_dir, state_dir
from lab.plan import HostPlan, LabOptions


@dataclass(frozen=True, slots=True)
class LabRecord:
    """The record of a lab. `network` is None until it has one; `images` are the root file systems by release."""

    options: LabOptions
    inventory: Path
    images: Mapping[str, Path]
    hosts: tuple[HostPlan, ...]
    network: int | None = None

    @property
    def addresses(self) -> dict[str, str]:
        """Return the address of each host by its name."""
        return {host.name: host.address(self.network_number) for host in self.hosts}

    @property
    def network_number(self) -> int:
        """Return the network's number. Raises LabError if the lab has none."""
        if self.network is None:
            raise LabError(f"the lab [{self.options.name}] is incomplete; remove it (make lab-down) and make it again")
        return self.network


def exists(name: str) -> bool:
    """Return whether there is a lab of this name, complete or not."""
    return lab_dir(name).is_dir()


def names() -> list[str]:
    """Return the names of all labs of this machine."""
    folder = state_dir()
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def hosts_on_machine() -> int:
    """Return the number of hosts of all labs on this machine, including labs that are being made."""
    return sum(len(load(name).hosts) for name in names() if _path(name).exists())


def save(record: LabRecord) -> None:
    """Write the record atomically."""
    path = _path(record.options.name)
    document = {
        "options": asdict(record.options),
        "inventory": str(record.inventory),
        "images": {release: str(image) for release, image in record.images.items()},
        "network": record.network,
        "hosts": [asdict(host) for host in record.hosts],
    }
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(document, indent=2) + "\n")
    beside.replace(path)


def load(name: str) -> LabRecord:
    """Read a lab's record. Raises LabError if there is none."""
    try:
        document: dict[str, Any] = json.loads(_path(name).read_text())
    except FileNotFoundError as error:
        raise LabError(f"there is no lab [{name}] on this machine; make lab-up makes one") from error
    return LabRecord(
        LabOptions(**document["options"]),
        Path(document["inventory"]),
        {release: Path(image) for release, image in document["images"].items()},
        tuple(HostPlan(**host) for host in document["hosts"]),
        document["network"],
    )


def _path(name: str) -> Path:
    return lab_dir(name) / "lab.json"
