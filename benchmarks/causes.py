"""Whether reports name the right cause: things are done to a load and its ensemble at known times (`injections`).

    python -m benchmarks.causes [--rounds 2] [--every-s 8] [--for-s 0.3] [--keep FOLDER]

Three members on this machine and an open loop with two workers. The clock of one member is 2 s off. Each round is a
load of its own, in which everything is done once: sessions do not return to a member that was killed. Nothing is done
in a last load, which takes as long as all others: it is cut into windows of `--every-s`, and each is judged as if the
load had only it. A window is blamed if a cause stands out in it. The members' young generation is so large that they
hardly collect garbage by themselves, because that is a cause too.

Printed for each: how many were named rightly, how many of these are placed within 50 ms of the true time, and how far
they are from it. It needs an idle machine, or the machine's own pauses are found too.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks.injections import (
    CLOCK_OFF,
    Injection,
    all_of,
    asked_time,
    compile_faulty_host,
    listen,
    loaded,
    set_clock_off,
)
from benchmarks.truth.locust_run import Load, run
from fleet.clock_offset import clock_offset
from fleet.member_logs.log_folder import events_of
from fleet.merging import merge_member_events
from lab.locust_processes import LOCUSTFILES
from lab.zookeeper_server import ZooKeeperServers
from reporting import judge_run
from reporting.analyse import cause_windows, causes, slow_operations, worst_moments
from reporting.analyse.timeline import Span
from reporting.analyse.worst_moments import Moment
from reporting.verdict.judged_run import JudgedRun
from zk_locust.contract.run_files import MANIFEST
from zk_locust.contract.stage_names import MEASURED

USERS: Final = 24
RATE_PER_S: Final = 600
WORKERS: Final = 2
BEFORE_S: Final = 3.0
WARM_UP_S: Final = 5.0
NEAR_S: Final = 1.0  # a moment belongs to what was done at most so long before
NAMED_SHARE: Final = 0.5
PLACED_MS: Final = 50.0
MOST_MOMENTS: Final = 1000
HEAP: Final = ("-Xmx3g", "-Xmn2g")
GC_LOG: Final = ("-Xlog:gc*,safepoint:file=gc.log:time,uptime,level,tags:filecount=5,filesize=10M",)
PROPERTIES: Final = {
    "forceSync": "yes",
    "fsync.warningthresholdms": 50,
    "jvm.pause.monitor": "true",
    "jvm.pause.info-threshold.ms": 100,
    "jvm.pause.warn-threshold.ms": 1000,
    "jvm.pause.sleep.time.ms": 20,
}


@dataclass
class Score:
    """How a report told of one kind of injection; `errors_ms` are of those that were named rightly."""

    tried: int = 0
    errors_ms: list[float] = field(default_factory=list)

    def line(self, name: str) -> str:
        """Return the row of the table."""
        placed = sum(error <= PLACED_MS for error in self.errors_ms)
        median = f"{statistics.median(self.errors_ms):.0f}" if self.errors_ms else "-"
        worst = f"{max(self.errors_ms):.0f}" if self.errors_ms else "-"
        return f"{name:<24}{self.tried:>6}{len(self.errors_ms):>10}{placed:>10}{median:>12}{worst:>12}"


class Ensemble:
    """The members, and what the loads that they serve leave."""

    def __init__(self, servers: ZooKeeperServers, library: Path) -> None:
        self._servers = servers
        self._library = library
        self._members = {f"zk{member.server_id}": member for member in servers.members}

    def drive(self, folder: Path, seconds: float, act: Callable[[psutil.Process], None] | None) -> JudgedRun:
        """Run a load, and return what a report says of it. `act` gets Locust's process."""
        before, began = self._clocks(), datetime.now(UTC)
        options: dict[str, object] = {"warm-up": f"{WARM_UP_S:g}s"}  # workers are late while their users start
        # Who leads: a member that leads concerns all writes.
        options["zk-admin-addresses"] = ",".join(
            f"{name}=127.0.0.1:{member.admin_port}" for name, member in self._members.items()
        )
        options["locustfile"] = LOCUSTFILES / "locust_set_and_get.py"
        load = Load(USERS, WARM_UP_S + seconds, arrival_rate=RATE_PER_S, options=options)
        run(self._servers.hosts, folder, load, workers=WORKERS, meanwhile=act)
        report = folder / "report"
        self._add_members(report, before, self._clocks())
        self._add_events(report, began, before)
        return judge_run(report)

    def _clocks(self) -> dict[str, dict[str, Any]]:
        """Return each member's clock minus ours, as a playbook measures it."""
        return {
            name: clock_offset(partial(asked_time, self._library, member), time.time)
            for name, member in self._members.items()
        }

    def _add_members(
        self, report: Path, before: Mapping[str, dict[str, Any]], after: Mapping[str, dict[str, Any]]
    ) -> None:
        """Put the hosts and their clocks into the manifest, as the end of a benchmark does."""
        told = json.loads((report / MANIFEST).read_text())
        told["inventory"] = {
            "groups": {"zookeeper": list(self._members), "locust_master": ["load"]},
            "hosts": {
                name: {"ansible_host": "127.0.0.1", "zookeeper_client_port": member.client_port}
                for name, member in self._members.items()
            },
        }
        told["hosts"] = {"load": {"clock_offset_ms": 0.0, "clock_error_ms": 0.0}}
        for member, clock in before.items():
            told["hosts"][member] = {f"clock_{name}": value for name, value in clock.items()}
            later = after[member]
            told["hosts"][member] |= {
                "clock_offset_after_ms": later["offset_ms"],
                "clock_error_after_ms": later["error_ms"],
            }
        (report / MANIFEST).write_text(json.dumps(told))

    def _add_events(self, report: Path, began: datetime, clocks: Mapping[str, dict[str, Any]]) -> None:
        """Put what the members' logs say into the run folder, as the end of a benchmark does."""
        found = {}
        for name, member in self._members.items():
            logs = report / "logs" / name
            logs.mkdir(parents=True)
            shutil.copy(member.log_path, logs / "zookeeper.log")
            for file in member.folder.glob("gc.log*"):
                shutil.copy(file, logs)
            ahead = timedelta(milliseconds=clocks[name]["offset_ms"])
            found[name] = events_of(logs, began + ahead, datetime.now(UTC) + ahead)
        merge_member_events(report, found)


