"""The master's web UI on a port of the controller, forwarded over SSH."""

import re
import socket
from collections.abc import Callable
from typing import Any, Final

from fleet.endpoints import endpoint
from fleet.errors import HostError, InputError
from fleet.hosts import Host
from fleet.inventory import Inventory
from fleet.members import port_of
from fleet.ssh_failures import last_message
from zk_locust.contract.plain_text import plain_line

WEB_PORT: Final = 8089
LOOPBACK: Final = "127.0.0.1"
_LIMIT_S: Final = 5.0
_CONNECT_LIMIT_S: Final = 30.0
_OPEN_FAILED: Final = re.compile(r"open failed: (?:connect failed: )?(.+)")


def show(inventory: Inventory, local_port: int, say: Callable[[str], None]) -> None:
    """Make the web UI reachable and say where, until Ctrl-C. `local_port` 0 stands for a free one.

    Raises InputError for what cannot be used, and HostError where there is no web UI.
    """
    variables = inventory.hosts[inventory.master]
    address, port = web_address(variables.get("locust_web_bind_host"), variables.get("locust_web_port", WEB_PORT))
    if not 0 <= local_port <= 65535:
        raise InputError(f"--port [{local_port}] must be a port from 1 to 65535, or 0 for a free one")
    host = Host(endpoint(variables))
    if host.endpoint.ssh is None:
        _require(host, address, port, (address, port), lambda: "")
        shown = f"[{address}]" if ":" in address else address
        say(f"http://{shown}:{port}/  (the master is on this machine)")
        return
    chosen = _free_port(local_port)
    with host.forward(chosen, address, port, _CONNECT_LIMIT_S) as forwarding:
        _require(host, address, port, (LOOPBACK, chosen), forwarding.log)
        say(f"http://{LOOPBACK}:{chosen}/  (port {port} of {inventory.master}, until Ctrl-C)")
        try:
            forwarding.wait()
        except KeyboardInterrupt:
            say("")
            return
        raise HostError(
            f"{host.endpoint.name}: the connection was lost ({last_message(forwarding.log()) or 'ssh has ended'})"
        )


def web_address(bind_host: Any, port: Any) -> tuple[str, int]:
    """The address and port of the web UI as its own host sees it. Raises InputError for a bad port."""
    address = str(bind_host or "").strip()
    return (LOOPBACK if address in ("", "*", "0.0.0.0", "::") else address), port_of("locust_web_port", port)


def _require(host: Host, address: str, port: int, here: tuple[str, int], log: Callable[[], str]) -> None:
    """Check that a web server answers on `here`. Raises HostError otherwise."""
    problem = f"the program on {address} port {port} there is not a web server"
    try:
        with socket.create_connection(here, timeout=_LIMIT_S) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
            if connection.recv(5) == b"HTTP/":
                return
    except TimeoutError:
        problem = f"the program on {address} port {port} there does not answer"
    except ConnectionResetError:
        pass
    except OSError as error:
        problem = f"nothing answers on {address} port {port} there ({error.strerror})"
    if found := _OPEN_FAILED.search(log()):
        problem = f"nothing answers on {address} port {port} there ({plain_line(found[1])})"
    raise HostError(
        f"{host.endpoint.name}: {problem}: no run with a web UI is running; start one with -e locust_web_ui=true"
    )


def _free_port(wanted: int) -> int:
    """The port if it is free; any free one for 0. Raises InputError for one that is in use."""
    try:
        with socket.create_server((LOOPBACK, wanted)) as listener:
            return int(listener.getsockname()[1])
    except OSError as error:
        raise InputError(
            f"--port [{wanted}] cannot be listened on here ({error.strerror}); choose another, or leave it out"
        ) from None
