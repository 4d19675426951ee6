"""Makes run folders of a simulated load whose every operation is known: due, sent, arrived and handled.

Nothing here was measured. Sessions take due operations from a FIFO (open loop), or send the next one when the reply to
the last is handled (closed loop). While the server is stopped it answers nothing.
"""

import csv
import heapq
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from locust_extra.columns import CLOCK_PERCENTILES, PERCENTILES, STATS_COLUMNS
from reporting.read.distributions import Distribution, Histogram
from tests.unit.reporting.synthetic import Synthetic
from zk_locust.contract.clock_names import CLOCKS
from zk_locust.contract.ranks import bucket_of


@dataclass(frozen=True, slots=True)
class Operation:
    """When one operation was due (None in closed loop), sent, answered and handled, in seconds since the load began."""

    name: str
    due_s: float | None
    sent_s: float
    arrived_s: float
    handled_s: float


@dataclass
class Simulated:
    """What kind of load to simulate; `write` makes its run folder."""

    open_loop: bool = True
    rate_per_s: float = 400.0
    sessions: int = 32
    stopped: tuple[float, float] = (18.0, 21.0)  # the server, since the load started
    missing: tuple[float, float] = (0.0, 0.0)  # one of the two workers: what is due there meanwhile is missed
    most_queued: int = 10_000
    suppressed: int = 0  # of each operation in each interval
    failed: int = 0  # likewise
    clients_delay: bool = True
    interval_s: float = 1.0
    seed: int = 11

    def write(self, folder: Path, **about: Any) -> Path:
        """Write the run folder and return it; `about` is for `Synthetic`, which makes all other files."""
        synthetic = Synthetic(stall_at_s=None, **about)
        synthetic.write(folder)
        self._random = np.random.default_rng(self.seed)
        self._missed: list[float] = []
        self._dropped: list[float] = []
        self._queue: list[tuple[float, float]] = []
        operations = list(self._operations(synthetic.total_s))
        self._record(folder, synthetic, operations)
        return folder

    def _operations(self, end_s: float) -> Iterator[Operation]:
        free = [(0.0, session) for session in range(self.sessions)]
        number = 0
        while True:
            due_s = number / self.rate_per_s if self.open_loop else None
            ready_s, session = free[0]
            name = ("get", "set")[int(self._random.random() < 0.4)]
            number += 1
            if due_s is not None and self.missing[0] <= due_s < self.missing[1] and number % 2:
                self._missed.append(due_s)
                continue
            at_s = ready_s if due_s is None else max(due_s, ready_s)
            if (at_s if due_s is None else due_s) >= end_s:
                return
            if due_s is not None and (at_s - due_s) * self.rate_per_s > self.most_queued:
                self._dropped.append(due_s)
                continue
            if at_s >= end_s:
                self._queue.append((due_s or 0.0, math.inf))
                continue
            sent_s = at_s + float(self._random.uniform(20e-6, 60e-6))
            needs_s = float(self._random.lognormal(np.log(0.0011 if name == "set" else 0.0006), 0.4))
            if self._random.random() < 0.003:
                needs_s *= float(self._random.pareto(2.2)) * 6 + 3
            arrived_s = sent_s + needs_s
            if arrived_s > self.stopped[0] and sent_s < self.stopped[1]:
                arrived_s = self.stopped[1] + needs_s
            handled_s = arrived_s + float(self._random.exponential(80e-6))
            heapq.heapreplace(free, (handled_s + (0.0 if self.open_loop else 0.01), session))
            if due_s is not None:
                self._queue.append((due_s, sent_s))
            yield Operation(name, due_s, sent_s, arrived_s, handled_s)

    def _record(self, folder: Path, synthetic: Synthetic, operations: list[Operation]) -> None:
        with (
            (folder / "locust-stats.csv").open("w", newline="") as file,
            (folder / "locust-distrib.jsonl").open("w") as lines,
        ):
            stats = csv.DictWriter(file, STATS_COLUMNS, restval="")
            stats.writeheader()
            stage_start_s = 0.0
            for stage, length_s in synthetic.stages:
                stage_end_s = stage_start_s + length_s
                sent = [op for op in operations if stage_start_s <= op.sent_s < stage_end_s]
                sums = {name: Distribution.merged([]) for name in ("get", "set")}
                for interval in range(round(length_s / self.interval_s)):
                    start_s = stage_start_s + interval * self.interval_s
                    end_s = min(stage_end_s, start_s + self.interval_s)
                    label = {"timestamp": synthetic._stamp(end_s), "elapsed_s": round(end_s, 6), "stage": stage}
                    label["interval"] = interval
                    for name in sums:
                        mine = [op for op in sent if op.name == name]
                        ended = [op for op in mine if start_s <= op.handled_s < end_s]
                        cut = [op for op in mine if op.handled_s >= stage_end_s] if end_s >= stage_end_s else []
                        found = self._distribution(ended, cut, stage_end_s)
                        sums[name] = Distribution.merged([sums[name], found])
                        line = label | {"interval_s": round(end_s - start_s, 6), "type": "zookeeper", "name": name}
                        lines.write(json.dumps(line | line_of(found)) + "\n")
                    total = Distribution.merged(sums.values())
                    for name, found in sums.items():
                        stats.writerow(label | stats_row(found) | {"worker": "all", "type": "zookeeper", "name": name})
                    everything = stats_row(total) | {"worker": "all", "name": "Aggregated"}
                    stats.writerow(label | everything | self._load(stage_start_s, stage_end_s, end_s))
                    for worker in ("load1/worker-1", "load1/worker-2"):
                        stats.writerow(label | self._worker_row(worker, total))
                stage_start_s = stage_end_s

    def _distribution(self, ended: list[Operation], cut: list[Operation], stage_end_s: float) -> Distribution:
        clocks = {}
        if self.open_loop:
            clocks["response"] = of_times(op.arrived_s - (op.due_s or 0.0) for op in ended)
            clocks["slip"] = of_times(op.sent_s - (op.due_s or 0.0) for op in ended)
        if self.clients_delay:
            clocks["client_delay"] = of_times(op.handled_s - op.arrived_s for op in ended)
        if cut:
            since = [op.sent_s if op.due_s is None else op.due_s for op in cut]
            clocks["censored"] = of_times(stage_end_s - at_s for at_s in since)
        found = of_times((op.arrived_s - op.sent_s for op in ended), suppressed=self.suppressed, **clocks)
        return replace(found, failures=self.failed)

    def _load(self, stage_start_s: float, stage_end_s: float, end_s: float) -> dict[str, Any]:
        if not self.open_loop:
            return {}

        def within(times: Iterable[float]) -> int:
            return sum(stage_start_s <= at_s < end_s for at_s in times)

        due = [*self._missed, *self._dropped, *(due_s for due_s, _ in self._queue)]
        return {
            "offered": within(due),
            "missed": within(self._missed),
            "dropped": within(self._dropped)
            + sum(
                stage_start_s <= due_s < stage_end_s <= sent_s for due_s, sent_s in self._queue if end_s >= stage_end_s
            ),
            "queued": 0
            if end_s >= stage_end_s
            else sum(stage_start_s <= due_s < end_s <= sent_s for due_s, sent_s in self._queue),
        }

    def _worker_row(self, worker: str, total: Distribution) -> dict[str, Any]:
        late = {"p50_us": 60, "p99_us": 240, "p99.9_us": 900, "max_us": 4100}
        return {
            **stats_row(total),
            "worker": worker,
            "name": "Aggregated",
            "requests": total.requests // 2,
            "users": self.sessions // 2,
            "cpu_percent": f"{42 * self._random.uniform(0.9, 1.1):.1f}",
            "cpu_wait_percent": f"{3 * self._random.uniform(0.5, 1.5):.1f}",
            **{f"lateness_{name}": int(us * self._random.uniform(0.9, 1.1)) for name, us in late.items()},
            "gc_ms": f"{self._random.uniform(0, 4):.1f}",
        }


