"""Makes run folders of a synthetic load, for tests of reporting. Nothing here was measured.

The load has the shape of a real one: a warm-up, operations with a log-normal latency, a stall in which operations take
a second and some fail, a cool-down, members whose metrics move with it.
"""

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from host_metrics.columns import HOST_COLUMNS, WHOLE_MACHINE
from locust_extra.columns import (
    CLOCK_PERCENTILES,
    DISTRIBUTION_FIELDS,
    PERCENTILES,
    SLOW_COLUMNS,
    STATS_COLUMNS,
)
from reporting.read.distributions import Distribution, Histogram
from zk_locust.contract.clock_names import CENSORED, CLOCKS
from zk_locust.contract.events import EVENT_COLUMNS
from zk_locust.contract.ranks import UNIT_BITS
from zk_metrics.columns import METRIC_COLUMNS

# The files of a load that was made before, by all that they depend on: most tests change but the machines' samples.
_MADE: dict[str, dict[str, bytes]] = {}

START = datetime(2026, 11, 24, 3, 15, tzinfo=UTC)
RUN_ID = "20261124T031500Z-quick-synthetic"


NEWER_COLUMNS = frozenset(
    (
        *("suppressed", "censored", "censored_max_us", "offered", "missed", "dropped", "queued"),
        *("away_percent", "gc_ms"),
        *(f"{clock}_{which}" for clock in (*CLOCKS, "lateness") for which in CLOCK_PERCENTILES),
    )
)
NEWER_FIELDS = frozenset(("suppressed", CENSORED, *CLOCKS))


def _steady(_at_s: float) -> float:
    return 1.0


def distribution(latencies_us: Any) -> Distribution:
    """The distribution of these latencies."""
    values = np.maximum(1, latencies_us).astype(int)
    shift = np.maximum(0, np.frexp(values)[1] - UNIT_BITS)  # as `ranks.bucket_of`, of all at once
    lowest, numbers = np.unique((values >> shift) << shift, return_counts=True)
    counts = dict(zip(lowest.tolist(), numbers.tolist(), strict=True))
    least, most = (int(values.min()), int(values.max())) if len(values) else (None, None)
    return Distribution(Histogram.from_counts(counts), len(values), 0, int(values.sum()), least, most, 0)


def _histogram(of: Distribution) -> dict[str, int]:
    pairs = zip(of.histogram.values_us.tolist(), of.histogram.counts.tolist(), strict=True)
    return {str(low): count for low, count in pairs}


def _clock(of: Distribution) -> dict[str, Any]:
    figures = {"sum_us": of.sum_us, "min_us": of.min_us, "max_us": of.max_us, "overflows": of.overflows}
    return {"count": of.requests} | figures | {"histogram": _histogram(of)}


