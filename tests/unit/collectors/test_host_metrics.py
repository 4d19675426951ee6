"""What is recorded of machines and processes: the kernel's counts as figures, and a sampler that goes on alone."""

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, tzinfo
from functools import partial
from pathlib import Path
from threading import Event
from types import MappingProxyType
from typing import Any

import psutil
import pytest

from host_metrics import background
from host_metrics.__main__ import main
from host_metrics.columns import HOST_COLUMNS, STALL_COLUMNS
from host_metrics.machine import MachineCounts, kernel_id, machine_id, read_machine
from host_metrics.process import ProcessCounts, read_process
from host_metrics.process_identity import Identity, identity_of, named_in_pid_file
from host_metrics.sampler import Watched, machine_row, process_row, sample
from host_metrics.told import told_by
from tests import waiting
from tests.small_disk import fill

until = partial(waiting.until, limit_s=20.0)

ONE_LOOK = {
    "proc/stat": "cpu  1000 200 300 9000 50 6 7 80 0 0\ncpu0 500 100 150 4500 25 3 3 40 0 0\ncpu1 5 1 1 4 2 3 4 4 0 0\n"
    "intr 1 2\n",
    "proc/meminfo": "MemTotal: 2000 kB\nMemFree: 100 kB\nMemAvailable: 500 kB\nSwapTotal: 300 kB\nSwapFree: 100 kB\n"
    "HugePages_Total: 0\n",
    "proc/diskstats": " 8 0 sda 10 0 100 0 20 0 200 0 0 3000 0\n 8 1 sda1 10 0 100 0 20 0 200 0 0 3000 0\n"
    " 8 16 sdb 1 0 10 0 2 0 20 0 0 5000 0\n 7 0 loop0 9 0 999 0 9 0 999 0 0 999 0\n",
    "proc/net/dev": "Inter-| Receive | Transmit\n face |bytes packets|bytes\n"
    "    lo: 777 1 0 0 0 0 0 0 777 1 0 0 0 0 0 0\n  eth0:1000 9 0 0 0 0 0 0 3000 9 0 0 0 0 0 0\n"
    "  eth1: 10 9 0 0 0 0 0 0 30 9 0 0 0 0 0 0\n",
    "proc/net/snmp": "Ip: Forwarding\nIp: 1\nTcp: RtoAlgorithm InSegs RetransSegs\nTcp: 1 500 42\n",
    "proc/pressure/cpu": "some avg10=9.15 avg60=9.02 avg300=8.30 total=12500000\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n",
    "proc/pressure/io": "some avg10=0.00 avg60=0.00 avg300=0.00 total=3000000\n",
    "proc/pressure/memory": "some avg10=0.00 avg60=0.00 avg300=0.00 total=250000\nfull total=8\n",
    "sys/block/sda/x": "",
    "sys/block/sdb/x": "",
    "sys/block/loop0/x": "",
    "sys/block/dm-0/x": "",
}


