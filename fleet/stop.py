"""Ends the run that holds the load hosts, by its record there, the master first."""

from collections.abc import Callable

from fleet import load_hosts, samplers
from fleet.endpoints import endpoint
from fleet.errors import HostError
from fleet.hosts import Host, ask_all
from fleet.inventory import Inventory
from fleet.load_hosts import LoadHost
from fleet.run_lines import collect_command, lease_lines, owner, since
from zk_locust.contract.plain_text import plain_line


def stop(inventory: Inventory, say: Callable[[str], None]) -> int:
    """End what is running and report it to `say`; return 1 if a host could not be asked or ended, else 0.

    Raises InputError for an inventory that cannot be used.
    """
    master = inventory.master  # without one, nothing can have been started
    hosts = look(inventory)
    unknown = [host for host in hosts if not host.reached]
    for host in unknown:
        say(f"{host.name} cannot be asked whether anything is running there: {host.problem}")
    running = sorted({run["run_id"] for host in hosts for run in host.running})
    for run_id in running:
        holders = [host for host in hosts if any(run["run_id"] == run_id for run in host.running)]
        unknown += _end(inventory, run_id, holders, master, say)
    if unknown:  # what may still run needs its samplers
        say("Samplers on members continue: first, every load host must answer and end its runs.")
    else:
        for name in samplers.end(inventory, running):
            say(f"  {name}: the sampler of its machine has ended")
    if not running:
        say("Nothing is running on the load hosts." if not unknown else "Nothing is running on the others.")
        for line in lease_lines(hosts):
            say(line)
    else:
        say(f"Now `{collect_command(inventory.option)}` fetches the figures,")
        say("unless the ansible-playbook that started the run is still running: it fetches them itself.")
    return 1 if unknown else 0


def look(inventory: Inventory) -> list[LoadHost]:
    """The state of the load hosts, the master's first."""
    endpoints = [endpoint(inventory.hosts[name]) for name in inventory.load_hosts]
    return list(ask_all(endpoints, lambda host: load_hosts.ask(host, inventory)).values())


def _end(
    inventory: Inventory, run_id: str, holders: list[LoadHost], master: str, say: Callable[[str], None]
) -> list[LoadHost]:
    """End one run; return the hosts on which that was not possible."""
    runs = [run for host in holders for run in host.running if run["run_id"] == run_id]
    since_when = since(runs[0], str((holders[0].overview or {}).get("time", "")))
    say(f"Ending run {plain_line(run_id)} of {owner(runs)}, started {since_when} …")
    failed = []
    # The master receives the workers' last figures, so it ends before they do.
    for is_master in (True, False):
        ending = [host for host in holders if (host.name == master) is is_master]
        folders = {host.name: host.folder for host in ending}

        def question(host: Host, folders: dict[str, str] = folders) -> str:
            try:
                return str(load_hosts.stop(host, folders[host.endpoint.name], run_id).get("state"))
            except HostError as error:
                return str(error)

        answers = ask_all([endpoint(inventory.hosts[name]) for name in folders], question)
        for host in ending:
            answer = answers[host.name]
            ended = answer in ("ended", "lost", "absent")
            say(f"  {host.name}: {'ended' if ended else plain_line(answer)}")
            if not ended:
                failed.append(host)
    return failed
