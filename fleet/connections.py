"""From an endpoint to a Fabric connection, jump hosts and host keys included. Nothing is connected yet."""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from fabric import Config, Connection
from paramiko import PKey, SSHConfig

from fleet import ssh_config
from fleet.endpoints import Endpoint
from fleet.errors import InputError
from fleet.host_keys import HostKeyRule
from fleet.proxy_command import OpenSshConnection

CONNECT_LIMIT_S: Final = 5
_MOST_HOPS: Final = 8
_HOP: Final = re.compile(r"(?:(?P<user>.+)@)?(?P<host>\[.+\]|[^:]+)(?::(?P<port>\d+))?")
# What OpenSSH tries where no key is named. Paramiko does so too, but after the agent's keys, as OpenSSH does.
_DEFAULT_KEYS: Final = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_dsa")

# What goes wrong is said in one line; Paramiko's threads would print tracebacks beside it.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


def connection(endpoint: Endpoint) -> Connection:
    """The Fabric connection of an endpoint. Raises InputError for what ssh itself could not use."""
    if endpoint.key_file and not Path(endpoint.key_file).expanduser().is_file():
        raise InputError(
            f"{endpoint.name}: ansible_ssh_private_key_file [{endpoint.key_file}] is no file here; correct the path"
        )
    config = ssh_config.ask(endpoint.name, endpoint.ssh, endpoint.address)
    given = config.options.get("connecttimeout", "")
    limit_s = int(given) if given.isdigit() and int(given) > 0 else CONNECT_LIMIT_S
    made = _made(endpoint, config, endpoint.address, limit_s, 0)
    for name, secret in (("password", endpoint.password), ("passphrase", endpoint.passphrase)):
        if secret is not None:
            made.connect_kwargs[name] = secret
    return made


def _made(endpoint: Endpoint, config: ssh_config.SshConfig, host: str, limit_s: int, hops: int) -> Connection:
    options = config.options
    made = OpenSshConnection(
        options.get("hostname", host),
        user=options.get("user"),
        port=int(options.get("port", 22)),
        # Of our own: nothing of ~/.fabric.yaml or of fab's own options may lead to another host than Ansible's.
        config=Config(ssh_config=SSHConfig()),
        gateway=_gateway(endpoint, options, limit_s, hops),
        connect_timeout=limit_s,
        connect_kwargs=_connect_arguments(config, limit_s),
    )
    made.original_host = options.get("host", host)
    HostKeyRule.of(options).apply(made.client)
    return made


def _gateway(endpoint: Endpoint, options: Mapping[str, str], limit_s: int, hops: int) -> Any:
    """A jump host's connection, a proxy command, or False for none at all."""
    jump, command = options.get("proxyjump", "none"), options.get("proxycommand", "none")
    if jump.lower() == "none":
        return command if command.lower() != "none" else False
    if hops >= _MOST_HOPS:
        raise InputError(f"{endpoint.name}: ProxyJump [{jump}] leads in a circle; correct it in ~/.ssh/config")
    # As with OpenSSH: the last one is reached through those before it, and what the inventory says is about the host
    # itself; a jump host's rules are in ssh_config(5).
    before, _, last = jump.rpartition(",")
    hop = _HOP.fullmatch(last.strip().removeprefix("ssh://"))
    if hop is None:
        raise InputError(f"{endpoint.name}: ProxyJump [{jump}] cannot be used; write user@host:port")
    words = [endpoint.ssh[0], *ssh_config.config_file(endpoint.ssh)]
    for flag, value in (("-l", hop["user"]), ("-p", hop["port"]), ("-J", before)):
        words += [flag, value] if value else []
    host = hop["host"].strip("[]")
    return _made(endpoint, ssh_config.ask(endpoint.name, words, host), host, limit_s, hops + 1)


def close(made: Connection) -> None:
    """Close a connection and those that it goes through, the last first."""
    for one in (made, *_hops(made)):
        with suppress(Exception):  # it may have been lost already
            one.close()


def _hops(made: Connection) -> Iterator[Connection]:
    gateway = made.gateway
    while isinstance(gateway, Connection):
        yield gateway
        gateway = gateway.gateway


def _connect_arguments(config: ssh_config.SshConfig, limit_s: int) -> dict[str, Any]:
    # A host that accepts and then says nothing, and a jump host whose target is dead, must not take minutes either.
    arguments: dict[str, Any] = {"banner_timeout": limit_s, "auth_timeout": 2 * limit_s, "channel_timeout": limit_s}
    files = [file for file in config.identities if file.is_file()]
    if config.options.get("identitiesonly") == "yes":
        # For a key that only the agent can use; Paramiko cannot say there which of its keys is meant.
        arguments |= {"allow_agent": not all(map(_opens, files)), "look_for_keys": False}
    else:
        defaults = {Path.home() / ".ssh" / name for name in _DEFAULT_KEYS}
        files = [file for file in files if file not in defaults]
    return arguments | ({"key_filename": [os.fspath(file) for file in files]} if files else {})


def _opens(file: Path) -> bool:
    """Whether it is a private key that needs no passphrase, and no device."""
    try:
        PKey.from_path(file)
    except Exception:  # of many kinds, as the formats of keys are
        return False
    return True
