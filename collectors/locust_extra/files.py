"""The files of a load: `locust-stats.csv`, `locust-distrib.jsonl`, `latency.hlog`, and `events.csv`.

The lines of an interval are written together as soon as it is complete, so a crash loses at most the last interval.
While the disk is full, they wait in memory (`LastingFile`) and counting continues.
"""

import csv
import io
import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hdrh.log import HistogramLogWriter

from host_metrics.lasting_file import LastingFile, Tell
from locust_extra.columns import AGGREGATED, ALL_WORKERS, CLOCK_PERCENTILES, PERCENTILES, STATS_COLUMNS
from locust_extra.own_delay import missed_beats
from locust_extra.series import Interval, WorkerShare
from zk_locust.contract.clock_names import CENSORED, CLOCKS
from zk_locust.contract.events import EVENT_COLUMNS
from zk_locust.contract.histogram import LatencyHistogram, to_hdr_histogram
from zk_locust.contract.stage_names import MEASURED
from zk_locust.load.offered import OfferedCounts
from zk_locust.load.recording import Key


def path_of_run(path: str, run: int) -> str:
    """Return where a figure file of this test of a process goes, from 1: the first one to the path itself."""
    return path if run == 1 else str(Path(path).with_stem(f"{Path(path).stem}-{run}"))


class WallClock:
    """Wall time as a label for moments of the monotonic clock: read once, so that labels never run backwards."""

    def __init__(self) -> None:
        self._began = datetime.now(UTC)

    def label(self, elapsed_s: float) -> str:
        """Return the UTC time, ISO 8601 with microseconds, of a moment `elapsed_s` after the load began."""
        return (self._began + timedelta(seconds=elapsed_s)).isoformat(timespec="microseconds")

    def epoch_s(self, elapsed_s: float) -> float:
        """Return the same moment as seconds since 1970."""
        return self._began.timestamp() + elapsed_s


class RecordFile:
    """The base of all files: gathered text becomes one record of the file."""

    def __init__(self, path: str, tell: Tell | None) -> None:
        self._file = LastingFile(path, tell)
        self._text = io.StringIO(newline="")

    def retry(self) -> bool:
        """Write waiting records if there is room again; return whether none waits any more."""
        return self._file.retry()

    def close(self, patience_s: float = 0.0) -> int:
        """Close the file; return how many records were lost because there was no room within `patience_s`."""
        return self._file.close(patience_s)

    def _write_text(self) -> None:
        if text := self._text.getvalue():
            self._text.seek(0)
            self._text.truncate()
            self._file.write(text)  # last: a full disk is an event, which this object may write


class StatsFile(RecordFile):
    """`locust-stats.csv`."""

    def __init__(self, path: str, wall: WallClock, tell: Tell | None = None) -> None:
        super().__init__(path, tell)
        self._wall = wall
        self._writer = csv.DictWriter(self._text, STATS_COLUMNS, restval="")
        self._writer.writeheader()
        self._write_text()
        self._users: dict[str, int] = {}
        self._operations: dict[tuple[int, Key], LatencyHistogram] = {}
        self._workers: dict[tuple[int, str], LatencyHistogram] = {}
        self._lateness: dict[tuple[int, str], LatencyHistogram] = {}

    def write(self, interval: Interval) -> None:
        """Add the interval's rows: each operation, all operations, each worker."""
        stage = interval.stage_ordinal
        for worker in interval.lost:
            self._users.pop(worker, None)
        self._users |= {name: share.users for name, share in interval.workers.items() if share.users is not None}
        users = sum(self._users.values())
        for key, histogram in interval.operations.items():
            self._operations.setdefault((stage, key), LatencyHistogram()).add(histogram)
        total = LatencyHistogram()
        for (of_stage, (request_type, name)), histogram in self._operations.items():
            if of_stage == stage:
                total.add(histogram)
                self._row(interval, ALL_WORKERS, request_type, name, histogram, users)
        offered = sum(interval.offered.values(), OfferedCounts()) if interval.offered else None
        self._row(interval, ALL_WORKERS, "", AGGREGATED, total, users, offered=offered)
        for worker, share in interval.workers.items():
            cumulative = self._workers.setdefault((stage, worker), LatencyHistogram())
            cumulative.add(share.total)
            if share.lateness is not None:
                self._lateness.setdefault((stage, worker), LatencyHistogram()).add(share.lateness)
            users, offered = self._users.get(worker, 0), interval.offered.get(worker)
            self._row(interval, worker, "", AGGREGATED, cumulative, users, share, offered)
        self._write_text()

    def _row(
        self,
        interval: Interval,
        worker: str,
        request_type: str,
        name: str,
        histogram: LatencyHistogram,
        users: int,
        share: WorkerShare | None = None,
        offered: OfferedCounts | None = None,
    ) -> None:
        row: dict[str, Any] = {
            "timestamp": self._wall.label(interval.end_s),
            "elapsed_s": f"{interval.end_s:.6f}",
            "stage": interval.stage,
            "interval": interval.number,
            "worker": worker,
            "type": request_type,
            "name": name,
            "requests": histogram.requests,
            "failures": histogram.failures,
            "overflows": histogram.overflows,
            "suppressed": histogram.suppressed,
            CENSORED: 0,
            "users": users,
            "errors": json.dumps(histogram.errors, ensure_ascii=False) if histogram.errors else "{}",
        }
        if histogram.requests:
            row["mean_us"] = f"{histogram.sum_us / histogram.requests:.1f}"
            row["min_us"], row["max_us"] = histogram.min_us, histogram.max_us
            row |= histogram.percentiles_us(PERCENTILES)
        if censored := histogram.clocks.get(CENSORED):
            row[CENSORED], row["censored_max_us"] = censored.requests, censored.max_us
        for name in CLOCKS:
            row |= _clock_columns(name, histogram.clocks.get(name))
        if offered is not None:
            row |= asdict(offered)
        if share is not None and share.wall_ns:
            row["cpu_percent"] = f"{100 * share.cpu_ns / share.wall_ns:.1f}"
            if share.cpu_wait_ns is not None:
                row["cpu_wait_percent"] = f"{100 * share.cpu_wait_ns / share.wall_ns:.1f}"
        if share is not None and share.lateness is not None:
            lateness = self._lateness[interval.stage_ordinal, worker]
            row |= _clock_columns("lateness", lateness)
            if lateness.requests:
                row["away_percent"] = f"{100 * missed_beats(lateness) / lateness.requests:.2f}"
            row["gc_ms"] = f"{share.gc_ns / 1e6:.3f}"
        self._writer.writerow(row)


