"""The monitor: it has the members polled from the master, or from the one process of a local Locust."""

import logging
from typing import Any

import locust
from locust.runners import WorkerRunner

from zk_metrics.admin_servers import admin_servers
from zk_metrics.collection import Collection
from zk_metrics.demand import LEAST_INTERVAL_S, OnDemand
from zk_metrics.member import Member, Sample
from zk_metrics.metrics_file import MetricsFile
from zk_metrics.poller import MemberPoller

logger = logging.getLogger(__name__)


def register_zk_metrics() -> None:
    """Poll the members' metrics, as far as the parameters ask for it. Safe to call again."""
    if _on_init not in locust.events.init._handlers:
        locust.events.init.add_listener(_on_init)


def _on_init(environment: Any, runner: Any, web_ui: Any = None, **_: Any) -> None:
    if runner is None or isinstance(runner, WorkerRunner):
        return
    monitor = Monitor(environment, has_page=web_ui is not None)
    if web_ui is not None:
        from zk_metrics.page import add_page  # Flask, which a load without a page does not need

        add_page(web_ui, monitor)


class Monitor:
    """Polls from the start of a test to its end, or whenever the page asks for it.

    Who is polled is said by the parameters that Locust or its last test was started with, and by nothing else.
    """

    def __init__(self, environment: Any, *, has_page: bool = False) -> None:
        self.members: list[Member] = []
        self.collection = Collection()
        self.problem = ""
        self.recording: str | None = None
        self._options = environment.parsed_options
        self._has_page = has_page
        self._file: MetricsFile | None = None
        self._pollers: list[MemberPoller] = []
        self._demand = OnDemand(self._record)
        self._configure()
        environment.events.test_start.add_listener(self._on_test_start)
        environment.events.test_stop.add_listener(self._on_test_stop)
        environment.events.quit.add_listener(self._on_quit)

    @property
    def polls(self) -> bool:
        """Whether the members are being polled, or are when the page asks for it."""
        return bool(self.members) and (self.collection.on_demand or bool(self._pollers))

    def refresh(self) -> float:
        """Poll on demand, where that is how metrics are collected. Returns when to call again, seconds."""
        if self.collection.on_demand and self.members:
            self._recording_at_hand()  # before the first poll: the file's clock begins here
            return self._demand.refresh(self.members)
        return max(LEAST_INTERVAL_S, min(self.collection.interval_s, 5.0))

    def _configure(self) -> None:
        """Take over what the parameters say now."""
        self.problem = ""
        try:
            self.collection = Collection.of(self._options)
            found = admin_servers(self._options)
        except ValueError as error:
            found, self.problem = [], str(error)
        self.recording = getattr(self._options, "zk_metrics_csv", None) or None
        if [(member.name, member.url) for member in self.members] != found:
            self._demand.forget(self.members)
            self.members = [Member(*who) for who in found]

    def _on_test_start(self, **_: Any) -> None:
        self._configure()
        if self.collection.on_demand and self.recording and not self._has_page:
            logger.warning("No metrics are recorded: web leaves it to the web UI; give --zk-metrics-collect 1s")
        interval_s = self.collection.interval_s
        if not interval_s or not (self.recording or self._has_page):
            return
        if not self.members:
            logger.warning("No member's metrics are read: --hosts says no member, nor does --zk-admin-addresses")
        file = self._open_file()
        self._pollers = [MemberPoller(member, interval_s, file) for member in self.members]

    def _open_file(self) -> MetricsFile | None:
        if self._file is None and self.recording:
            self._file = MetricsFile(self.recording)
        return self._file

    def _recording_at_hand(self) -> MetricsFile | None:
        """Return the file for what is read on demand, or None and a problem to show where it cannot be made."""
        try:
            return self._open_file()
        except OSError as error:
            self._give_up_recording(error)
            return None

    def _record(self, member: Member, sample: Sample) -> None:
        if self.recording and (file := self._recording_at_hand()) is not None:
            try:
                file.write(member.name, sample)
            except OSError as error:
                self._give_up_recording(error)

    def _give_up_recording(self, error: OSError) -> None:
        self.problem = f"--zk-metrics-csv [{self.recording}] cannot be written ({error.strerror}): nothing is recorded"
        self.recording = None
        logger.error("%s", self.problem)

    def _on_test_stop(self, **_: Any) -> None:
        for poller in self._pollers:
            poller.stop()
        self._pollers = []

    def _on_quit(self, **_: Any) -> None:
        self._on_test_stop()
        self._demand.stop()
        self.recording = None
        if self._file is not None:
            self._file.close()
