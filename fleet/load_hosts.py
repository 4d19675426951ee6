"""The state of a load host: which run holds it, what is running, and how much of the machine that uses."""

import json
import shlex
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from fleet import leases
from fleet.errors import HostError
from fleet.hosts import Host
from fleet.inventory import MASTER, WORKERS, HostVariables, Inventory
from zk_locust.contract.plain_text import plain_line

NOT_PROVISIONED: Final = "not provisioned"
_LIMIT_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class LoadHost:
    """A load host's state. `overview` is what `host-run overview` says; None where `problem` says why not.

    `lease` says which run holds it, also where no load is running.
    """

    name: str
    roles: tuple[str, ...]
    folder: str = ""
    problem: str = ""
    reached: bool = True
    overview: dict[str, Any] | None = field(default=None)
    lease: leases.Lease | None = None

    @property
    def runs(self) -> list[dict[str, Any]]:
        """The runs whose files are on the host, the newest first."""
        runs = (self.overview or {}).get("runs") or []
        return sorted(runs, key=lambda run: str(run.get("started") or ""), reverse=True)

    @property
    def running(self) -> list[dict[str, Any]]:
        """The runs that are running."""
        return [run for run in self.runs if run.get("state") == "running"]

    @property
    def processes(self) -> list[dict[str, Any]]:
        """The processes of the runs that are running."""
        return [process for run in self.running for process in run.get("processes", [])]

    @property
    def processes_in_words(self) -> str:
        """E.g. `1 master, 2 workers`; empty where nothing runs."""
        kinds = Counter(plain_line(process.get("name", "")).partition("-")[0] for process in self.processes)
        order = sorted(kinds, key=lambda kind: (kind != "master", kind != "worker", kind))
        return ", ".join(f"{kinds[kind]} {kind}{'' if kinds[kind] == 1 else 's'}" for kind in order)


def roles(inventory: Inventory, host: str) -> tuple[str, ...]:
    """The roles of the host: `master`, `workers`, or both."""
    return tuple(word for word, group in (("master", MASTER), ("workers", WORKERS)) if host in inventory.group(group))


def folder_words(variables: HostVariables) -> str:
    """Shell words that set `folder` to the load's folder on the host."""
    return f'{leases.state_words(str(variables.get("load_host_state_dir") or ""))}; folder="$state/load"'


def ask(host: Host, inventory: Inventory) -> LoadHost:
    """Ask a load host; `problem` says why it cannot be asked."""
    name = host.endpoint.name
    try:
        return _asked(host, inventory.hosts[name], roles(inventory, name))
    except HostError as error:
        return LoadHost(name, roles(inventory, name), problem=str(error), reached=False)


def _asked(host: Host, variables: HostVariables, its_roles: tuple[str, ...]) -> LoadHost:
    script = (
        f'{folder_words(variables)}; echo "$folder"; '
        f'[ -x "$folder/host-run" ] || {{ {leases.SHOW}; exit 3; }}; exec "$folder/host-run" overview --state "$folder"'
    )
    answer = host.run(script, limit_s=_LIMIT_S)
    folder, _, rest = answer.out.partition("\n")
    if answer.code == 3:
        return LoadHost(variables.host, its_roles, folder, NOT_PROVISIONED, lease=leases.parse(rest))
    try:
        overview = json.loads(rest)
        if not isinstance(overview, dict):
            raise ValueError
    except ValueError:
        raise HostError(
            f"{folder}/host-run does not print its state ({answer.reason}); provision the host again"
        ) from None
    return LoadHost(variables.host, its_roles, folder, overview=overview, lease=overview.get("lease"))


def stop(host: Host, folder: str, run_id: str) -> dict[str, Any]:
    """End a run on a load host, by its record; return its status. Raises HostError where that cannot be done."""
    command = [f"{folder}/host-run", "stop", "--folder", f"{folder}/runs/{run_id}"]
    answer = host.run(" ".join(map(shlex.quote, command)), limit_s=120)
    try:
        status = json.loads(answer.out)
        if answer.code == 0 and isinstance(status, dict):
            return status
    except ValueError:
        pass
    raise HostError(f"run {run_id} could not be ended ({answer.reason})")