def inject(
    injections: Sequence[Injection], every_s: float, done: list[tuple[Injection, float]]
) -> Callable[[psutil.Process], None]:
    """Return what does all injections in turn, `every_s` after each other, once the load runs."""

    def act(locust: psutil.Process) -> None:
        deadline = time.monotonic() + 60
        while not _has_sessions(locust):
            if time.monotonic() > deadline:
                raise RuntimeError("Locust has not connected to the ensemble")
            time.sleep(0.1)
        time.sleep(WARM_UP_S + BEFORE_S)
        for injection in injections:
            began = time.monotonic()
            done.append((injection, injection.do(locust)))
            time.sleep(max(0.0, every_s - (time.monotonic() - began)))

    return act


def _has_sessions(locust: psutil.Process) -> bool:
    workers = locust.children()
    return len(workers) == WORKERS and all(
        sum(link.status == psutil.CONN_ESTABLISHED for link in worker.net_connections(kind="tcp")) > USERS // WORKERS
        for worker in workers
    )


def moments_of(judged: JudgedRun) -> tuple[Moment, ...]:
    """Return the moments that the report would show if its table were long enough, the worst first."""
    why = judged.why
    slow = slow_operations.build(judged.run, judged.timeline, judged.headline, why.moments_above_us)
    windows = cause_windows.build(judged.run, judged.timeline, judged.samples, why.events)
    return worst_moments.build(slow, windows, MOST_MOMENTS)


def near(moments: Sequence[Moment], at_s: float) -> Moment | None:
    """Return the moment that belongs to what was done at that time: the worst of those around it.

    One that had ended by then belongs to something else. `moments` has the worst first.
    """
    around = (one for one in moments if -NEAR_S / 2 <= one.start_s - at_s <= NEAR_S and one.end_s >= at_s)
    return next(around, None)


def named(moment: Moment) -> str:
    """Return the kind of the first cause that covers most of a moment; nothing where there is none."""
    first = moment.happened[0] if moment.happened else None
    return first.cause.kind if first is not None and first.share >= NAMED_SHARE else ""


def placed_s(moment: Moment, at_s: float) -> float:
    """Return where the report has the beginning of a moment's first cause, seconds of the load.

    What lasts makes several windows and moments, the worst of which need not be the first: it is the first window
    around `at_s`.
    """
    windows = moment.happened[0].cause.windows
    around = (windows[:, 0] >= at_s - NEAR_S / 2) & (windows[:, 1] >= at_s) & (windows[:, 0] <= moment.end_s)
    return float(windows[around, 0].min()) if around.any() else moment.happened[0].start_s


