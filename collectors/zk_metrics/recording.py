"""The recording of samples: its file, and why it cannot be written."""

import logging
from typing import Any

from host_metrics.columns import WRITE_FAILED
from zk_locust.contract.events import METRICS_SOURCE
from zk_locust.load.stages import happened
from zk_metrics.member import Member, Sample
from zk_metrics.metrics_file import MetricsFile

logger = logging.getLogger(__name__)


class Recording:
    """`--zk-metrics-csv`, made at the first poll. A problem is logged once, and shown while it lasts."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._path: str | None = None
        self._file: MetricsFile | None = None
        self._refused = ""
        self._sources: dict[str, str] = {}  # of each member

    def to(self, path: str | None) -> None:
        """Record into this file, or nowhere. The same file as before is continued."""
        if path != self._path:
            self.close()
        self._path = path
        self._refused = ""  # it may have been corrected before the next test

    @property
    def wanted(self) -> bool:
        """Whether there is a file to record into."""
        return self._path is not None

    @property
    def problem(self) -> str:
        """Why polls cannot be recorded at the moment, for people; otherwise empty."""
        if self._refused:
            return f"--zk-metrics-csv [{self._path}] cannot be written ({self._refused}): nothing is recorded"
        if self._file is not None and (why := self._file.problem):
            return f"--zk-metrics-csv [{self._path}] cannot be written at the moment: {why}"
        return ""

    def begin(self) -> None:
        """Make the file if one is wanted and not made yet."""
        if self._path is None or self._file is not None or self._refused:
            return
        try:
            self._file = MetricsFile(self._path, self._tell)
        except OSError as error:
            self._refused = error.strerror or type(error).__name__
            logger.error("%s", self.problem)

    def add(self, member: Member, sample: Sample) -> None:
        """Record one poll; tell when another source than before has answered it, or at first not the best one."""
        self.begin()
        before, now = self._sources.get(member.name), sample.source
        if now and now != before:
            self._sources[member.name] = now
            if before or sample.instead:
                why = f" ({sample.instead})" if sample.instead else ""
                logger.info("The metrics of %s come from: %s%s", member.name, now, why)
                self._tell(METRICS_SOURCE, member.name, f"{now}{why}")
        if self._file is not None:
            self._file.write(member.name, sample)

    def close(self) -> None:
        """End the recording."""
        file, self._file, self._path = self._file, None, None
        if file is not None and (lost := file.close()):
            logger.error("%d polls of members are lost: until the end there was no room to write them", lost)

    def _tell(self, event: str, subject: str, detail: str) -> None:
        if event == WRITE_FAILED:
            logger.warning("%s: %s", subject, detail)
        happened.fire(environment=self._environment, event=event, subject=subject, detail=detail)