def root_of(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def test_a_machine_is_read_as_the_kernel_counts_it(tmp_path: Path) -> None:
    counts = read_machine(root_of(tmp_path, ONE_LOOK))
    ticks = os.sysconf("SC_CLK_TCK")
    assert counts == MachineCounts(
        cores=2,
        busy_s=(1000 + 200 + 300 + 6 + 7) / ticks,  # neither idle, nor waiting for disks, nor stolen
        iowait_s=50 / ticks,
        steal_s=80 / ticks,
        memory_bytes=1500 * 1024,
        memory_total_bytes=2000 * 1024,
        swap_bytes=200 * 1024,
        disk_read_bytes=110 * 512,  # partitions and loops are counted with their disks
        disk_write_bytes=220 * 512,
        disk_busy_s={"sda": 3.0, "sdb": 5.0},
        net_receive_bytes=1010,
        net_send_bytes=3030,
        tcp_retransmits=42,
        stall_s={"cpu": 12.5, "io": 3.0, "memory": 0.25},
    )


def test_what_a_machine_does_not_tell_is_not_made_up(tmp_path: Path) -> None:
    files = {name: text for name, text in ONE_LOOK.items() if name in ("proc/stat", "proc/meminfo")}
    counts = read_machine(root_of(tmp_path, files | {"proc/meminfo": "MemTotal: 2000 kB\n"}))
    assert (counts.memory_bytes, counts.memory_total_bytes, counts.swap_bytes) == (None, 2000 * 1024, None)
    assert (counts.disk_read_bytes, counts.disk_busy_s, counts.net_send_bytes, counts.tcp_retransmits) == (
        None, {}, None, None,
    )  # fmt: skip
    assert counts.stall_s == {}, "a kernel without /proc/pressure"
    row = machine_row(counts, counts, 1.0)
    assert [row[name] for name in ("memory_bytes", "disk_busy_percent", "net_send_bytes_per_s")] == ["", "", ""]
    assert [row[name] for name in STALL_COLUMNS] == ["", "", ""]
    assert row["cpu_percent"] == "0.0"


@pytest.mark.parametrize("said", ["", "some avg10=0.00\n", "some avg10=0.00 total=x\n"])
def test_stalls_that_cannot_be_read_are_unknown(said: str, tmp_path: Path) -> None:
    root = root_of(tmp_path, ONE_LOOK | {"proc/pressure/io": said})
    (root / "proc/pressure/memory").unlink()
    (root / "proc/pressure/memory").mkdir()  # reading it is an error, as with `psi=0`
    assert read_machine(root).stall_s == {"cpu": 12.5}


def test_this_machine_is_read_and_hosts_on_it_are_known_to_be_one() -> None:
    counts = read_machine()
    memory = psutil.virtual_memory()
    assert counts.cores == psutil.cpu_count()
    assert counts.memory_total_bytes == memory.total
    assert counts.memory_bytes == pytest.approx(memory.total - memory.available, rel=0.2)
    assert machine_id() == machine_id()
    assert len(machine_id()) == 12


def test_what_stands_on_other_interfaces_is_not_counted_again(tmp_path: Path) -> None:
    root = root_of(tmp_path, ONE_LOOK | {"sys/class/net/eth0/lower_eth1": ""})
    assert read_machine(root).net_receive_bytes == 10, "the bond's own count is that of its links"


def test_another_network_on_the_same_kernel_is_another_machine(tmp_path: Path) -> None:
    boot = {"proc/sys/kernel/random/boot_id": "0f0f\n"}
    ids, kernels = set(), set()
    for name, network in (("a", "net:[1]"), ("b", "net:[2]"), ("c", "net:[1]")):
        root = root_of(tmp_path / name, boot)
        (root / "proc/self/ns").mkdir(parents=True)
        (root / "proc/self/ns/net").symlink_to(network)
        ids.add(machine_id(root))
        kernels.add(kernel_id(root))
    assert (len(ids), len(kernels)) == (2, 1)


def test_figures_are_growth_by_the_time_that_has_really_passed(tmp_path: Path) -> None:
    before = read_machine(root_of(tmp_path, ONE_LOOK))
    now = replace(
        before,
        busy_s=before.busy_s + 3,
        iowait_s=before.iowait_s + 0.5,
        steal_s=before.steal_s + 0.25,
        disk_write_bytes=(before.disk_write_bytes or 0) + 4096,
        disk_busy_s=MappingProxyType({"sda": 3.2, "sdb": 6.0, "sdc": 9.0}),
        net_receive_bytes=(before.net_receive_bytes or 0) - 1,  # an interface went away
        tcp_retransmits=52,
        stall_s={"cpu": 13.5, "io": 3.0, "memory": 0.0},
    )
    row = machine_row(before, now, 2.0)
    expected = {
        "process": "", "cores": 2, "cpu_percent": "150.0", "iowait_percent": "25.0", "steal_percent": "12.5",
        "memory_bytes": 1500 * 1024, "swap_bytes": 200 * 1024, "disk_read_bytes_per_s": "0.0",
        "disk_write_bytes_per_s": "2048.0", "disk_busy_percent": "50.0", "net_receive_bytes_per_s": "",
        "net_send_bytes_per_s": "0.0", "tcp_retransmits_per_s": "5.0", "cpu_stall_percent": "50.0",
        "io_stall_percent": "0.0", "memory_stall_percent": "",
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert set(row) <= set(HOST_COLUMNS)


def test_a_process_has_its_own_figures() -> None:
    before = ProcessCounts(1.0, 0.5, 100, 0, 0, 1000, 3, 7)
    row = process_row(before, replace(before, cpu_s=2.5, cpu_wait_s=0.4, memory_bytes=300, disk_write_bytes=None), 0.5)
    assert row == {
        "cpu_percent": "300.0",
        "cpu_wait_percent": "",  # a thread that had waited has ended
        "memory_bytes": 300,
        "swap_bytes": 0,
        "disk_read_bytes_per_s": "0.0",
        "disk_write_bytes_per_s": "",
        "threads": 3,
        "open_files": 7,
    }
    assert set(row) <= set(HOST_COLUMNS)


def test_a_process_is_read_and_one_that_has_its_id_is_not(tmp_path: Path) -> None:
    identity = identity_of(os.getpid())
    with (tmp_path / "file").open("w"):
        counts = read_process(identity)
    own = psutil.Process()
    assert counts is not None
    assert counts.threads == own.num_threads()
    assert counts.open_files is not None
    assert counts.open_files >= own.num_fds()
    assert counts.cpu_s == pytest.approx(sum(own.cpu_times()[:2]), abs=0.5)
    assert counts.memory_bytes == pytest.approx(own.memory_info().rss, rel=0.3)
    assert read_process(identity._replace(start_ticks=identity.start_ticks + 1)) is None
    ended = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)
    its_own = identity_of(ended.pid)
    assert until(lambda: psutil.Process(ended.pid).status() == psutil.STATUS_ZOMBIE)
    assert read_process(its_own) is None
    ended.communicate()
    assert read_process(its_own) is None


def test_a_kernel_that_does_not_tell_who_waited_for_a_core_has_no_figure(tmp_path: Path) -> None:
    fields = ["S", *["0"] * 10, "100", "50", *["0"] * 4, "1", "0", "777", *["0"] * 9]
    root_of(tmp_path, {"5/stat": f"5 (a) b) {' '.join(fields)}", "5/status": "Name: a\n", "5/task/5/comm": "a"})
    counts = read_process(Identity(5, 777), tmp_path)
    assert counts is not None
    assert (counts.cpu_s, counts.threads) == (150 / os.sysconf("SC_CLK_TCK"), 1)
    assert counts.cpu_wait_s is None


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as content:
        return list(csv.DictReader(content))


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "while True: sum(range(1000))"])
    yield process
    process.kill()
    process.wait(60)