def blamed(judged: JudgedRun, every_s: float) -> Iterator[tuple[float, list[str]]]:
    """Give the beginning of each window of the measured stage, and what stands out in it."""
    measured = judged.timeline.span(MEASURED)
    windows = cause_windows.build(judged.run, judged.timeline, judged.samples, judged.why.events)
    rows = judged.why.slow.rows
    for number in range(int(measured.length_s / every_s) if measured is not None else 0):
        assert measured is not None
        start_s = measured.start_s + number * every_s
        within = rows[(rows["begin_s"] >= start_s) & (rows["end_s"] <= start_s + every_s)].reset_index(drop=True)
        slow = replace(judged.why.slow, rows=within)
        found = causes.build(slow, windows, Span(MEASURED, start_s, start_s + every_s))
        yield start_s, [one.cause.words for one in found.standing_out]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both loads, and print what their reports say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2, help="how often each thing is done [%(default)s]")
    parser.add_argument("--every-s", type=float, default=8.0, help="seconds from one to the next [%(default)s]")
    parser.add_argument("--for-s", type=float, default=0.3, help="seconds that each takes [%(default)s]")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the run folders here")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        if (library := compile_faulty_host(folder)) is None:
            sys.exit("the members' disks need a C compiler: apt install gcc libc6-dev")
        servers = ZooKeeperServers(
            3, folder / "servers", properties=PROPERTIES, java_options=(*HEAP, *GC_LOG), prefix=loaded(library)
        )
        set_clock_off(servers.members[CLOCK_OFF])
        with servers:
            listen(servers.members)
            ensemble, injections = Ensemble(servers, library), all_of(servers, options.for_s)
            length_s = len(injections) * options.every_s
            scores: dict[str, Score] = {}
            for number in range(options.rounds):
                done: list[tuple[Injection, float]] = []
                act = inject(injections, options.every_s, done)
                judged = ensemble.drive(folder / f"load-{number}", BEFORE_S * 2 + length_s, act)
                tell(moments_of(judged), [(what, judged.timeline.in_load_time(at)) for what, at in done], scores)
            tell_scores(scores)
            clean = ensemble.drive(folder / "clean", options.rounds * length_s, None)
            tell_clean(list(blamed(clean, options.every_s)))
    return 0


def tell(moments: Sequence[Moment], done: Sequence[tuple[Injection, float]], scores: dict[str, Score]) -> None:
    """Print what the report says of each injection, and add it to the scores."""
    for injection, at_s in done:
        score = scores.setdefault(injection.name, Score())
        score.tried += 1
        found, moment = "no moment", near(moments, at_s)
        if moment is not None:
            length_ms = 1000 * (moment.end_s - moment.start_s)
            shares = ", ".join(f"{one.cause.kind} {100 * one.share:.0f} %" for one in moment.happened)
            found = f"{moment.start_s:8.3f} s, {length_ms:.0f} ms long: {shares or 'nothing known'}"
            if named(moment) == injection.expected:
                error_s = placed_s(moment, at_s) - at_s
                found += f", {1000 * error_s:+.0f} ms"
                score.errors_ms.append(1000 * abs(error_s))
        print(f"{at_s:8.3f} s {injection.name}: {found}", flush=True)


def tell_scores(scores: Mapping[str, Score]) -> None:
    """Print the table."""
    print(f"\n{'done':<24}{'times':>6}{'named':>10}{'placed':>10}{'median ms':>12}{'worst ms':>12}")
    for name, score in scores.items():
        print(score.line(name))
    all_errors_ms = [error for score in scores.values() for error in score.errors_ms]
    print(Score(sum(score.tried for score in scores.values()), all_errors_ms).line("all"), flush=True)


def tell_clean(windows: Sequence[tuple[float, list[str]]]) -> None:
    """Print which windows without an injection are blamed on something."""
    for start_s, words in windows:
        if words:
            print(f"clean window from {start_s:.1f} s: {', '.join(words)}")
    print(f"clean windows blamed: {sum(bool(words) for _, words in windows)} of {len(windows)}")


if __name__ == "__main__":
    sys.exit(main())
