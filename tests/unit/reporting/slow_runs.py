"""Adds the slowest operations, and events that have a duration, to a synthetic run."""

import csv
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

from locust_extra.columns import SLOW_COLUMNS
from tests.unit.reporting.synthetic import START, Synthetic
from zk_locust.contract.events import EVENT_COLUMNS


@dataclass
class SlowRun:
    """A run of 60 s after a warm-up of 5 s without a stall of its own, and what is added to its files."""

    operations: list[dict[str, object]] = field(default_factory=list)
    events: list[dict[str, object]] = field(default_factory=list)
    synthetic: Synthetic = field(default_factory=lambda: Synthetic(run_time_s=60, stall_at_s=None))
    random: Random = field(default_factory=lambda: Random(5))

    def operation(self, begin_s: float, took_s: float, **changes: object) -> None:
        """Add an operation that was sent at `begin_s`, by its member's own session."""
        number = len(self.operations)
        self.operations.append(
            {
                "stage": "measured",
                "interval": int(begin_s + took_s - 5),
                "worker": "load1",
                "type": "zookeeper",
                "name": "get",
                "due_s": "",
                "sent_s": f"{begin_s:.6f}",
                "arrived_s": f"{begin_s + took_s:.6f}",
                "handled_s": f"{begin_s + took_s + 0.0001:.6f}",
                "latency_us": round(1e6 * took_s),
                "outcome": "ok",
                "session": f"{0x1000 + number:#x}",
                "member": "zk1:2181",
                "xid": number + 1,
            }
            | changes
        )

    def scattered(self, count: int, **changes: object) -> None:
        """Add slow operations at random moments."""
        for _ in range(count):
            self.operation(self.random.uniform(6, 60), self.random.uniform(0.02, 0.05), **changes)

    def stall(self, at_s: float, took_s: float, count: int = 20, **changes: object) -> None:
        """Add operations that all wait for the end of a stall: those of a closed loop, sent as it begins."""
        for _ in range(count):
            begin_s = at_s + self.random.uniform(-0.002, 0.01)
            self.operation(begin_s, at_s + took_s - begin_s + self.random.uniform(0, 0.01), **changes)

    def event(self, kind: str, subject: str, at_s: float, took_s: float | None = None, **changes: object) -> None:
        """Add an event."""
        row = {"timestamp": _stamp(at_s), "source": "load1", "event": kind, "subject": subject, "detail": "told"}
        self.events.append(row | {"duration_s": "" if took_s is None else took_s, "clock": ""} | changes)

    def write(self, folder: Path) -> Path:
        """Write the run folder and return it."""
        self.synthetic.write(folder)
        with (folder / "slow-operations.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, SLOW_COLUMNS)
            writer.writeheader()
            writer.writerows(self.operations)
        with (folder / "events.csv").open("a", newline="") as file:
            csv.DictWriter(file, EVENT_COLUMNS).writerows(self.events)
        return folder


def _stamp(at_s: float) -> str:
    return (START + timedelta(seconds=at_s)).isoformat(timespec="microseconds")
