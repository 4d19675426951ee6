"""Where and how a host is reached: an inventory host's variables, as Ansible itself reads them, put together."""

from dataclasses import dataclass, field
from typing import Any, Final

from ansible import constants
from ansible.errors import AnsibleError
from ansible.plugins.loader import become_loader, connection_loader

from fleet.errors import InputError
from fleet.inventory import HostVariables, as_bool, one_line
from fleet.ssh_config import split

_SSH_CONNECTIONS: Final = ("ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh")
_LOCAL_CONNECTIONS: Final = ("local", "ansible.builtin.local")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One inventory host.

    `ssh` is the program with the arguments that Ansible gives it for this host; user and port are among them, and here
    where the inventory names them. `become_user` is whom commands are run as, through sudo; None for the user who
    connects.
    """

    name: str
    local: bool = False
    address: str = ""
    user: str | None = None
    port: int | None = None
    key_file: str | None = None
    ssh: tuple[str, ...] = ("ssh",)
    password: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)
    become_user: str | None = None
    become_password: str | None = field(default=None, repr=False)
    sudo: str = "sudo"
    python: str = "python3"

    @property
    def shown(self) -> str:
        """The endpoint for a message."""
        if self.local:
            return "this machine"
        user = f"{self.user}@" if self.user else ""
        return f"{user}{self.address}" + (f" port {self.port}" if self.port else "")


def endpoint(variables: HostVariables) -> Endpoint:
    """The endpoint of an inventory host. Raises InputError, naming host and variable, for what cannot be used."""
    name = variables.host
    connection = str(variables.get("ansible_connection", constants.DEFAULT_TRANSPORT))
    if connection not in (*_SSH_CONNECTIONS, *_LOCAL_CONNECTIONS):
        raise InputError(f"{name}: ansible_connection [{connection}] is none that fab knows; use ssh or local")
    become = _become(variables)
    python = str(variables.get("ansible_python_interpreter") or "")
    # `auto` and its like let Ansible search; what has /usr/bin/python3 answers to its name too.
    python = python if "/" in python else "python3"
    if connection in _LOCAL_CONNECTIONS:
        return Endpoint(name, local=True, python=python, **become)
    ssh = _options("connection", "ssh", variables)
    user, port, key_file = ssh["remote_user"], _whole(name, "ansible_port", ssh["port"], 65535), ssh["private_key_file"]
    # In the order in which Ansible gives them: the first counts.
    words = split(f"{name}: ansible_ssh_args", str(ssh["ssh_args"] or ""))
    words += [] if as_bool(ssh["host_key_checking"]) else ["-o", "StrictHostKeyChecking=no"]
    for option, value in (("Port", port), ("IdentityFile", key_file), ("User", user)):
        words += ["-o", f'{option}="{value}"'] if value else []
    for variable in ("ssh_common_args", "ssh_extra_args"):
        words += split(f"{name}: ansible_{variable}", str(ssh[variable] or ""))
    return Endpoint(
        name,
        address=str(ssh["host"] or name),
        user=str(user) if user else None,
        port=port,
        key_file=str(key_file) if key_file else None,
        ssh=(str(ssh["ssh_executable"]), *words),
        password=_secret(ssh["password"]),
        passphrase=_secret(ssh["private_key_passphrase"]),
        python=python,
        **become,
    )


def _become(variables: HostVariables) -> dict[str, Any]:
    if not as_bool(variables.get("ansible_become", constants.DEFAULT_BECOME)):
        return {}
    method = str(variables.get("ansible_become_method", constants.DEFAULT_BECOME_METHOD))
    if method not in ("sudo", "ansible.builtin.sudo"):
        raise InputError(f"{variables.host}: ansible_become_method [{method}] is none that fab knows; use sudo")
    sudo = _options("become", "sudo", variables)
    return {
        "become_user": str(sudo["become_user"] or "root"),
        "become_password": _secret(sudo["become_pass"]),
        "sudo": str(sudo["become_exe"] or "sudo"),
    }


def _options(kind: str, plugin: str, variables: HostVariables) -> dict[str, Any]:
    """What Ansible's own plugin would use: from variables, under all their names, environment and ansible.cfg."""
    {"connection": connection_loader, "become": become_loader}[kind].get(plugin, class_only=True)
    try:
        found: dict[str, Any] = constants.config.get_plugin_options(kind, plugin, variables=variables)
    except AnsibleError as error:
        raise InputError(f"{variables.host}: {one_line(error)}; correct it in the inventory") from None
    return found


def _whole(host: str, setting: str, value: Any, most: int) -> int | None:
    if value is None:
        return None
    text = str(value)
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise InputError(f"{host}: {setting} [{value}] must be a whole number from 1 to {most}")
    return int(text)


def _secret(value: Any) -> str | None:
    return str(value) if value else None
