"""From an endpoint to a Fabric connection, jump hosts and host keys included. Nothing is connected yet."""

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from fabric import Config, Connection

from fleet.endpoints import Endpoint
from fleet.errors import InputError
from fleet.host_keys import HostKeyRule
from fleet.proxy_command import OpenSshConnection

# What goes wrong is said in one line; Paramiko's threads would print tracebacks beside it.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


def connection(endpoint: Endpoint) -> Connection:
    """The Fabric connection of an endpoint. Raises InputError for an ssh_config(5) that cannot be read."""
    config = _config(endpoint)
    made = OpenSshConnection(
        endpoint.address,
        user=endpoint.user,
        port=endpoint.port,
        config=config,
        gateway=_gateway(endpoint, config),
        connect_timeout=endpoint.connect_limit_s,
        connect_kwargs=_connect_arguments(endpoint),
    )
    if endpoint.identities and endpoint.options.get("identitiesonly", "no").lower() == "yes":
        made.connect_kwargs |= {"allow_agent": False, "look_for_keys": False}
    HostKeyRule.of(endpoint.options, made.ssh_config).apply(made.client)
    for hop in _hops(made):
        # As with OpenSSH: what the inventory says is about the host itself, a jump host's rules are in ssh_config(5).
        HostKeyRule.of({}, hop.ssh_config).apply(hop.client)
        hop.connect_timeout = endpoint.connect_limit_s
        hop.connect_kwargs = _limits(endpoint) | dict(hop.connect_kwargs)
    return made


def close(made: Connection) -> None:
    """Close a connection and those that it goes through, the last first."""
    for one in (made, *_hops(made)):
        with suppress(Exception):  # it may have been lost already
            one.close()


def _config(endpoint: Endpoint) -> Config:
    # Of our own: nothing of ~/.fabric.yaml or of fab's own options may lead to another host than Ansible's.
    file = endpoint.config_file
    if file is None:
        return Config()
    if file.lower() == "none":
        return Config(runtime_ssh_path=os.devnull)
    path = Path(file).expanduser()
    if not path.is_file():
        raise InputError(f"{endpoint.name}: -F [{file}] in the ssh arguments is no file; correct the path")
    return Config(runtime_ssh_path=str(path))


def _gateway(endpoint: Endpoint, config: Config) -> Any:
    """A jump host's connection, a proxy command, False for none at all, or None for what ssh_config(5) says."""
    jump, command = endpoint.options.get("proxyjump"), endpoint.options.get("proxycommand")
    if jump and jump.lower() != "none":
        return _jump(endpoint, jump, config)
    if command and command.lower() != "none":
        return command
    return False if jump or command else None


def _jump(endpoint: Endpoint, hops: str, config: Config) -> Connection:
    gateway: Connection | None = None
    for hop in (hop.strip().removeprefix("ssh://") for hop in hops.split(",")):
        try:
            gateway = OpenSshConnection(hop, config=config.clone(), gateway=gateway)
        except ValueError as error:
            raise InputError(
                f"{endpoint.name}: ProxyJump [{hops}] cannot be used ({error}); write user@host:port"
            ) from None
    assert gateway is not None  # split gives one part at least
    return gateway


def _hops(made: Connection) -> Iterator[Connection]:
    gateway = made.gateway
    while isinstance(gateway, Connection):
        yield gateway
        gateway = gateway.gateway


def _limits(endpoint: Endpoint) -> dict[str, Any]:
    limit = endpoint.connect_limit_s
    # A host that accepts and then says nothing, and a jump host whose target is dead, must not take minutes either.
    return {"banner_timeout": limit, "auth_timeout": 2 * limit, "channel_timeout": limit}


def _connect_arguments(endpoint: Endpoint) -> dict[str, Any]:
    arguments = _limits(endpoint)
    if endpoint.identities:
        files = [os.fspath(Path(file).expanduser()) for file in endpoint.identities]
        for file in files:
            if not Path(file).is_file():
                raise InputError(
                    f"{endpoint.name}: ansible_ssh_private_key_file [{file}] is no file here; correct the path"
                )
        arguments["key_filename"] = files
    if endpoint.password is not None:
        arguments["password"] = endpoint.password
    if endpoint.passphrase is not None:
        arguments["passphrase"] = endpoint.passphrase
    return arguments