def test_a_series_has_the_machine_and_every_process_that_lives(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    pid_file, status, file = tmp_path / "zk.pid", tmp_path / "status.json", tmp_path / "host-metrics.csv"
    identity = identity_of(sleeper.pid)
    pid_file.write_text(f"{identity.pid} {identity.start_ticks}\n")
    own = identity_of(os.getpid())
    # As a supervisor does that has not yet written the file, then has a process that has ended, then a true one.
    text = ["{", '{"processes": {"worker-1": {"pid": 1, "start_ticks": -1}}}']
    true = f'{{"processes": {{"worker-1": {{"pid": {own.pid}, "start_ticks": {own.start_ticks}}}}}}}'
    looks = iter([*text, true, true, true])

    class Written(Event):
        def wait(self, timeout: float | None = None) -> bool:
            content = next(looks, None)
            if content is not None:
                status.write_text(content)
            return content is None or super().wait(timeout)

    watched = Watched({"zookeeper": pid_file, "absent": tmp_path / "none.pid"}, status)
    began = time.perf_counter()
    sample(file, "zk1", watched, 0.2, Written())
    rows = rows_of(file)
    assert list(rows[0]) == list(HOST_COLUMNS)
    assert [row["process"] for row in rows] == [
        "", "zookeeper", "", "zookeeper", "", "zookeeper",
        "", "worker-1", "zookeeper", "", "worker-1", "zookeeper",
    ]  # fmt: skip
    assert {row["host"] for row in rows} == {"zk1"}
    assert {row["machine"] for row in rows} == {machine_id()}
    elapsed = [float(row["elapsed_s"]) for row in rows if not row["process"]]
    assert elapsed == sorted(elapsed)
    assert 0.2 <= elapsed[0] <= elapsed[-1] <= time.perf_counter() - began
    assert all(datetime.fromisoformat(row["timestamp"]).tzinfo for row in rows)
    # It takes a core, or what it gets of one.
    busy = [row for row in rows if row["process"] == "zookeeper"]
    assert sum(float(row["cpu_percent"]) + float(row["cpu_wait_percent"]) for row in busy) / len(busy) > 40
    assert all(float(row["memory_bytes"]) > 1e6 and row["threads"] == "1" for row in busy)


def test_a_sample_that_came_late_has_the_time_that_passed_and_is_not_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]

    class Late(Event):
        def wait(self, timeout: float | None = None) -> bool:
            clock[0] += (timeout or 0.0) + (2.6 if clock[0] == 100.0 else 0.0)
            return False

    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    sample(tmp_path / "x.csv", "h", Watched(), 1.0, Late(), for_s=5.5)
    assert [float(row["elapsed_s"]) for row in rows_of(tmp_path / "x.csv")] == [3.6, 4.0, 5.0]


