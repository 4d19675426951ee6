"""The master's web UI in a browser on the controller: a port of its own, carried over SSH."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

from fleet.endpoints import endpoint
from fleet.errors import HostError, InputError
from fleet.hosts import Host
from fleet.inventory import Inventory

WEB_PORT: Final = 8089
LOOPBACK: Final = "127.0.0.1"
_LIMIT_S: Final = 5.0
_CHUNK: Final = 65536


def show(inventory: Inventory, local_port: int, say: Callable[[str], None], wait: Callable[[], None]) -> None:
    """Make the web UI reachable and say where, until `wait` returns. `local_port` 0 stands for a free one.

    Raises InputError for what cannot be used, and HostError where there is no web UI.
    """
    variables = inventory.hosts[inventory.master]
    address, port = web_address(variables.get("locust_web_bind_host"), variables.get("locust_web_port", WEB_PORT))
    if not 0 <= local_port <= 65535:
        raise InputError(f"--port [{local_port}] must be a port from 1 to 65535, or 0 for a free one")
    with Host(endpoint(variables)) as host:
        _require(host, address, port)
        if host.endpoint.local:
            shown = f"[{address}]" if ":" in address else address
            say(f"http://{shown}:{port}/  (the master is on this machine)")
            return
        with _tunnel(host, local_port, address, port) as opened:
            say(f"http://{LOOPBACK}:{opened}/  (port {port} of {inventory.master}, until Ctrl-C)")
            wait()


def web_address(bind_host: Any, port: Any) -> tuple[str, int]:
    """Where the web UI is seen from its own host. Raises InputError for a port that is none."""
    text = str(port).strip()
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise InputError(f"locust_web_port [{port}] must be a port from 1 to 65535")
    address = str(bind_host or "").strip()
    return (LOOPBACK if address in ("", "*", "0.0.0.0", "::") else address), int(text)


def _require(host: Host, address: str, port: int) -> None:
    """See that a web server answers, before anybody is told to open it."""
    why = ""
    try:
        with contextlib.closing(host.dial(address, port, _LIMIT_S)) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
            if connection.recv(5) == b"HTTP/":
                return
            why = f"what listens on {address} port {port} there is no web server"
    except TimeoutError:
        why = f"what listens on {address} port {port} there does not answer"
    except HostError as error:
        if "nothing answers" not in str(error):
            raise
        why = str(error)
    raise HostError(
        f"{host.endpoint.name}: {why}: no run with a web UI is running; start one with -e locust_web_ui=true"
    )


@contextlib.contextmanager
def _tunnel(host: Host, local_port: int, address: str, port: int) -> Iterator[int]:
    """Listen on loopback and carry every connection to the host's `address` and `port`; give our own port."""
    try:
        listener = socket.create_server((LOOPBACK, local_port))
    except OSError as error:
        raise InputError(
            f"--port [{local_port}] cannot be listened on here ({error.strerror}); choose another, or leave it out"
        ) from None
    with listener:
        threading.Thread(target=_accept, args=(listener, host, address, port), daemon=True).start()
        yield int(listener.getsockname()[1])


def _accept(listener: socket.socket, host: Host, address: str, port: int) -> None:
    while True:
        try:
            near, _ = listener.accept()
        except OSError:
            return  # closed: it is over
        try:
            far = host.dial(address, port, _LIMIT_S)
            far.settimeout(None)
        except HostError:
            near.close()  # the run has ended; a browser says that nobody answers
            continue
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=_carry, args=(source, sink), daemon=True).start()


def _carry(source: Any, sink: Any) -> None:
    with contextlib.suppress(OSError, EOFError):
        while data := source.recv(_CHUNK):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError, EOFError):
            end.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError, EOFError):
            end.close()
