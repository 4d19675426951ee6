"""Which members are asked for metrics, and how often."""

from dataclasses import dataclass
from typing import Any

from zk_locust.contract.connect_string import parse_connect_string
from zk_locust.contract.parameters import BY_NAME, WEB, parse_admin_addresses


@dataclass(frozen=True, slots=True)
class Collection:
    """What `--zk-metrics-collect` says: `interval_s` above 0, or `on_demand`, or neither."""

    interval_s: float = 0.0
    on_demand: bool = False

    @classmethod
    def of(cls, options: Any) -> "Collection":
        """Read Locust's parsed options. Raises ValueError for a bad value from the web UI's form."""
        parameter = BY_NAME["zk-metrics-collect"]
        value = getattr(options, parameter.destination, parameter.default)
        if isinstance(value, str):  # the form passes on the typed text
            value = parameter.value_of(value) if value else parameter.default
        if value == WEB:
            return cls(on_demand=True)
        return cls(interval_s=float(value or 0.0) / 1000)


def admin_servers(options: Any) -> list[tuple[str, str]]:
    """Return (member, URL of its metrics) for each AdminServer that the parameters name.

    Members on one host have one AdminServer's address unless `--zk-admin-addresses` tells them apart.
    Raises ValueError for a bad connect string, which only the web UI's form lets through.
    """
    addresses = dict.fromkeys(_addresses(options))
    return [(name, f"{options.zk_admin_scheme}://{address}/commands/monitor") for name, address in addresses]


def _addresses(options: Any) -> list[tuple[str, str]]:
    if addresses := getattr(options, "zk_admin_addresses", None):
        return parse_admin_addresses(addresses)
    if not getattr(options, "hosts", None):  # a locustfile without our users has no such option
        return []
    port = options.zk_admin_port
    members = parse_connect_string(options.hosts).members
    return [(host, f"[{host}]:{port}" if ":" in host else f"{host}:{port}") for host, _ in members]