def test_a_slow_look_has_a_label_of_its_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Clock":
            return cls.fromtimestamp(clock[0], tz)

    class Woken(Event):
        def wait(self, timeout: float | None = None) -> bool:
            clock[0] += timeout or 0.0
            return False

    def slow_look() -> MachineCounts:
        clock[0] += 0.3
        return read_machine()

    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr("host_metrics.sampler.datetime", Clock)
    monkeypatch.setattr("host_metrics.sampler.read_machine", slow_look)
    sample(tmp_path / "x.csv", "h", Watched(), 1.0, Woken(), for_s=3.5)
    rows = rows_of(tmp_path / "x.csv")
    assert [float(row["elapsed_s"]) for row in rows] == [1.0, 2.0, 3.0]
    assert [datetime.fromisoformat(row["timestamp"]).timestamp() for row in rows] == [101.0, 102.0, 103.0]


def test_a_sampler_with_a_long_interval_ends_at_its_time_all_the_same(tmp_path: Path) -> None:
    began = time.monotonic()
    sample(tmp_path / "x.csv", "h", Watched(), 3600.0, Event(), for_s=0.1)
    assert time.monotonic() - began < 60
    assert rows_of(tmp_path / "x.csv") == []


def test_a_sampler_whose_file_is_removed_ends(tmp_path: Path) -> None:
    class Removed(Event):
        def wait(self, timeout: float | None = None) -> bool:
            (tmp_path / "x.csv").unlink()
            return super().wait(timeout)

    sample(tmp_path / "x.csv", "h", Watched(), 0.01, Removed())
    assert not (tmp_path / "x.csv").exists()


