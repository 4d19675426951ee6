"""Which inventory hosts are one machine."""

from collections.abc import Mapping
from typing import Any, Final

from zk_locust.contract.inventory.reading import Groups, HostVars, hosts_of_contract, read

CONTROLLER: Final = "the controller"
_SSH_PORT: Final = 22
_LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "::1")


def machines(groups: Groups, hostvars: HostVars) -> dict[str, str]:
    """Return the name of the machine behind each host of the contract: the same for hosts that are one machine.

    Addresses tell it, and `preflight_machine` where the host has been asked: one machine may have several addresses.
    """
    by_address, told = {}, {}
    for name in hosts_of_contract(groups):
        variables = hostvars[name]  # each access costs a pass over all that Ansible knows
        by_address[name] = _machine(name, variables)
        told[name] = str(variables.get("preflight_machine") or "")
    # A host that has not answered is the machine of another host with the same address.
    known = {by_address[name]: machine for name, machine in told.items() if machine}
    first: dict[str, str] = {}
    for name, address in by_address.items():
        if told[name]:
            first.setdefault(told[name], address)
    return {name: first.get(known.get(address, ""), address) for name, address in by_address.items()}


def _machine(name: str, variables: Mapping[str, Any]) -> str:
    address = str(read(variables, "ansible_host", name))
    port = str(read(variables, "ansible_port", _SSH_PORT)).strip()
    # Another port of the controller's address leads through a tunnel, to another machine.
    if read(variables, "ansible_connection", "") == "local" or (address in _LOCAL_NAMES and port == str(_SSH_PORT)):
        return CONTROLLER
    return f"{address}:{port}"