def of_times(times_s: Iterable[float], **more: Any) -> Distribution:
    """Return the distribution of these times."""
    values = [max(0, round(at_s * 1e6)) for at_s in times_s]
    counts = Histogram.from_counts(Counter(map(bucket_of, values)))
    least, most = (min(values), max(values)) if values else (None, None)
    return Distribution(counts, len(values), 0, sum(values), least, most, 0, **more)


def line_of(found: Distribution) -> dict[str, Any]:
    """Return the fields of a line of `locust-distrib.jsonl` that tell a distribution."""
    clocks = {name: part for name in (*CLOCKS, "censored") if (part := found.clock(name)) is not None}
    return {
        "requests": found.requests,
        "failures": found.failures,
        "suppressed": found.suppressed,
        **times_of(found),
        **{name: {"count": part.requests, **times_of(part)} for name, part in clocks.items()},
    }


def times_of(found: Distribution) -> dict[str, Any]:
    """Return the fields of every clock."""
    pairs = zip(found.histogram.values_us.tolist(), found.histogram.counts.tolist(), strict=True)
    histogram = {str(low): count for low, count in pairs}
    return {
        **{name: getattr(found, name) for name in ("sum_us", "min_us", "max_us", "overflows")},
        "histogram": histogram,
    }


def stats_row(total: Distribution) -> dict[str, Any]:
    """Return the columns of `locust-stats.csv` that tell a distribution of the stage so far."""
    row: dict[str, Any] = {
        **{name: getattr(total, name) for name in ("requests", "failures", "suppressed", "min_us", "max_us")},
        "mean_us": total.mean_us,
        **dict(zip(PERCENTILES, total.percentiles_us(PERCENTILES.values()), strict=True)),
        "overflows": 0,
        "censored": total.censored.requests if total.censored else 0,
        "censored_max_us": total.censored.max_us if total.censored else None,
        "users": 32,
        "errors": "{}",
    }
    for clock in CLOCKS:
        found = total.clock(clock)
        values = found.percentiles_us(CLOCK_PERCENTILES.values()) if found else [None] * len(CLOCK_PERCENTILES)
        row |= {f"{clock}_{name}": value for name, value in zip(CLOCK_PERCENTILES, values, strict=True)}
    return {name: "" if value is None else value for name, value in row.items()}
