"""Provocations on the load's side, and by a server that follows a script: most need no ensemble."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from benchmarks.truth.locust_run import Load
from benchmarks.verdict.provocation import SECONDS, Provocation, Setting
from benchmarks.verdict.recorded_run import Course
from lab.locust_processes import LocustMasterAndWorkers
from reporting.verdict.judged_run import JudgedRun

CLOSED: Final = Load(8, SECONDS, wait_ms=5)
OPEN: Final = Load(32, SECONDS, arrival_rate=800)


def _stopped(locust: LocustMasterAndWorkers) -> None:
    """Stop a worker for 50 ms each half second."""
    worker = locust.workers[0]
    end = time.monotonic() + SECONDS - 0.5
    while time.monotonic() < end:
        time.sleep(0.45)
        worker.send_signal(signal.SIGSTOP)
        time.sleep(0.05)
        worker.send_signal(signal.SIGCONT)


@contextmanager
def _busy_neighbour(locust: LocustMasterAndWorkers) -> Iterator[None]:
    """Have a process that wants the first worker's core all the time."""
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(locust.workers[0].pid, {core})
    busy = f"import os; os.sched_setaffinity(0, {{{core}}})\nwhile True: pass"
    process = subprocess.Popen([sys.executable, "-c", busy])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _shared(locust: LocustMasterAndWorkers) -> None:
    with _busy_neighbour(locust):
        time.sleep(SECONDS - 0.3)


def _one_lost(locust: LocustMasterAndWorkers) -> None:
    time.sleep(SECONDS / 3)
    locust.workers[0].kill()


def _all_lost(locust: LocustMasterAndWorkers) -> None:
    time.sleep(SECONDS)
    for worker in locust.workers:
        worker.kill()


def _joined(locust: LocustMasterAndWorkers) -> None:
    time.sleep(SECONDS * 2 / 3)
    locust.add_worker()


def _interrupted(locust: LocustMasterAndWorkers) -> None:
    time.sleep(SECONDS / 2)
    locust.master.send_signal(signal.SIGINT)


def _scripted(course: Course, **script: object) -> Callable[[Setting], JudgedRun]:
    def run(setting: Setting) -> JudgedRun:
        return setting.scripted(course, **script)

    return run


def _late_joining(setting: Setting) -> JudgedRun:
    """The load is to be shared by three workers, and the third starts when two thirds of it are over."""
    load = replace(OPEN, users=33, options={"arrival-workers": 3})
    return setting.scripted(Course(load, workers=2, meanwhile=_joined, planned={"expected_workers": 3}))


LOAD_PROVOCATIONS: Final[dict[str, Provocation]] = {
    "stopped-open": Provocation(
        "open loop, a worker stopped for 50 ms each half second", ("load-side",),
        _scripted(Course(OPEN, meanwhile=_stopped)),
    ),
    "stopped-kazoo": Provocation(
        "kazoo in closed loop, a worker stopped for 50 ms each half second", ("load-side", "worker-away"),
        _scripted(Course(replace(CLOSED, client="kazoo"), meanwhile=_stopped)),
    ),
    "stopped-closed": Provocation(
        "closed loop, a worker stopped for 50 ms each half second", ("worker-away",),
        _scripted(Course(CLOSED, meanwhile=_stopped)),
    ),
    "held-back": Provocation(
        "64 users without a wait on one worker, a server that answers at once", ("users-held-back",),
        _scripted(Course(Load(64, SECONDS), workers=1), delay_us=0),
    ),
    "crowded": Provocation(
        "a busy process on the core of a worker with 64 users without a wait", ("cpu-short",),
        _scripted(Course(Load(64, SECONDS), workers=1, meanwhile=_shared), delay_us=0),
    ),
    "shared": Provocation(
        "a busy process on a worker's core", ("cpu-wait",),
        _scripted(Course(Load(64, SECONDS, wait_ms=5), meanwhile=_shared)),
    ),
    "frozen": Provocation(
        "the server stops answering 1 s before the end, 20 users wait", ("censored",),
        _scripted(Course(Load(20, SECONDS, wait_ms=5)), stall_from_s=SECONDS - 1, stall_s=60),
    ),
    "stalled": Provocation(
        "the server stops answering for 1 s, closed loop", ("stalls",),
        _scripted(Course(CLOSED), stall_from_s=1.5, stall_s=1),
    ),
    "stalled-briefly": Provocation(
        "the server stops answering for 0.2 s of each second, closed loop, intervals of 1 s", ("stalls",),
        _scripted(
            Course(replace(CLOSED, options={"stats-collect": "1s"})), stall_from_s=0.5, stall_s=0.2, stall_every_s=1
        ),
    ),
    "dropped": Provocation(
        "the same in open loop, with a queue of 100 operations", ("dropped", "dropped-share", "not-achieved"),
        _scripted(Course(replace(OPEN, options={"arrival-queue": 100})), stall_from_s=1.5, stall_s=1),
    ),
    "down": Provocation(
        "the server is down for 1 s, open loop", ("failures", "not-achieved"),
        _scripted(Course(OPEN), down_from_s=1.5, down_s=1),
    ),
    "hidden": Provocation(
        "the server is down for 1 s, --ignore-connection-down", ("suppressed",),
        _scripted(Course(replace(CLOSED, options={"ignore-connection-down": True})), down_from_s=1.5, down_s=1),
    ),
    "growing": Provocation(
        "a latency that grows fourfold", ("not-stationary",),
        _scripted(Course(OPEN), growth_per_s=3 / SECONDS),
    ),
    "few": Provocation(
        "4 users that wait for 50 ms", ("few-operations",), _scripted(Course(Load(4, SECONDS, wait_ms=50)))
    ),
    "late-worker": Provocation(
        "open loop, one of three workers starts when 2/3 of the load are over",
        ("missed", "worker-late", "not-achieved"), _late_joining,
    ),
    "lost-worker": Provocation(
        "a worker killed", ("worker-lost",), _scripted(Course(CLOSED, meanwhile=_one_lost))
    ),
    "lost-workers": Provocation(
        "all workers killed", ("all-workers-lost",),
        # Longer: the first reports come within 3 s, and the master needs some seconds to miss the workers.
        _scripted(Course(replace(CLOSED, seconds=3 * SECONDS), meanwhile=_all_lost)),
    ),
    "missing-worker": Provocation(
        "2 of 3 planned workers", ("workers-missing",), _scripted(Course(CLOSED, planned={"expected_workers": 3}))
    ),
    "missing-users": Provocation(
        "8 of 32 planned users", ("users-missing",), _scripted(Course(CLOSED, planned={"users": 32}))
    ),
    "interrupted": Provocation(
        "the master interrupted (SIGINT) at half time", ("cut-short",),
        _scripted(Course(CLOSED, meanwhile=_interrupted)),
    ),
    "silent": Provocation(
        "the server answers no get", ("no-operation",),
        _scripted(Course(Load(8, SECONDS, wait_ms=5, options={"warm-up": "1s"})), stall_from_s=0.5, stall_s=60),
    ),
}  # fmt: skip
