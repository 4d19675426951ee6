"""Makes run folders of a synthetic load, for tests of reporting. Nothing here was measured.

The load has the shape of a real one: a warm-up, operations with a log-normal latency, a stall in which operations take
a second and some fail, a cool-down, members whose metrics move with it.
"""

import csv
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from host_metrics.columns import HOST_COLUMNS, WHOLE_MACHINE
from locust_extra.columns import CLOCKS, DISTRIBUTION_FIELDS, EVENT_COLUMNS, PERCENTILES, STATS_COLUMNS
from reporting.read.distributions import Distribution, Histogram
from zk_locust.contract.ranks import bucket_of
from zk_metrics.columns import METRIC_COLUMNS

# The files of a load that was made before, by all that they depend on: most tests change but the machines' samples.
_MADE: dict[str, dict[str, bytes]] = {}

START = datetime(2026, 11, 24, 3, 15, tzinfo=UTC)
RUN_ID = "20261124T031500Z-quick-synthetic"


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
        key = repr({field.name: getattr(self, field.name) for field in fields(self) if field.name not in apart})
        if key in _MADE:
            for name, content in _MADE[key].items():
                (folder / name).write_bytes(content)
        else:
            self._rng = np.random.default_rng(self.seed)
            self._figures(folder)
            self._metrics(folder)
            _MADE[key] = {file.name: file.read_bytes() for file in folder.iterdir()}
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
        return self.worker_lost_at_s is None or worker != self.workers - 1 or elapsed_s < self.worker_lost_at_s

    def _interval(self, rate: float, start_s: float, length_s: float) -> Distribution:
        alive = sum(self._alive(i, start_s) for i in range(self.workers)) / self.workers
        stalled = self.stall_at_s is not None and self.stall_at_s <= start_s < self.stall_at_s + self.stall_s
        requests = int(self._rng.poisson(rate * alive * length_s * (0.02 if stalled else 1.0)))
        latencies = self._rng.lognormal(np.log(650), 0.42, requests)
        slow = self._rng.random(requests) < 0.004
        latencies[slow] *= self._rng.pareto(2.2, int(slow.sum())) * 6 + 3
        if stalled:
            latencies += self._rng.uniform(0.3e6, 1.9e6, requests)
        values = np.maximum(1, latencies).astype(int)
        counts = Counter(bucket_of(int(value)) for value in values)
        return Distribution(
            Histogram.from_counts(counts),
            requests,
            self.failures_in_stall if stalled else 0,
            int(values.sum()),
            int(values.min()) if requests else None,
            int(values.max()) if requests else None,
            0,
        )

    def _figures(self, folder: Path) -> None:
        elapsed_s = 0.0
        with (
            (folder / "locust-stats.csv").open("w", newline="") as file,
            (folder / "locust-distrib.jsonl").open("w") as lines,
        ):
            stats = csv.DictWriter(file, STATS_COLUMNS, restval="")
            stats.writeheader()
            for stage, length_s in self.stages:
                sums = {name: Distribution.merged([]) for name in self.operations}
                interval, in_stage_s = 0, 0.0
                while in_stage_s < length_s - 1e-9:
                    step_s = min(self.interval_s, length_s - in_stage_s)
                    for name, rate in self.operations.items():
                        ramp = 0.4 if stage == "warm-up" and interval == 0 else 1.0
                        found = self._interval(rate * ramp, elapsed_s, step_s)
                        sums[name] = Distribution.merged([sums[name], found])
                        line = self._line(stage, interval, name, elapsed_s + step_s, step_s, found)
                        assert tuple(line) == tuple(name for name in DISTRIBUTION_FIELDS if name not in CLOCKS)
                        if found.requests or found.failures:
                            lines.write(json.dumps(line) + "\n")
                    elapsed_s += step_s
                    in_stage_s += step_s
                    label = {
                        "timestamp": self._stamp(elapsed_s),
                        "elapsed_s": f"{elapsed_s:.6f}",
                        "stage": stage,
                        "interval": interval,
                    }
                    for name, total in sums.items():
                        stats.writerow(label | self._row("all", "zookeeper", name, total))
                    everything = Distribution.merged(sums.values())
                    stats.writerow(label | self._row("all", "", "Aggregated", everything))
                    for i, worker in enumerate(self._worker_names()):
                        if self._alive(i, elapsed_s - step_s):
                            cpu = {
                                "cpu_percent": f"{self.cpu_percent * self._rng.uniform(0.9, 1.1):.1f}",
                                "cpu_wait_percent": f"{self.cpu_wait_percent * self._rng.uniform(0.5, 1.5):.1f}",
                            }
                            share = self._row(worker, "", "Aggregated", everything)
                            share["requests"] = int(share["requests"]) // self.workers
                            share["users"] = 32 // self.workers
                            stats.writerow(label | share | cpu)
                    interval += 1

    def _line(
        self, stage: str, interval: int, name: str, end_s: float, step_s: float, found: Distribution
    ) -> dict[str, Any]:
        pairs = zip(found.histogram.values_us.tolist(), found.histogram.counts.tolist(), strict=True)
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
            "suppressed": 0,
            "censored": None,
            "histogram": {str(low): count for low, count in pairs},
        }

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
            "users": 32,
            "errors": json.dumps({"OperationTimeout": total.failures} if total.failures else {}),
        }

    def _metrics(self, folder: Path) -> None:
        lead_s = 1.5  # the collector starts before the load
        with (folder / "zk-metrics.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, METRIC_COLUMNS, restval="")
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
                    writer.writerow(row | told)

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
            writer.writerow(EVENT_COLUMNS)
            writer.writerows(sorted(rows))

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
