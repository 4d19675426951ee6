"""The labs' networks: a bridge and a /24 for each, and a route that keeps their addresses on this machine."""

import json
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from tests.lab.commands import LabError, run
from tests.lab.plan import NETWORKS, RANGE, bridge_name, subnet

# Tells the lab's route from one that somebody else has made for the same range.
_METRIC = "19818"
_ROUTE = ("unreachable", str(RANGE), "metric", _METRIC)
_INTERFACES = Path("/sys/class/net")


def open_network() -> int:
    """Make a bridge with the first network of the range that nobody uses; return the network's number.

    The route for the whole range comes first: with the bridge down, nothing may leave through the default route.
    The caller holds the machine's lock.
    """
    routes = _routes()
    if not any(route.get("metric") == int(_METRIC) for route in routes):
        run(["ip", "route", "add", *_ROUTE])
    plain = [IPv4Network(route["dst"]) for route in routes if route["dst"] != "default" and route.get("type") is None]
    taken = [other for other in plain if other.subnet_of(RANGE)]
    for network in range(NETWORKS):
        if _bridge(network).exists() or any(subnet(network).overlaps(other) for other in taken):
            continue
        bridge = bridge_name(network)
        run(["ip", "link", "add", bridge, "type", "bridge", "forward_delay", "0"])
        run(["ip", "address", "add", f"{subnet(network)[1]}/24", "dev", bridge])
        run(["ip", "link", "set", bridge, "up"])
        return network
    raise LabError(f"no network of {RANGE} is free; `ip route` shows who holds them")


def close_network(network: int) -> None:
    """Remove the bridge, and the route with the last bridge. The caller holds the machine's lock."""
    if _bridge(network).exists():
        run(["ip", "link", "delete", bridge_name(network)])
    close_route()


def close_route() -> None:
    """Remove the route where no lab has a bridge any more."""
    bridges = [path for path in _INTERFACES.glob(bridge_name(0)[:-1] + "[0-9]*") if (path / "bridge").is_dir()]
    if not bridges and any(route.get("metric") == int(_METRIC) for route in _routes()):
        run(["ip", "route", "delete", *_ROUTE])


def set_link(interface: str, *, up: bool) -> None:
    """Switch an interface on or off."""
    run(["ip", "link", "set", interface, "up" if up else "down"])


def remove_link(interface: str) -> None:
    """Remove an interface; nothing happens where there is none."""
    if (_INTERFACES / interface).exists():
        run(["ip", "link", "delete", interface], check=False)


def _bridge(network: int) -> Path:
    return _INTERFACES / bridge_name(network)


def _routes() -> list[dict[str, Any]]:
    # `type` stands only at routes that are not plain ones.
    routes: list[dict[str, Any]] = json.loads(run(["ip", "-json", "-4", "route", "show"]).stdout or "[]")
    return routes