def _clock_columns(name: str, histogram: LatencyHistogram | None) -> dict[str, int | None]:
    if histogram is None or not histogram.requests:
        return {}
    found = histogram.percentiles_us({which: at for which, at in CLOCK_PERCENTILES.items() if which != "max_us"})
    return {f"{name}_{which}": value for which, value in found.items()} | {f"{name}_max_us": histogram.max_us}


class DistributionFile(RecordFile):
    """`locust-distrib.jsonl`."""

    def __init__(self, path: str, wall: WallClock, tell: Tell | None = None) -> None:
        super().__init__(path, tell)
        self._wall = wall

    def write(self, interval: Interval) -> None:
        """Add one line for each operation that had a request in the interval."""
        for (request_type, name), histogram in interval.operations.items():
            line = {
                "timestamp": self._wall.label(interval.end_s),
                "elapsed_s": round(interval.end_s, 6),
                "interval_s": round(interval.length_s, 6),
                "stage": interval.stage,
                "interval": interval.number,
                "type": request_type,
                "name": name,
                "requests": histogram.requests,
                "failures": histogram.failures,
                **_values_of(histogram),
                "suppressed": histogram.suppressed,
                **{
                    clock: {"count": found.requests, **_values_of(found), "histogram": _buckets_of(found)}
                    for clock in (CENSORED, *CLOCKS)
                    if (found := histogram.clocks.get(clock))
                },
                "histogram": _buckets_of(histogram),
            }
            self._text.write(json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n")
        self._write_text()


def _values_of(histogram: LatencyHistogram) -> dict[str, int | None]:
    return {name: getattr(histogram, name) for name in ("sum_us", "min_us", "max_us", "overflows")}


def _buckets_of(histogram: LatencyHistogram) -> dict[str, int]:
    return {str(bucket): count for bucket, count in sorted(histogram.counts.items())}


class HistogramLogFile(RecordFile):
    """`latency.hlog`: microseconds. A tag is the operation's name, with the stage before it if that is not measured.

    That is its service time. Other clocks have the clock's name first, such as `response:get`.
    """

    def __init__(self, path: str, wall: WallClock, tell: Tell | None = None) -> None:
        super().__init__(path, tell)
        self._wall = wall
        self._log = HistogramLogWriter(self._text)
        self._log.output_comment("zk-locust: latencies in microseconds; a tag is an operation of the measured stage")
        self._log.output_log_format_version()
        self._log.output_base_time(0)
        # The package's own output_start_time raises: it takes seconds for milliseconds, and a method that is not there.
        self._text.write(f"#[StartTime: {wall.epoch_s(0):.6f} (seconds since epoch), {wall.label(0)}]\n")
        self._log.output_legend()
        self._write_text()

    def write(self, interval: Interval) -> None:
        """Add the histograms of each operation in the interval."""
        for (_, name), histogram in interval.operations.items():
            tag = name if interval.stage == MEASURED else f"{interval.stage}:{name}"
            self._histogram(tag, histogram, interval)
            for clock in (*CLOCKS, CENSORED):
                if clock in histogram.clocks:
                    self._histogram(f"{clock}:{tag}", histogram.clocks[clock], interval)
        self._write_text()

    def _histogram(self, tag: str, histogram: LatencyHistogram, interval: Interval) -> None:
        if not histogram.counts:
            return
        self._text.write(f"Tag={tag.replace(',', ';').replace(' ', '_')},")
        self._log.output_interval_histogram(
            to_hdr_histogram(histogram.counts),
            self._wall.epoch_s(interval.start_s),
            self._wall.epoch_s(interval.end_s),
            max_value_unit_ratio=1.0,
        )


class EventFile(RecordFile):
    """`events.csv`: the events of one process, `source`.

    While the disk is full, events wait with their times. A full disk is an event too.
    """

    def __init__(self, path: str, source: str) -> None:
        super().__init__(path, self.write)
        self._source = source
        self._writer = csv.writer(self._text)
        self._writer.writerow(EVENT_COLUMNS)
        self._write_text()

    def write(
        self, event: str, subject: str = "", detail: str = "", *, ago_s: float = 0.0, duration_s: float | None = None
    ) -> None:
        """Add an event that happens now, or began `ago_s` ago and took `duration_s`."""
        began = (datetime.now(UTC) - timedelta(seconds=ago_s)).isoformat(timespec="microseconds")
        length = "" if duration_s is None else f"{duration_s:.6f}"
        self._writer.writerow((began, self._source, event, subject, detail, length, ""))
        self._write_text()
