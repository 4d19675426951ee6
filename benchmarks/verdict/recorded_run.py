"""A real run on loopback with all that a rule may read: the load's files, the members' metrics, a machine, a plan."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.truth.locust_run import Load
from host_metrics.process_identity import identity_of
from lab.locust_processes import LocustMasterAndWorkers
from lab.places import PROJECT
from lab.zookeeper_server import ZooKeeperServers
from reporting import judge_run
from reporting.analyse.machine_usage import ZOOKEEPER
from reporting.verdict.judged_run import JudgedRun
from zk_locust.contract.run_files import DISTRIBUTIONS, EVENTS, HOST_METRICS, MANIFEST, METRICS, STATS
from zk_locust.contract.stage_names import MEASURED

HOST: Final = "loopback"
_FILES: Final = {"stats-csv": STATS, "stats-distrib": DISTRIBUTIONS, "stats-events": EVENTS, "zk-metrics-csv": METRICS}
_PATIENCE_S: Final = 60.0
_SAMPLES_S: Final = 0.25

Meanwhile = Callable[[LocustMasterAndWorkers], None]


@dataclass(frozen=True)
class Course:
    """How a run goes. `meanwhile` is called when the measured stage has begun.

    `planned` replaces values of the plan that the load itself would give. `samples` says whether the machine is
    sampled. `servers` are members whose metrics are polled, by default none.
    """

    load: Load
    workers: int = 2
    locustfile: str = "locust_get.py"
    meanwhile: Meanwhile | None = None
    planned: dict[str, Any] | None = None
    samples: bool = False
    servers: ZooKeeperServers | None = None
    polled: Sequence[int] | None = None  # of the servers, all if None


def record(folder: Path, hosts: str, course: Course) -> Path:
    """Run it in a new folder and return the run folder. Raises RuntimeError if the load does not start or end."""
    run = folder / "run"
    run.mkdir(parents=True)
    options: dict[str, object] = {
        "stats-collect": "250ms",
        **{option: run / name for option, name in _FILES.items() if course.servers or option != "zk-metrics-csv"},
        **_polling(course),
    }
    load = replace(course.load, options=options | course.load.options)
    with (
        _sampled(run / HOST_METRICS, course.samples),
        LocustMasterAndWorkers(folder, course.locustfile, course.workers, *load.arguments(hosts)) as locust,
    ):
        for name, pid in (("worker-1", locust.workers[0].pid), *_of_servers(course.servers)):
            pid_file = _pid_file(folder, name)
            pid_file.write_text("{} {}\n".format(*identity_of(pid)))
        _until_measured(run / EVENTS, locust)
        if course.meanwhile is not None:
            course.meanwhile(locust)
        try:
            locust.master.wait(load.seconds + _PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"the load does not end; its log says\n{locust.log()[-2000:]}") from None
    (run / MANIFEST).write_text(json.dumps(_manifest(course)))
    return run


def judged(folder: Path, hosts: str, course: Course) -> JudgedRun:
    """Run it and judge what it left."""
    return judge_run(record(folder, hosts, course))


def _polling(course: Course) -> dict[str, object]:
    if course.servers is None:
        return {"zk-metrics-collect": 0}
    members = course.servers.members
    polled = [members[at] for at in (course.polled if course.polled is not None else range(len(members)))]
    addresses = ",".join(f"zk{member.server_id}=127.0.0.1:{member.admin_port}" for member in polled)
    return {"zk-metrics-collect": "250ms", "zk-admin-addresses": addresses}


def _manifest(course: Course) -> dict[str, Any]:
    """Return the manifest with the plan that playbooks record before the load."""
    members = [f"zk{member.server_id}" for member in course.servers.members] if course.servers else []
    plan = {
        "users": course.load.users,
        "stages": [{"name": MEASURED, "planned_s": course.load.seconds}],
        "workers": {HOST: course.workers},
        "expected_workers": course.workers,
        "sampled_hosts": [HOST] if course.samples else [],
        "members": members,
        "deadline_s": course.load.seconds + _PATIENCE_S,
    }
    groups = {"zookeeper": [HOST, *members], "locust_master": [HOST], "locust_workers": [HOST]}
    return {
        "schema_version": 1,
        "run_id": "verdict",
        "state": "complete",
        "scenario": {"name": "verdict", "users": course.load.users},
        "inventory": {"groups": groups, "hosts": {HOST: {}}},
        "plan": plan | (course.planned or {}),
    }


def _pid_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.pid"


def _of_servers(servers: ZooKeeperServers | None) -> list[tuple[str, int]]:
    """Return the first of them: the file of samples has one row for each process of a name."""
    process = servers.members[0].process if servers is not None else None
    return [(ZOOKEEPER, process.pid)] if process is not None else []


@contextmanager
def _sampled(file: Path, samples: bool) -> Iterator[None]:
    """Sample this machine meanwhile, by the sampler that runs on hosts."""
    if not samples:
        yield
        return
    command = [sys.executable, "-m", "host_metrics", "record", "--file", str(file), "--host", HOST]
    command += ["--interval-s", str(_SAMPLES_S)]
    for name in ("worker-1", ZOOKEEPER):
        command += ["--process", f"{name}={_pid_file(file.parent.parent, name)}"]
    sampler = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        sampler.terminate()
        sampler.wait(_PATIENCE_S)


def _until_measured(events: Path, locust: LocustMasterAndWorkers) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline and locust.master.poll() is None:
        if events.exists() and f"stage-start,{MEASURED}" in events.read_text():
            return
        time.sleep(0.02)
    raise RuntimeError(f"the load has not started; its log says\n{locust.log()[-2000:]}")
