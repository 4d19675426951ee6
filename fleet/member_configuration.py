"""What a member's zoo.cfg and its JVM are told: the keys that follow from the inventory, and those of the user."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Self

from zk_locust.contract.secrets import secret_names

# Read by ZooKeeper as plain Java properties, never from zoo.cfg.
_JAVA_PROPERTY_PREFIX: Final = "jute."
_SUPER_DIGEST: Final = "DigestAuthenticationProvider.superDigest"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the list that all members are to have."""

    id: int
    peer_type: str
    address: str
    bind_address: str
    client_port: int
    peer_port: int
    election_port: int
    admin_port: int

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Take the member from what the inventory's contract says of it, which may be more."""
        return cls(**{field.name: values[field.name] for field in fields(cls)})

    @property
    def votes(self) -> bool:
        """Whether it takes part in elections."""
        return self.peer_type == "participant"

    def between_members(self, port: int) -> str:
        """Return address and port as zoo.cfg and AdminServers write them."""
        return f"[{self.address}]:{port}" if ":" in self.address else f"{self.address}:{port}"


@dataclass(frozen=True, slots=True)
class Configuration:
    """The sorted lines of zoo.cfg, those that are the list of members, and arguments of the JVM.

    With reconfig, the list is a file of its own (`own_list`), and not in zoo.cfg: a server that reads it there would
    write beside zoo.cfg when it starts, where it may not. `secret_keys` are those whose values are kept off the screen
    and out of the run folder.
    """

    zoo_cfg: list[str]
    servers: list[str]
    own_list: bool
    java_options: list[str]
    secret_keys: list[str]


def server_properties(members: Sequence[Member]) -> dict[str, str]:
    """Return the `server.N` entries; none for a single member, which runs standalone.

    The form `address:peer:election[:observer]` is understood from 3.4 on.
    """
    if len(members) < 2:
        return {}
    return {
        f"server.{member.id}": f"{member.between_members(member.peer_port)}:{member.election_port}"
        + (":observer" if member.peer_type == "observer" else "")
        for member in members
    }


def member_properties(
    own: Member, members: Sequence[Member], data_dir: str, data_log_dir: str = "", admin_address: str = ""
) -> dict[str, str]:
    """Return the keys of zoo.cfg that follow from the inventory and that the user cannot override.

    `data_log_dir` is empty where the transaction log lies with the data. `admin_address` is where the AdminServer
    listens; empty for all addresses.
    """
    properties = {
        "dataDir": data_dir,
        "clientPort": str(own.client_port),
        "admin.enableServer": "true",
        "admin.serverPort": str(own.admin_port),
    }
    if data_log_dir:
        properties["dataLogDir"] = data_log_dir
    if admin_address:
        properties["admin.serverAddress"] = admin_address
    if own.bind_address:
        properties["clientPortAddress"] = own.bind_address
    elif len(members) > 1:
        # Otherwise a member listens where its own name resolves to, which on Debian is 127.0.1.1.
        properties["quorumListenOnAllIPs"] = "true"
    if own.peer_type == "observer":
        properties["peerType"] = "observer"
    if len(members) > 1 and sum(member.votes for member in members) == 1:
        properties["standaloneEnabled"] = "false"  # else one participant refuses to have observers
    return {**properties, **server_properties(members)}


def reconfigurable_properties(
    properties: Mapping[str, Any], members: Sequence[Member], list_file: str, password: str
) -> dict[str, Any]:
    """Return what changes in the properties of a member whose `reconfigEnabled` is true; None for a key that goes.

    The list is in `list_file`, with where clients are served. `password` is that of the user super, empty without.
    """
    added: dict[str, Any] = {}
    if password and not properties.get(_SUPER_DIGEST):
        digest = hashlib.sha1(f"super:{password}".encode(), usedforsecurity=False).digest()
        added[_SUPER_DIGEST] = f"super:{base64.b64encode(digest).decode()}"
    if len(members) < 2 or str(properties.get("reconfigEnabled", "false")).lower() != "true":
        return added
    lists = {f"server.{member.id}": listed(member) for member in members}
    return {**added, **lists, "dynamicConfigFile": list_file, "clientPort": None, "clientPortAddress": None}


def listed(member: Member, role: str = "") -> str:
    """Return a member as the list of reconfig has it, with another role if one is given."""
    address = member.bind_address
    listens = f"[{address}]:" if ":" in address else f"{address}:" if address else ""
    between = f"{member.between_members(member.peer_port)}:{member.election_port}"
    return f"{between}:{role or member.peer_type};{listens}{member.client_port}"


def configuration(properties: Mapping[str, Any]) -> Configuration:
    """Render all properties of a member. Those that are None are left out."""
    properties = {key: value for key, value in properties.items() if value is not None}
    texts = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in properties.items()}
    java = sorted(key for key in texts if key.startswith(_JAVA_PROPERTY_PREFIX))
    lines = [f"{key}={texts[key]}" for key in sorted(texts.keys() - java)]
    servers = [line for line in lines if line.startswith("server.")]
    java_options = [f"-D{key}={texts[key]}" for key in java]
    own_list = "dynamicConfigFile" in texts
    if own_list:
        lines = [line for line in lines if line not in servers]
    return Configuration(lines, servers, own_list, java_options, secret_names(texts))


def with_configuration_id(files: Sequence[Mapping[str, str]], path: str, ensemble_id: str) -> list[dict[str, str]]:
    """Return the files of a member, and behind them the one that identifies what they and the list of members say.

    Each has at least `path` and `content` (base64), as `write_files` takes them.
    """
    # Each template is rendered when it is read here, and only then.
    rendered = [{name: file[name] for name in file} for file in files]
    digest = hashlib.sha256("".join(file["content"] for file in rendered).encode()).hexdigest()
    content = base64.b64encode(f"{digest}\n{ensemble_id}\n".encode()).decode()
    return [*rendered, {"path": path, "content": content, "mode": "0644"}]
