"""Which members are asked for metrics, and how often."""

from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from zk_locust.contract.connect_string import Address, parse_connect_string
from zk_locust.contract.parameters import BY_NAME, WEB, parse_admin_addresses
from zk_metrics.sources import FourLetterWord, Prometheus, Source


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


@dataclass(frozen=True, slots=True)
class MemberAddresses:
    """Where a member is asked. `client` is None, and `prometheus` empty, where it is not known."""

    name: str
    admin_url: str
    client: Address | None = None
    tls: bool = False  # clients speak TLS to it
    prometheus: str = ""

    def further_sources(self) -> list[Source]:
        """Return what to ask if the AdminServer does not answer, the best first."""
        mntr, srvr = ([FourLetterWord(word, self.client, self.tls)] if self.client else [] for word in ("mntr", "srvr"))
        prometheus = [Prometheus(self.prometheus, *srvr)] if self.prometheus else []
        return [*mntr, *prometheus, *srvr]


def members_of(options: Any) -> list[MemberAddresses]:
    """Return every member that the parameters name, and where it is asked.

    A member's client port is that of `--zk-client-addresses` with its name, else that of `--hosts` with the host of its
    AdminServer, if only one of each is there. Raises ValueError as `admin_servers` does.
    """
    clients = _by_name(options, "zk_client_addresses")
    by_host: dict[str, list[Address]] = {}
    if hosts := getattr(options, "hosts", None):
        for address in parse_connect_string(hosts).members:
            by_host.setdefault(address.host, []).append(address)
    endpoints = {name: str(address) for name, address in _by_name(options, "zk_prometheus_addresses").items()}
    tls = any(getattr(options, name, None) for name in ("kazoo_tls", "kazoo_tls_ca", "kazoo_tls_cert"))
    servers = [(name, url, urlsplit(url).hostname or "") for name, url in admin_servers(options)]
    of_each_host = Counter(host for _, _, host in servers)
    found = []
    for name, url, host in servers:
        of_host = by_host.get(host, [])
        is_clear = len(of_host) == of_each_host[host] == 1
        client = clients.get(name) or clients.get(host) or (of_host[0] if is_clear else None)
        found.append(MemberAddresses(name, url, client, tls, endpoints.get(name) or endpoints.get(host, "")))
    return found


def _by_name(options: Any, parameter: str) -> dict[str, Address]:
    """Return the addresses of a parameter by the member's name, or by the host where an item has no name."""
    found = {}
    for name, text in parse_admin_addresses(getattr(options, parameter, None) or ""):
        (address,) = parse_connect_string(text).members
        found[address.host if name == text else name] = address
    return found


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