@dataclass
class Synthetic:
    """What kind of run to make; `write` makes it."""

    run_id: str = RUN_ID
    seed: int = 7
    warm_up_s: int = 5
    run_time_s: int = 30
    cool_down_s: int = 2
    interval_s: float = 1.0
    operations: dict[str, float] = field(default_factory=lambda: {"get": 300.0, "set": 200.0})  # name to rate/s
    workers: int = 2
    members: int = 3
    failures_in_stall: int = 0  # of each operation
    stall_at_s: float | None = 18.0  # since the load started
    stall_s: float = 2.0
    worker_lost_at_s: float | None = None
    cpu_percent: float = 45.0
    cpu_wait_percent: float = 4.0
    member_down: tuple[float, float] | None = None  # since the load started
    slip_us: float | None = None  # mean; with it the loop is open: response times, offered, missed, dropped
    missed: int = 0
    dropped: int = 0
    client_delay_us: float | None = None  # mean
    lateness_us: float | None = 60.0  # of all workers, at each percentile
    away_percent: float = 0.0  # of all workers, where lateness is measured
    censored_us: tuple[int, ...] = ()  # waits of the first operation's that have no reply at the end of the stage
    suppressed: int = 0  # of the first operation, in the first measured interval
    noise: float = 0.0  # of rate and latency from one interval to the next, standard deviation as a share
    latency_factor: Callable[[float], float] = _steady  # at a time since the load started
    rate_factor: Callable[[float], float] = _steady
    users_at: Callable[[float], int] | None = None
    worker_late_until_s: float = 0.0  # the last worker joins then
    poll: Callable[[str, float], dict[str, object]] | None = None  # changes to a poll of a member
    older: bool = False  # without the columns and fields that older versions did not write
    machines: dict[str, str] = field(default_factory=dict)  # host to the name of its machine; else one of its own
    kernels: dict[str, str] = field(default_factory=dict)  # host to its kernel's name; else it does not tell
    clocks_ahead_s: dict[str, float] = field(default_factory=dict)  # of the master's, by host
    # changes to a sample of a host's process (empty: its machine) at a time since the load started; None: no sample
    host_sample: Callable[[str, str, float], dict[str, object] | None] = lambda _host, _process, _at_s: {}
    plan: dict[str, Any] | None = field(default_factory=dict)  # laid over the plan; None: an older version wrote none
    manifest: dict[str, Any] = field(default_factory=dict)  # laid over the manifest

    def write(self, folder: Path) -> Path:
        """Write the run folder and return it."""
        folder.mkdir(parents=True)
        apart = ("run_id", "machines", "kernels", "clocks_ahead_s", "host_sample", "plan", "manifest")
        made_by = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in apart}
        key = repr(made_by)
        is_data = not any(callable(value) and value is not _steady for value in made_by.values())
        if is_data and key in _MADE:
            for name, content in _MADE[key].items():
                (folder / name).write_bytes(content)
        else:
            self._rng = np.random.default_rng(self.seed)
            self._figures(folder)
            self._metrics(folder)
            if is_data:
                _MADE[key] = {file.name: file.read_bytes() for file in folder.iterdir()}
        if not self.older:
            (folder / "slow-operations.csv").write_text(",".join(SLOW_COLUMNS) + "\n")
        self._events(folder)
        self._host_metrics(folder)
        (folder / "manifest.json").write_text(json.dumps(self._manifest() | self.manifest, indent=1))
        (folder / "logs").mkdir()
        return folder

    @property
    def stages(self) -> list[tuple[str, float]]:
        return [("warm-up", self.warm_up_s), ("measured", self.run_time_s), ("cool-down", self.cool_down_s)]

    @property
    def total_s(self) -> float:
        return float(sum(length for _, length in self.stages))

    def _stamp(self, elapsed_s: float) -> str:
        return (START + timedelta(seconds=elapsed_s)).isoformat(timespec="microseconds")

    def _worker_names(self) -> list[str]:
        return [f"load{i + 1}" for i in range(self.workers)]

    def _alive(self, worker: int, elapsed_s: float) -> bool:
        if worker != self.workers - 1:
            return True
        lost_s = float("inf") if self.worker_lost_at_s is None else self.worker_lost_at_s
        return self.worker_late_until_s <= elapsed_s < lost_s

    def _interval(self, rate: float, start_s: float, length_s: float) -> Distribution:
        alive = sum(self._alive(i, start_s) for i in range(self.workers)) / self.workers
        stalled = self.stall_at_s is not None and self.stall_at_s <= start_s < self.stall_at_s + self.stall_s
        rate *= self.rate_factor(start_s) * self._noise()
        requests = int(self._rng.poisson(rate * alive * length_s * (0.02 if stalled else 1.0)))
        latencies = self._rng.lognormal(np.log(650 * self.latency_factor(start_s) * self._noise()), 0.42, requests)
        slow = self._rng.random(requests) < 0.004
        latencies[slow] *= self._rng.pareto(2.2, int(slow.sum())) * 6 + 3
        if stalled:
            latencies += self._rng.uniform(0.3e6, 1.9e6, requests)
        clocks: dict[str, Any] = {}
        if self.slip_us is not None:
            slip = self._rng.exponential(self.slip_us, requests)
            clocks |= {"slip": distribution(slip), "response": distribution(latencies + slip)}
        if self.client_delay_us is not None:
            clocks["client_delay"] = distribution(self._rng.exponential(self.client_delay_us, requests))
        return replace(distribution(latencies), failures=self.failures_in_stall if stalled else 0, **clocks)

    def _noise(self) -> float:
        return max(0.1, 1 + float(self._rng.normal(0, self.noise))) if self.noise else 1.0

    def _figures(self, folder: Path) -> None:
        elapsed_s = 0.0
        with (
            (folder / "locust-stats.csv").open("w", newline="") as file,
            (folder / "locust-distrib.jsonl").open("w") as lines,
        ):
            columns = [name for name in STATS_COLUMNS if not (self.older and name in NEWER_COLUMNS)]
            stats = csv.DictWriter(file, columns, restval="", extrasaction="ignore")
            stats.writeheader()
            for stage, length_s in self.stages:
                sums: dict[str, Distribution] = {}
                interval, in_stage_s = 0, 0.0
                while in_stage_s < length_s - 1e-9:
                    step_s = min(self.interval_s, length_s - in_stage_s)
                    for name, rate in self.operations.items():
                        ramp = 0.4 if stage == "warm-up" and interval == 0 else 1.0
                        found = self._interval(rate * ramp, elapsed_s, step_s)
                        if stage == "measured" and name == next(iter(self.operations)):
                            ends = in_stage_s + step_s >= length_s - 1e-9
                            waits = distribution(np.array(self.censored_us)) if ends and self.censored_us else None
                            found = replace(found, suppressed=0 if interval else self.suppressed, censored=waits)
                        sums[name] = Distribution.merged([*([sums[name]] if name in sums else []), found])
                        line = self._line(stage, interval, name, elapsed_s + step_s, step_s, found)
                        if self.older:
                            line = {field: value for field, value in line.items() if field not in NEWER_FIELDS}
                        else:
                            assert tuple(line) == tuple(name for name in DISTRIBUTION_FIELDS if name in line)
                        if found.requests or found.failures or found.suppressed or found.censored:
                            lines.write(json.dumps(line) + "\n")
                    elapsed_s += step_s
                    in_stage_s += step_s
                    label = {
                        "timestamp": self._stamp(elapsed_s),
                        "elapsed_s": f"{elapsed_s:.6f}",
                        "stage": stage,
                        "interval": interval,
                    }
                    users = {"users": 32 if self.users_at is None else self.users_at(elapsed_s)}
                    for name, total in sums.items():
                        stats.writerow(label | self._row("all", "zookeeper", name, total) | users)
                    everything = Distribution.merged(sums.values())
                    offered = {} if self.slip_us is None else self._offered(everything)
                    stats.writerow(label | self._row("all", "", "Aggregated", everything) | users | offered)
                    for i, worker in enumerate(self._worker_names()):
                        if self._alive(i, elapsed_s - step_s):
                            cpu = {
                                "cpu_percent": f"{self.cpu_percent * self._rng.uniform(0.9, 1.1):.1f}",
                                "cpu_wait_percent": f"{self.cpu_wait_percent * self._rng.uniform(0.5, 1.5):.1f}",
                            }
                            share = self._row(worker, "", "Aggregated", everything)
                            share["requests"] = int(share["requests"]) // self.workers
                            share["users"] = users["users"] // self.workers
                            if self.lateness_us is not None:
                                share |= {f"lateness_{which}": self.lateness_us for which in CLOCK_PERCENTILES}
                                share["away_percent"] = self.away_percent
                            stats.writerow(label | share | cpu)
                    interval += 1

    def _line(
        self, stage: str, interval: int, name: str, end_s: float, step_s: float, found: Distribution
    ) -> dict[str, Any]:
        return {
            "timestamp": self._stamp(end_s),
            "elapsed_s": round(end_s, 6),
            "interval_s": round(step_s, 6),
            "stage": stage,
            "interval": interval,
            "type": "zookeeper",
            "name": name,
            "requests": found.requests,
            "failures": found.failures,
            "sum_us": found.sum_us,
            "min_us": found.min_us,
            "max_us": found.max_us,
            "overflows": 0,
            "suppressed": found.suppressed,
            **{name: _clock(of) for name in (CENSORED, *CLOCKS) if (of := getattr(found, name)) is not None},
            "histogram": _histogram(found),
        }

    def _offered(self, total: Distribution) -> dict[str, Any]:
        waiting = total.censored.requests if total.censored else 0
        sent = total.requests + total.failures + total.suppressed + waiting
        unsent = {"missed": self.missed, "dropped": self.dropped}
        return {"offered": sent + self.missed + self.dropped, "queued": 0} | unsent

    def _row(self, worker: str, kind: str, name: str, total: Distribution) -> dict[str, Any]:
        values = total.percentiles_us(PERCENTILES.values())
        return {
            "worker": worker,
            "type": kind,
            "name": name,
            "requests": total.requests,
            "failures": total.failures,
            "mean_us": "" if total.mean_us is None else f"{total.mean_us:.1f}",
            "min_us": "" if total.min_us is None else total.min_us,
            **{column: "" if value is None else value for column, value in zip(PERCENTILES, values, strict=True)},
            "max_us": "" if total.max_us is None else total.max_us,
            "overflows": 0,
            "suppressed": total.suppressed,
            "censored": total.censored.requests if total.censored else 0,
            "censored_max_us": total.censored.max_us if total.censored else "",
            **{
                f"{clock}_{which}": "" if value is None else value
                for clock in CLOCKS
                if (of := getattr(total, clock)) is not None
                for which, value in zip(CLOCK_PERCENTILES, of.percentiles_us(CLOCK_PERCENTILES.values()), strict=True)
            },
            "errors": json.dumps({"OperationTimeout": total.failures} if total.failures else {}),
        }

    def _metrics(self, folder: Path) -> None:
        lead_s = 1.5  # the collector starts before the load
        with (folder / "zk-metrics.csv").open("w", newline="") as file:
            columns = METRIC_COLUMNS if self.poll is None else (*METRIC_COLUMNS, "looking_count")
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            polls = int(self.total_s + lead_s)
            for poll in range(polls):
                at_s = poll - lead_s
                for i in range(self.members):
                    row = {"timestamp": self._stamp(at_s), "elapsed_s": f"{float(poll):.6f}", "member": f"zk{i + 1}"}
                    if i == 0 and self.member_down and self.member_down[0] <= at_s < self.member_down[1]:
                        writer.writerow(row | {"reachable": 0, "detail": "connection refused"})
                        continue
                    stalled = self.stall_at_s is not None and self.stall_at_s <= at_s < self.stall_at_s + self.stall_s
                    told = {
                        "reachable": 1,
                        "poll_ms": 3.2,
                        "server_state": "leader" if i == 1 else "follower",
                        "version": "3.8.0-synthetic, built on 2022-02-25 08:49 UTC",
                        "outstanding_requests": 31 if stalled else int(self._rng.poisson(2)),
                        "num_alive_connections": 0 if at_s < 0 else 11 if i else 10,
                        "znode_count": 5 + max(0, int(at_s * 4)),
                        "watch_count": 0 if at_s < 0 else 16,
                        "avg_latency": f"{0.4 + 0.01 * max(at_s, 0) + 0.1 * i:.4f}",
                        "max_latency": 40,
                    }
                    writer.writerow(row | told | (self.poll(f"zk{i + 1}", at_s) if self.poll else {}))

    def _host_metrics(self, folder: Path) -> None:
        lead_s = 2.4  # the samplers start before the load, and not at a full second of it
        processes = {f"zk{i + 1}": ["zookeeper"] for i in range(self.members)}
        processes["load1"] = ["master", *(f"worker-{i + 1}" for i in range(self.workers))]
        with (folder / "host-metrics.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, HOST_COLUMNS, restval="")
            writer.writeheader()
            for number, (host, watched) in enumerate(processes.items()):
                for sample in range(1, int(self.total_s + lead_s) + 1):
                    at_s = sample - lead_s
                    label = {
                        "timestamp": self._stamp(at_s + self.clocks_ahead_s.get(host, 0.0)),
                        "elapsed_s": f"{sample:.6f}",
                        "host": host,
                        "machine": self.machines.get(host, f"machine-of-{host}"),
                        "kernel": self.kernels.get(host, ""),
                    }
                    for process in (WHOLE_MACHINE, *watched):
                        changes = self.host_sample(host, process, at_s)
                        if changes is not None:
                            row = self._process_sample(process) if process else self._machine_sample(at_s, number)
                            writer.writerow(label | {"process": process} | row | changes)

    def _machine_sample(self, at_s: float, number: int) -> dict[str, object]:
        wave = 1 + 0.1 * np.sin(at_s + number)
        return {
            "cores": 2,
            "cpu_percent": f"{(8 if at_s < 0 else 90 + 3 * number) * wave:.1f}",
            "iowait_percent": "1.0",
            "steal_percent": "0.2",
            "memory_bytes": 3 * 1024**3,
            "memory_total_bytes": 8 * 1024**3,
            "swap_bytes": 1024**2,
            "disk_read_bytes_per_s": "0.0",
            "disk_write_bytes_per_s": f"{1.5e6 * wave:.1f}",
            "disk_busy_percent": f"{12 * wave:.1f}",
            "net_receive_bytes_per_s": f"{2.5e6 * wave:.1f}",
            "net_send_bytes_per_s": f"{1.2e6 * wave:.1f}",
            "tcp_retransmits_per_s": "0.1",
        }

    def _process_sample(self, process: str) -> dict[str, object]:
        return {
            "cpu_percent": {"zookeeper": "70.0", "master": "5.0"}.get(process, f"{self.cpu_percent:.1f}"),
            "cpu_wait_percent": f"{self.cpu_wait_percent:.1f}",
            "memory_bytes": 400 * 1024**2 if process == "zookeeper" else 90 * 1024**2,
            "swap_bytes": 0,
            "threads": 50 if process == "zookeeper" else 4,
            "open_files": 80,
        }

    def _events(self, folder: Path) -> None:
        rows = [[self._stamp(-2), "controller", "phase-start", "run", ""]]
        rows += [[self._stamp(-0.5), "master", "worker-ready", name, ""] for name in self._worker_names()]
        start_s = 0.0
        for stage, length_s in self.stages:
            rows.append([self._stamp(start_s), "master", "stage-start", stage, f"{length_s} s"])
            start_s += length_s
        if self.worker_lost_at_s is not None:
            row = [
                self._stamp(self.worker_lost_at_s),
                "master",
                "worker-lost",
                self._worker_names()[-1],
                "no heartbeat",
            ]
            rows.append(row)
        rows.append([self._stamp(start_s), "master", "run-stopped", "", ""])
        with (folder / "events.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            columns = EVENT_COLUMNS[:5] if self.older else EVENT_COLUMNS
            writer.writerow(columns)
            writer.writerows([*row, "", ""][: len(columns)] for row in sorted(rows))

    def _manifest(self) -> dict[str, Any]:
        members = [f"zk{i + 1}" for i in range(self.members)]
        facts = {
            "kernel": "6.1.0-synthetic",
            "distribution": "Debian 12",
            "cpu_model": "Synthetic CPU @ 2.10 GHz",
            "cores": 2,
            "memory_mb": 7936,
            "python": "3.11.7",
        }
        zookeeper = {"java": "17.0.9", "zookeeper_version": "3.8.0"}
        end_s = self.total_s
        return {
            "schema_version": 1,
            "run_id": self.run_id,
            "label": "synthetic",
            "state": "complete",
            "started": self._stamp(-20),
            "ended": self._stamp(end_s + 8),
            "scenario": {
                "name": "quick",
                "description": "Sets and gets of small values, for a first look",
                "locustfile": "locust_set_and_get.py",
                "users": 32,
                "spawn_rate": 32,
                "warmup_s": self.warm_up_s,
                "run_time_s": self.run_time_s,
                "scenario_file": "/home/tester/zk-locust/playbooks/scenarios/quick.yml",
                "preparation_s": 0.0,
                "planned_s": 34.0,
                "parameters": {"client": "kazoo", "val-size": 8, "key-size": 8, "kazoo-sasl-options": "user=a"},
            },
            "inventory": {
                "groups": {"zookeeper": members, "locust_master": ["load1"], "locust_workers": ["load1"]},
                "hosts": {
                    **{
                        name: {"zookeeper_id": i + 1, "zookeeper_client_port": 2181 + i}
                        for i, name in enumerate(members)
                    },
                    "load1": {"locust_processes": self.workers},
                },
            },
            "plan": {
                "scenario": "quick",
                "locustfile": "locust_set_and_get.py",
                "client": "kazoo",
                "users": 32,
                "spawn_rate_per_s": 32.0,
                "stages": [
                    {"name": "warm-up", "planned_s": float(self.warm_up_s)},
                    {"name": "measured", "planned_s": float(self.run_time_s)},
                    {"name": "cool-down", "planned_s": None},
                ],
                "workers": {"load1": self.workers},
                "expected_workers": self.workers,
                "sampled_hosts": [*members, "load1"],
                "members": members,
                "deadline_s": self.warm_up_s + self.run_time_s + 40.0,
            }
            | self.plan
            if self.plan is not None
            else None,
            "versions": {"zk_locust": "1.0.0", "locust": "2.47.0", "kazoo": "2.11.0", "python": "3.11.7"},
            "hosts": {
                **{
                    name: facts | zookeeper | {"zookeeper_mode": "leader" if name == "zk2" else "follower"}
                    for name in members
                },
                "load1": facts,
            }
            if not self.clocks_ahead_s
            # against the controller's, which is not quite the master's either
            else {
                host: facts | {"clock_offset_ms": 1000 * self.clocks_ahead_s.get(host, 0.0) - 250.0}
                for host in (*members, "load1")
            },
            "phases": [
                {"name": "preflight", "start": self._stamp(-20), "end": self._stamp(-18)},
                {"name": "provision", "start": self._stamp(-18), "end": self._stamp(-2)},
                {"name": "run", "start": self._stamp(-2), "end": self._stamp(end_s + 2)},
                {"name": "collect", "start": self._stamp(end_s + 2), "end": self._stamp(end_s + 6)},
                {"name": "report", "start": self._stamp(end_s + 6), "end": None},
            ],
        }