def test_it_runs_with_the_oldest_python_of_a_member() -> None:
    """By what vermin knows of syntax and standard library: no such Python is at hand."""
    package = Path(background.__file__).parent
    done = subprocess.run(
        [Path(sys.executable).with_name("vermin"), "--target=3.9-", "--no-tips", "--violations", str(package)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def called(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Call the command as a member's machine does: with a Python that has only the package."""
    environment: dict[str, Any] = {
        "PYTHONPATH": str(Path(background.__file__).parent.parent),
        "PATH": os.environ["PATH"],
    }
    words = [getattr(sys, "_base_executable", sys.executable), "-m", "host_metrics", *map(str, arguments)]
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=30, check=False)


def test_a_sampler_goes_on_alone_until_it_is_ended(tmp_path: Path) -> None:
    file = tmp_path / "deep/zookeeper-host-metrics.csv"
    started = called("start", "--file", file, "--host", "zk1", "--interval-s", "0.1", "--for-s", "60")
    assert (started.returncode, started.stdout, started.stderr) == (0, "started\n", "")
    try:
        sampler = named_in_pid_file(background.pid_file_of(file))
        assert sampler is not None
        assert psutil.Process(sampler.pid).ppid() != os.getpid()
        assert os.getsid(sampler.pid) != os.getsid(0)
        again = called("start", "--file", file, "--host", "zk1")
        assert again.returncode == 1
        assert again.stderr == f"host_metrics: a sampler writes {file} already; end it with `stop`\n"
        assert until(lambda: len(rows_of(file)) >= 2)
    finally:
        stopped = called("stop", "--file", file)
    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")
    assert read_process(sampler) is None
    assert rows_of(file)[-1]["host"] == "zk1", "the file is complete"
    assert (background.log_file_of(file).read_text(), background.pid_file_of(file).exists()) == ("", False)
    assert called("stop", "--file", file).stdout == "not running\n"


def test_a_sampler_ends_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "host-metrics.csv"
    assert called("start", "--file", file, "--host", "h", "--interval-s", "0.1", "--for-s", "0.5").returncode == 0
    sampler = named_in_pid_file(background.pid_file_of(file))
    assert sampler is not None
    assert until(lambda: read_process(sampler) is None)
    assert len(rows_of(file)) >= 4


def test_a_sampler_whose_controller_was_killed_ends_with_the_next_run(tmp_path: Path) -> None:
    files = [tmp_path / run / "host-metrics.csv" for run in ("first", "second")]
    for file in files:
        options: list[str | Path] = ["--file", file, "--host", "zk1", "--interval-s", "0.1", "--for-s", "60"]
        assert called("start", *options, "--alone").returncode == 0
        assert until(lambda file=file: rows_of(file))  # type: ignore[misc]
    first, second = (named_in_pid_file(background.pid_file_of(file)) for file in files)
    assert first is None, "its pid file goes with it"
    assert second is not None
    assert read_process(second) is not None
    assert len(rows_of(files[0])) >= 1, "what it has written stays, for collect.yml"
    assert called("stop", "--file", files[1]).stdout == "stopped\n"


def test_a_process_that_has_the_samplers_id_is_left_alone(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    file = tmp_path / "host-metrics.csv"
    background.pid_file_of(file).write_text(f"{sleeper.pid} 1\n")
    assert called("stop", "--file", file).stdout == "not running\n"
    assert sleeper.poll() is None


def test_a_file_that_cannot_be_written_is_said_in_a_line(tmp_path: Path) -> None:
    folder = called("record", "--file", tmp_path, "--host", "h")
    assert (folder.returncode, folder.stderr) == (1, f"host_metrics: [Errno 21] Is a directory: '{tmp_path}'\n")
    (tmp_path / "file").write_text("")
    no_folder = called("start", "--file", tmp_path / "file/x.csv", "--host", "h")
    assert no_folder.returncode == 1
    assert no_folder.stderr.startswith("host_metrics: ")
    assert len(no_folder.stderr.splitlines()) == 1


def test_on_a_full_disk_samples_wait_and_are_written_when_there_is_room(
    disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = disk / "x.csv"
    looks = []

    class FullForAWhile(Event):
        def wait(self, timeout: float | None = None) -> bool:
            looks.append(file.read_text())
            if len(looks) == 3:
                fill(disk)
            elif len(looks) == 50:
                (disk / "ballast").unlink()
            elif len(looks) == 60:
                self.set()
            return super().wait(timeout)

    sample(file, "h", Watched(), 0.01, FullForAWhile(), for_s=60)
    assert all(text.endswith("\n") for text in looks), "complete lines at any moment"
    assert looks[49] == looks[40], "nothing was written there"
    elapsed_s = [float(row["elapsed_s"]) for row in rows_of(file)]
    assert len(elapsed_s) >= len(looks) - 1
    assert elapsed_s == sorted(set(elapsed_s)), "none is missing, none is there twice"
    said = [line.split()[1] for line in capsys.readouterr().err.splitlines()]
    assert said == ["write-failed", "write-resumed"]


@pytest.mark.parametrize("ends_full", [False, True])
def test_whoever_ends_a_sampler_learns_when_its_disk_was_full_and_what_is_lost(disk: Path, ends_full: bool) -> None:
    file = disk / "host-metrics.csv"
    assert called("start", "--file", file, "--host", "zk1", "--interval-s", "0.02").returncode == 0
    try:
        ballast = fill(disk)
        assert until(lambda: told_by(file))
        size = file.stat().st_size
        if not ends_full:
            ballast.unlink()
            assert until(lambda: file.stat().st_size > size)
    finally:
        said = called("stop", "--file", file).stdout.splitlines()
    assert said[0] == "stopped"
    told = json.loads(said[1])
    (full,) = told["disk_full"]
    since = datetime.fromisoformat(full["since"])
    if ends_full:
        assert full["until"] is None
        assert told["lost"] > 0
    else:
        assert datetime.fromisoformat(full["until"]) > since
        assert told["lost"] == 0
    assert called("stop", "--file", file).stdout.splitlines() == ["not running", said[1]], "also where it has ended"


def test_a_sampler_whose_disk_was_never_full_has_nothing_to_tell(tmp_path: Path) -> None:
    file = tmp_path / "host-metrics.csv"
    told = called("start", "--file", file, "--host", "zk1"), called("stop", "--file", file)
    assert [answer.stdout for answer in told] == ["started\n", "stopped\n"]


@pytest.mark.parametrize(
    ("option", "value"),
    [("--interval-s", "0"), ("--interval-s", "inf"), ("--for-s", "soon"), ("--process", "zookeeper")],
)
def test_options_that_mean_nothing_are_refused(
    option: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["record", "--file", str(tmp_path / "x"), "--host", "h", option, value])
    assert f"argument {option}: invalid" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
