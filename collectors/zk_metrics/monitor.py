"""The monitor: it polls the members from the master, or from the one process of a local Locust."""

import logging
from typing import Any

import locust
from locust.runners import WorkerRunner

from zk_locust.connect_string import parse_connect_string
from zk_locust.parameters import parse_admin_addresses
from zk_metrics.poller import MemberPoller, MetricsFile

logger = logging.getLogger(__name__)


def register_zk_metrics() -> None:
    """Poll the members' metrics, as far as the parameters ask for it. Safe to call again."""
    if _on_init not in locust.events.init._handlers:
        locust.events.init.add_listener(_on_init)


def _on_init(environment: Any, runner: Any, **_: Any) -> None:
    if runner is not None and not isinstance(runner, WorkerRunner):
        Monitor(environment)


class Monitor:
    """Polls from the start of a test to its end."""

    def __init__(self, environment: Any) -> None:
        self._options = environment.parsed_options
        self._file: MetricsFile | None = None
        self._pollers: list[MemberPoller] = []
        environment.events.test_start.add_listener(self._on_test_start)
        environment.events.test_stop.add_listener(self._on_test_stop)
        environment.events.quit.add_listener(self._on_quit)

    def _on_test_start(self, **_: Any) -> None:
        interval_s = (getattr(self._options, "zk_metrics_collect", 0.0) or 0.0) / 1000
        path = getattr(self._options, "zk_metrics_csv", None)
        if not interval_s or not path:
            return
        if self._file is None:
            self._file = MetricsFile(path)
        self._pollers = [
            MemberPoller(
                member, f"{self._options.zk_admin_scheme}://{address}/commands/monitor", interval_s, self._file
            )
            for member, address in self._addresses()
        ]

    def _addresses(self) -> list[tuple[str, str]]:
        if self._options.zk_admin_addresses:
            return parse_admin_addresses(self._options.zk_admin_addresses)
        if not self._options.hosts:
            logger.warning("No member's metrics are read: --hosts says no member, nor does --zk-admin-addresses")
            return []
        port = self._options.zk_admin_port
        members = parse_connect_string(self._options.hosts).members
        return [(host, f"[{host}]:{port}" if ":" in host else f"{host}:{port}") for host, _ in members]

    def _on_test_stop(self, **_: Any) -> None:
        for poller in self._pollers:
            poller.stop()
        self._pollers = []

    def _on_quit(self, **_: Any) -> None:
        self._on_test_stop()
        if self._file is not None:
            self._file.close()
