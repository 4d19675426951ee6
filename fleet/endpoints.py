"""Where and how a host is reached: an inventory host's variables, as Ansible itself reads them, put together."""

from dataclasses import dataclass, field
from typing import Any, Final

from ansible import constants
from ansible.errors import AnsibleError
from ansible.plugins.loader import become_loader, connection_loader

from fleet.errors import InputError
from fleet.inventory import HostVariables, as_bool, one_line
from fleet.ssh_arguments import SshArguments, parse

CONNECT_LIMIT_S: Final = 5
_SSH_CONNECTIONS: Final = ("ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh")
_LOCAL_CONNECTIONS: Final = ("local", "ansible.builtin.local")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One inventory host. What is None is left to ssh_config(5), and to SSH's own defaults after that.

    `options` are the options of ssh_config(5) that the inventory gives, names in lower case. `become_user` is whom
    commands are run as, through sudo; None for the user who connects. `connect_limit_s` is in seconds.
    """

    name: str
    local: bool = False
    address: str = ""
    user: str | None = None
    port: int | None = None
    identities: tuple[str, ...] = ()
    options: dict[str, str] = field(default_factory=dict)
    config_file: str | None = None
    connect_limit_s: int = CONNECT_LIMIT_S
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
    arguments = SshArguments()
    parse(f"{name}: ansible_ssh_args", str(ssh["ssh_args"] or ""), arguments)
    if not as_bool(ssh["host_key_checking"]):
        arguments.take("stricthostkeychecking", "no")
    for option, ansible_name in (("port", "port"), ("user", "remote_user")):
        if ssh[ansible_name] is not None:
            arguments.take(option, str(ssh[ansible_name]))
    if ssh["private_key_file"]:
        arguments.take("identityfile", str(ssh["private_key_file"]))
    for variable in ("ssh_common_args", "ssh_extra_args"):
        parse(f"{name}: ansible_{variable}", str(ssh[variable] or ""), arguments)
    options = arguments.options
    return Endpoint(
        name,
        address=str(ssh["host"] or name),
        user=options.pop("user", None),
        port=_whole(name, "ansible_port", options.pop("port", None), 65535),
        identities=tuple(arguments.identities),
        options=options,
        config_file=arguments.config_file,
        connect_limit_s=_whole(name, "ConnectTimeout", options.get("connecttimeout"), 3600) or CONNECT_LIMIT_S,
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


def _whole(host: str, setting: str, value: str | None, most: int) -> int | None:
    if value is None:
        return None
    if not value.isdigit() or not 1 <= int(value) <= most:
        raise InputError(f"{host}: {setting} [{value}] must be a whole number from 1 to {most}")
    return int(value)


def _secret(value: Any) -> str | None:
    return str(value) if value else None
