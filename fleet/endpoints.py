"""How a host is reached: from the variables of an inventory host, as Ansible itself reads them."""

from dataclasses import dataclass, field
from typing import Any, Final

from ansible import constants
from ansible.errors import AnsibleError
from ansible.plugins.loader import become_loader

from fleet.errors import InputError, one_line
from fleet.inventory import HostVariables
from fleet.ssh import Ssh

_SSH_CONNECTIONS: Final = ("ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh")
_LOCAL_CONNECTIONS: Final = ("local", "ansible.builtin.local")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One inventory host. `ssh` reaches it; None stands for this machine.

    `become_user` is the user that runs commands, through sudo; None for the user who connects.
    """

    name: str
    ssh: Ssh | None = None
    become_user: str | None = None
    become_password: str | None = field(default=None, repr=False)
    sudo: str = "sudo"
    python: str = "python3"

    @property
    def shown(self) -> str:
        """The endpoint, for a message."""
        if self.ssh is None:
            return "this machine"
        user = f"{self.ssh.user}@" if self.ssh.user else ""
        return f"{user}{self.ssh.address}" + (f" port {self.ssh.port}" if self.ssh.port else "")


def endpoint(variables: HostVariables) -> Endpoint:
    """The endpoint of an inventory host. Raises InputError, naming host and variable, for what cannot be used."""
    name = variables.host
    connection = str(variables.get("ansible_connection", constants.DEFAULT_TRANSPORT))
    if connection not in (*_SSH_CONNECTIONS, *_LOCAL_CONNECTIONS):
        raise InputError(f"{name}: ansible_connection [{connection}] is not supported by fab; use ssh or local")
    python = str(variables.get("ansible_python_interpreter") or "")
    return Endpoint(
        name,
        ssh=None if connection in _LOCAL_CONNECTIONS else Ssh(name, variables),
        # `auto` and similar values let Ansible search; a host with /usr/bin/python3 has it in its PATH too.
        python=python if "/" in python else "python3",
        **_become(variables),
    )


def _become(variables: HostVariables) -> dict[str, Any]:
    """The options of Ansible's own plugin: from variables under all their names, the environment and ansible.cfg."""
    if not variables.is_true("ansible_become", constants.DEFAULT_BECOME):
        return {}
    method = str(variables.get("ansible_become_method", constants.DEFAULT_BECOME_METHOD))
    if method not in ("sudo", "ansible.builtin.sudo"):
        raise InputError(f"{variables.host}: ansible_become_method [{method}] is not supported by fab; use sudo")
    become_loader.get("sudo", class_only=True)
    try:
        sudo = constants.config.get_plugin_options("become", "sudo", variables=variables)
    except AnsibleError as error:
        raise InputError(f"{variables.host}: {one_line(error)}; correct it in the inventory") from None
    return {
        "become_user": str(sudo["become_user"] or "root"),
        "become_password": str(sudo["become_pass"]) if sudo["become_pass"] else None,
        "sudo": str(sudo["become_exe"] or "sudo"),
    }
