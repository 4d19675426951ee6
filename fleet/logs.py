"""The logs of one host, shown by its own `tail`: those of its member, and those of the newest run."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from fleet import leases, load_hosts
from fleet.endpoints import endpoint
from fleet.errors import HostError, InputError, unknown
from fleet.hosts import Host
from fleet.inventory import MEMBERS, HostVariables, Inventory
from zk_locust.contract.plain_text import for_screen

_LOGS_OF_RUN: Final = ".log"

# The owner of a folder may have put links to other files there, so root reads as the owner.
AS_OWNER: Final = (
    'as_owner() { owner=$(stat -c %u "$1"); group=$(stat -c %g "$1"); shift; '
    'if [ "$(id -u)" = 0 ] && [ "$owner" != 0 ]; '
    'then exec setpriv --reuid="$owner" --regid="$group" --clear-groups --no-new-privs "$@"; else exec "$@"; fi; }'
)


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file on the host: its size in bytes, and when it was written last (`YYYY-mm-dd HH:MM:SS`, the host's clock)."""

    path: str
    size: int
    written: str

    @property
    def name(self) -> str:
        """The name without the folder."""
        return self.path.rpartition("/")[2]


def show(inventory: Inventory, host: str, *, names: Sequence[str], lines: int, follow: bool, listed: bool) -> int:
    """Print logs of a host; return the exit code. `follow` goes on until Ctrl-C, `listed` lists the files.

    Raises InputError for what cannot be used, HostError where the host cannot be asked.
    """
    if not host:
        raise InputError(f"--host [not set]: name one of {', '.join(inventory.contract_hosts)}")
    variables = inventory.variables(host)
    if lines < 0:
        raise InputError(f"--lines [{lines}] must be a whole number from 0")
    reached = Host(endpoint(variables))
    files = find(reached, inventory, variables)
    if listed:
        for file in files:
            print(for_screen(f"{file.written}  {file.size:>12,}  {file.path}"))
        return 0
    commands = tails(choose(files, names), lines, follow)
    if follow:
        # They end with their standard input, which ends with this process.
        started = " ".join(f'{command} & tails="$tails $!";' for command in commands)
        return reached.follow(f"{AS_OWNER}; tails=; {started} cat >/dev/null; kill $tails", print_plain)
    answer = reached.run("; ".join((AS_OWNER, *(f"({command})" for command in commands))))
    print_plain(answer.out)
    if answer.code != 0:
        raise HostError(answer.reason)
    return 0


def print_plain(text: str) -> None:
    """Print a host's text with its lines and tabs, and without control characters."""
    print(for_screen(text, kept="\n\t"), end="", flush=True)


def tails(files: Sequence[LogFile], lines: int, follow: bool) -> list[str]:
    """The shell's commands that show files, one for each folder."""
    folders: dict[str, list[str]] = {}
    for file in files:
        folders.setdefault(file.path.rpartition("/")[0], []).append(file.path)
    options = ["tail", "-n", str(lines), *(["-F"] if follow else []), "--"]
    return [" ".join(map(shlex.quote, ["as_owner", folder, *options, *paths])) for folder, paths in folders.items()]


def find(host: Host, inventory: Inventory, variables: HostVariables) -> list[LogFile]:
    """The logs that are on the host. Raises HostError where there are none."""
    scripts = []
    name = variables.host
    if name in inventory.group(MEMBERS) and variables.is_true("zookeeper_managed", True):
        state = leases.state_words(str(variables.get("zookeeper_state_dir") or ""))
        scripts.append(f'{state}; folder="$state"{shlex.quote(f"/zookeeper/{name}/log")}; list')
    if name in inventory.load_hosts:
        scripts.append(
            f'{load_hosts.folder_words(variables)}; runs="$folder/runs"; '
            # Run ids begin with their time, so the last one is the newest.
            'for each in "$runs"/*/; do [ -d "$each" ] && newest=$each; done; folder=${newest:-$runs/}; '
            "folder=${folder%/}; list"
        )
    script = (
        'list() { echo "# $folder"; for file in "$folder"/*; do '
        '[ -f "$file" ] && [ ! -L "$file" ] && stat -c "%s %Y %n" "$file"; done; }; ' + "; ".join(scripts)
    )
    answer = host.run(f"{script}; true") if scripts else None
    found = parse(answer.out) if answer else []
    if not found:
        where = ", ".join(line[2:] for line in (answer.out if answer else "").splitlines() if line.startswith("# "))
        why = f" in {where}: nothing has been started there yet, or its files are in results/ already" if where else ""
        raise HostError(f"{name} has no logs{why}")
    return found


def parse(text: str) -> list[LogFile]:
    """The files that the host has listed."""
    found = []
    for line in text.splitlines():
        size, _, rest = line.partition(" ")
        written, _, path = rest.partition(" ")
        if size.isdigit() and written.isdigit() and not path.endswith("/secrets.json"):
            moment = datetime.fromtimestamp(int(written), UTC)
            found.append(LogFile(path, int(size), f"{moment:%Y-%m-%d %H:%M:%S} UTC"))
    return found


def choose(files: Sequence[LogFile], names: Sequence[str]) -> list[LogFile]:
    """The files that are asked for by name; else the member's log and those of the run's processes.

    Raises InputError for a name that is not there, with the nearest one.
    """
    if names:
        known = {file.name: file for file in files}
        for name in names:
            if name not in known:
                raise InputError(f"--file [{name}] is not on this host{unknown(name, known)}")
        return [known[name] for name in names]
    logs = [file for file in files if file.name.endswith(_LOGS_OF_RUN) and file.name != "gc.log"]
    filled: list[Any] = [file for file in logs if file.size] or logs
    return filled or list(files)
