"""What a member's zoo.cfg and its JVM are told: the keys that follow from the inventory, and those of the user."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Self

from zk_locust.contract.secrets import secret_names

# Read by ZooKeeper as plain Java properties, never from zoo.cfg.
_JAVA_PROPERTY_PREFIX: Final = "jute."


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
    """The sorted lines of zoo.cfg, those of them that are the list of members, and arguments of the JVM.

    `secret_keys` are those whose values are kept off the screen and out of the run folder.
    """

    zoo_cfg: list[str]
    servers: list[str]
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


def configuration(properties: Mapping[str, Any]) -> Configuration:
    """Render all properties of a member."""
    texts = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in properties.items()}
    java = sorted(key for key in texts if key.startswith(_JAVA_PROPERTY_PREFIX))
    lines = [f"{key}={texts[key]}" for key in sorted(texts.keys() - java)]
    servers = [line for line in lines if line.startswith("server.")]
    java_options = [f"-D{key}={texts[key]}" for key in java]
    return Configuration(lines, servers, java_options, secret_names(texts))
