"""Who is asked: the name and the AdminServer's address of each member."""

from typing import Any

from zk_locust.contract.connect_string import parse_connect_string
from zk_locust.contract.parameters import parse_admin_addresses


def admin_servers(options: Any) -> list[tuple[str, str]]:
    """Return (member, URL of its metrics) for each AdminServer that the parameters name; none where they name none.

    Members on one host have one AdminServer's address unless `--zk-admin-addresses` tells them apart.
    Raises ValueError for a connect string that is none, which only the form of Locust's page lets through.
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
