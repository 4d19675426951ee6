"""What a load was told to do: the parameters' values, as one object that is read when a test starts.

On a worker they are not there before the test starts, so nothing may read them when a module is imported.
"""

from dataclasses import dataclass
from typing import Any

from zk_locust.clients.interface import ClientSettings
from zk_locust.errors import ConfigurationError
from zk_locust.parameters import PARAMETERS


@dataclass(frozen=True, slots=True)
class Options:
    """The parameters that users and operations need. Waits and time limits are seconds, sizes bytes."""

    hosts: str | None
    client: str
    pseudo_root: str
    min_wait_s: float
    max_wait_s: float
    key_size: int
    val_size: int
    exception_behavior: str
    ignore_connection_down: bool
    operation_timeout_s: float
    kazoo_handler: str
    kazoo_timeout_s: float

    @classmethod
    def of(cls, parsed_options: Any) -> "Options":
        """Read Locust's parsed options; what is not there (a program without a command line) has its default."""
        value: dict[str, Any] = {p.destination: getattr(parsed_options, p.destination, p.default) for p in PARAMETERS}
        min_wait_ms = value["min_wait"]
        max_wait_ms = value["max_wait"]
        return cls(
            hosts=value["hosts"],
            client=value["client"],
            pseudo_root=value["pseudo_root"],
            min_wait_s=min_wait_ms / 1000,
            max_wait_s=max(min_wait_ms, min_wait_ms if max_wait_ms is None else max_wait_ms) / 1000,
            key_size=value["key_size"],
            val_size=value["val_size"],
            exception_behavior=value["exception_behavior"],
            ignore_connection_down=bool(value["ignore_connection_down"]),
            operation_timeout_s=value["operation_timeout"] / 1000,
            kazoo_handler=value["kazoo_handler"],
            kazoo_timeout_s=value["kazoo_timeout_s"],
        )

    def client_settings(self) -> ClientSettings:
        """Return what any client needs. Raises ConfigurationError without hosts."""
        if not self.hosts:
            raise ConfigurationError(
                "--hosts", "", "the ensemble's address is missing", "give --hosts host:port,… or set ZK_LOCUST_HOSTS"
            )
        return ClientSettings(
            hosts=self.hosts,
            session_timeout_s=self.kazoo_timeout_s,
            connect_timeout_s=self.kazoo_timeout_s,
            operation_timeout_s=self.operation_timeout_s,
        )
