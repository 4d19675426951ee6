"""What a load host runs: a JSON file that the controller writes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zk_locust.contract.durable_files import read_object
from zk_locust.contract.errors import ConfigurationError

_OWN_FOLDER = "set load_host_state_dir to a folder on a disk of each host's own, such as /var/tmp/zk-locust"


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, OSError) else repr(error)


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process. Its output goes to `<name>.log` in the run's folder.

    A `companion` runs as long as the others: the run neither waits for it nor ends with it. After a failure of the
    others it runs until the load ends.
    """

    name: str
    arguments: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    companion: bool = False


@dataclass(frozen=True, slots=True)
class HostRunSpec:
    """The processes of one run on one host.

    `deadline_s` is how long they may run, seconds. The run holds the file `lock` until it ends. `leader` names the
    process whose end ends the run on this host: the master, if it runs here. `secrets` is a file with more environment
    variables, a JSON object; it is removed once it is read. `listens` is the leader's address and port.
    """

    run_id: str
    owner: str
    folder: Path
    lock: Path
    deadline_s: float
    processes: list[ProcessSpec]
    leader: str | None = None
    secrets: Path | None = None
    listens: tuple[str, int] | None = None

    @classmethod
    def read(cls, file: Path, host: str = "") -> "HostRunSpec":
        """Read the file. Raises ConfigurationError if it is not usable, or not for `host`."""
        try:
            content = read_object(file)
            if content is None:
                raise FileNotFoundError(f"{file} does not exist")
            meant = content.get("host", "")
            if host and meant and meant != host:
                problem = f"it is for load host {meant}, not for {host}: both use the same folder"
                raise ConfigurationError("--spec", file, problem, _OWN_FOLDER)
            return cls(
                run_id=content["run_id"],
                owner=content["owner"],
                folder=Path(content["folder"]),
                lock=Path(content["lock"]),
                deadline_s=float(content["deadline_s"]),
                processes=[ProcessSpec(**process) for process in content["processes"]],
                leader=content.get("leader"),
                secrets=Path(content["secrets"]) if content.get("secrets") else None,
                listens=_address(content.get("listens")),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError("--spec", file, f"it cannot be used ({_said(error)})", "write it anew") from error


def _address(listens: dict[str, Any] | None) -> tuple[str, int] | None:
    return (str(listens["host"]), int(listens["port"])) if listens else None
