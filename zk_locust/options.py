"""What a load was told to do: the parameters' values, as one object that is read when a test starts.

On a worker they are not there before the test starts, so nothing may read them when a module is imported.
"""

from dataclasses import dataclass
from typing import Any

from zk_locust.clients.interface import ClientSettings
from zk_locust.errors import ConfigurationError
from zk_locust.parameters import PARAMETERS, Parameter, Value


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
    workload: str | None
    exception_behavior: str
    ignore_connection_down: bool
    operation_timeout_s: float
    kazoo_handler: str
    kazoo_timeout_s: float

    @classmethod
    def of(cls, parsed_options: Any) -> "Options":
        """Read Locust's parsed options; what is not there (a program without a command line) has its default.

        Raises ConfigurationError for a value without sense, which only the form of Locust's page lets through.
        """
        value: dict[str, Any] = {p.destination: _value(p, parsed_options) for p in PARAMETERS}
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
            workload=value["workload"],
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


def _value(parameter: Parameter, parsed_options: Any) -> Value:
    value: Value = getattr(parsed_options, parameter.destination, parameter.default)
    if not isinstance(value, str):
        return value
    # The form hands on the text as it was typed; for what a command line has converted this changes nothing.
    if not value:
        return parameter.default
    try:
        return parameter.convert(value)
    except ValueError as error:
        shown = "(secret)" if parameter.secret else value
        problem, _, remedy = str(error).removeprefix(f"[{value}] ").partition("; ")
        raise ConfigurationError(parameter.flag, shown, problem, remedy or "see docs/parameters.md") from None
