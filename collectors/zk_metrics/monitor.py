"""The monitor: polls the members from the master, or from the process of a local Locust."""

import logging
import secrets
from typing import Any

from zk_metrics.member import Member, Sample
from zk_metrics.polling import LEAST_INTERVAL_S, MemberPoller, OnDemand
from zk_metrics.recording import Recording
from zk_metrics.settings import Collection, MemberAddresses, members_of

logger = logging.getLogger(__name__)


class Monitor:
    """Polls from the start of a test to its end, or when the page asks for it.

    Only the parameters with which Locust or its last test was started say which members are polled.
    """

    def __init__(self, environment: Any, *, has_page: bool = False) -> None:
        self.process = secrets.token_hex(8)
        self.members: list[Member] = []
        self.collection = Collection()
        self.recording = Recording(environment)
        self._mistake = ""
        self._asked: list[MemberAddresses] = []
        self._options = environment.parsed_options
        self._has_page = has_page
        self._pollers: list[MemberPoller] = []
        self._demand = OnDemand(self._record)
        self._configure()
        environment.events.test_start.add_listener(self._on_test_start)
        environment.events.test_stop.add_listener(self._on_test_stop)
        environment.events.quit.add_listener(self._on_quit)

    @property
    def polls(self) -> bool:
        """Whether members are polled, now or when the page asks for it."""
        return bool(self.members) and (self.collection.on_demand or bool(self._pollers))

    @property
    def problem(self) -> str:
        """Why metrics cannot be read or recorded, for people; otherwise empty."""
        return self._mistake or self.recording.problem

    def refresh(self) -> float:
        """Poll if metrics are collected on demand. Return in how many seconds to call again."""
        if self.collection.on_demand and self.members:
            self.recording.begin()  # before the first poll: the file's clock begins here
            return self._demand.refresh(self.members)
        return max(LEAST_INTERVAL_S, min(self.collection.interval_s, 5.0))

    def _configure(self) -> None:
        """Apply the current parameters."""
        self._mistake = ""
        try:
            self.collection = Collection.of(self._options)
            found = members_of(self._options)
        except ValueError as error:
            found, self._mistake = [], str(error)
        self.recording.to(getattr(self._options, "zk_metrics_csv", None) or None)
        if self._asked != found:
            self._demand.forget(self.members)
            self._asked = found
            self.members = [Member(who.name, who.admin_url, others=who.further_sources()) for who in found]

    def _on_test_start(self, **_: Any) -> None:
        self._configure()
        if self.collection.on_demand and self.recording.wanted and not self._has_page:
            logger.warning("No metrics are recorded: web leaves it to the web UI; give --zk-metrics-collect 1s")
        interval_s = self.collection.interval_s
        if not interval_s or not (self.recording.wanted or self._has_page):
            return
        if not self.members:
            logger.warning("No member's metrics are read: --hosts says no member, nor does --zk-admin-addresses")
        self.recording.begin()
        self._pollers = [MemberPoller(member, interval_s, self._record) for member in self.members]

    def _record(self, member: Member, sample: Sample) -> None:
        try:
            self.recording.add(member, sample)
        except Exception:  # any error: polling and the page continue
            logger.exception("A poll of %s was not recorded", member.name)

    def _on_test_stop(self, **_: Any) -> None:
        for poller in self._pollers:
            poller.stop()
        self._pollers = []

    def _on_quit(self, **_: Any) -> None:
        self._on_test_stop()
        self._demand.stop()
        self.recording.close()
