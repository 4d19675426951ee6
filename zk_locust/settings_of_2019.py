"""Names of 2019 that `zk_locust` still has: what a locustfile imports beside its users and timers."""

import re
from typing import Any, Final

from zk_locust.contract.connect_string import parse_connect_string
from zk_locust.contract.options import Options

_PORT: Final = re.compile(r"(.*):(\d{1,5})")


_SETTINGS: Final = {
    "CLIENT_IMPL": lambda options: options.client,
    "MAX_WAIT": lambda options: options.max_wait_s * 1000,
    "MIN_WAIT": lambda options: options.min_wait_s * 1000,
    "PSEUDO_ROOT": lambda options: options.pseudo_root,
    "ZK_HOSTS": lambda options: options.hosts,
}


def __getattr__(name: str) -> Any:
    """Return a setting that was a constant in 2019, as the environment says it. Waits are milliseconds."""
    if name not in _SETTINGS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _SETTINGS[name](Options.of_environment())


def get_zk_hosts() -> str | None:
    """Return the connect string as the environment says it: `ZK_LOCUST_HOSTS`, or `KAZOO_LOCUST_HOSTS`."""
    return Options.of_environment().hosts


def split_zk_hosts(connect_string: str | None = None) -> list[str]:
    """Return the members of a connect string, by default of the environment's, each as `host` or `host:port`.

    Raises ValueError where it cannot be understood.
    """
    text = connect_string or get_zk_hosts() or ""
    if not text.strip():
        return []
    parse_connect_string(text)
    return [part.strip() for part in text.partition("/")[0].split(",")]


def split_zk_host_port(host_port: str) -> tuple[str, int | None]:
    """Return host and port of one member; None for a port that is not there."""
    found = _PORT.fullmatch(host_port)
    return (found[1], int(found[2])) if found else (host_port, None)
