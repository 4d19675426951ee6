"""A bridge and a /24 network for each lab, and a route that keeps their packets on this machine."""

import json
import re
from ipaddress import IPv4Network
from typing import Any

from lab.commands import LabError, LabUnavailableError, run
from lab.plan import NETWORKS, RANGE, bridge_name, subnet

# Distinguishes the lab's route from any other route for the same range.
_METRIC = 19818
_ROUTE = ("unreachable", str(RANGE), "metric", str(_METRIC))


def open_network() -> int:
    """Make a bridge with the first free network of the range; return the network's number.

    The route for the complete range is made first: while the bridge is down, no packet may take the default route.
    The caller holds the machine's lock.
    """
    if not has_route():
        _make("route", *_ROUTE)
    plain = [IPv4Network(route["dst"]) for route in _routes() if route["dst"] != "default" and "type" not in route]
    taken = [other for other in plain if other.subnet_of(RANGE)]
    names = _links()
    for network in range(NETWORKS):
        bridge = bridge_name(network)
        if bridge in names or any(subnet(network).overlaps(other) for other in taken):
            continue
        # A new port forwards at once; by default, the kernel first listens for loops for 15 s.
        _make("link", bridge, "type", "bridge", "forward_delay", "0")
        run(["ip", "address", "add", f"{subnet(network)[1]}/24", "dev", bridge])
        run(["ip", "link", "set", bridge, "up"])
        return network
    raise LabError(f"no network of {RANGE} is free; `ip route` shows what uses them")


def close_network(network: int) -> None:
    """Remove the bridge, and the route after the last bridge. The caller holds the machine's lock."""
    remove_link(bridge_name(network))
    close_route()


def close_route() -> None:
    """Remove the route if no lab has a bridge. The caller holds the machine's lock."""
    pattern = re.compile(re.escape(bridge_name(0)[:-1]) + r"\d+")
    if not any(pattern.fullmatch(name) for name in _links()) and has_route():
        run(["ip", "route", "delete", *_ROUTE])


def has_route() -> bool:
    """Return whether the route for the complete range exists."""
    return any(route.get("metric") == _METRIC and route.get("type") == "unreachable" for route in _routes())


def set_link(interface: str, *, up: bool) -> None:
    """Switch an interface on or off."""
    run(["ip", "link", "set", interface, "up" if up else "down"])


def remove_link(interface: str) -> None:
    """Remove an interface. Does nothing if there is none."""
    if interface in _links():
        done = run(["ip", "link", "delete", interface], check=False)
        if done.returncode != 0 and interface in _links():  # it may have ended with its host meanwhile
            raise LabError(f"the interface [{interface}] cannot be removed: {done.stderr.strip()}")


def _make(kind: str, *words: str) -> None:
    done = run(["ip", kind, "add", *words], check=False)
    if done.returncode != 0:
        raise LabUnavailableError(
            f"no {kind} [{words[0]}] can be made on this machine; a lab needs root with CAP_NET_ADMIN (in a container: "
            f"--privileged) and a kernel with bridges: {done.stderr.strip()}"
        )


def _links() -> set[str]:
    # /sys/class/net shows the network namespace in which it was mounted, which may be another.
    return {link["ifname"] for link in json.loads(run(["ip", "-json", "link", "show"]).stdout or "[]")}


def _routes() -> list[dict[str, Any]]:
    # Only special routes have a `type`.
    routes: list[dict[str, Any]] = json.loads(run(["ip", "-json", "-4", "route", "show"]).stdout or "[]")
    return routes
