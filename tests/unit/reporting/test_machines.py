"""What the machines used: on the load's clock, of the measured stage only, and each machine once."""

import csv
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reporting import judge_run
from reporting.analyse import machine_samples, series
from reporting.analyse.machine_usage import MachineRow, ProcessRow
from reporting.render import machine_tables
from reporting.verdict.judged_run import JudgedRun
from tests.unit.reporting.synthetic import START, Synthetic

MEASURED = (5.0, 35.0)  # of the synthetic run, seconds since its load started


def evaluated(folder: Path, **changes: Any) -> JudgedRun:
    return judge_run(Synthetic(operations={"get": 20.0}, **changes).write(folder / "run"))


def machine(found: JudgedRun, host: str) -> MachineRow:
    return next(row for row in found.machines.rows if host in row.hosts)


def process(found: JudgedRun, host: str, name: str) -> ProcessRow:
    return next(row for row in found.machines.processes if (row.host, row.process) == (host, name))


def wholly_within(at_s: float, start_s: float, end_s: float) -> bool:
    """Whether the second that ends at `at_s` lies between the two."""
    return start_s <= at_s - 1 and at_s <= end_s


def only_within(
    start_s: float, end_s: float, inside: Mapping[str, object], outside: Mapping[str, object]
) -> Callable[..., Any]:
    return lambda _, process, at_s: {} if process else inside if wholly_within(at_s, start_s, end_s) else outside


def test_a_machine_is_told_with_its_hosts_and_their_roles(sound: JudgedRun) -> None:
    assert [(row.hosts, row.roles) for row in sound.machines.rows] == [
        (("load1",), ("master", "workers")),
        *(((f"zk{i}",), ("member",)) for i in (1, 2, 3)),
    ]


def test_only_the_measured_stage_enters_a_figure(tmp_path: Path) -> None:
    busy, idle = {"cpu_percent": 150, "memory_bytes": 7e9}, {"cpu_percent": 10, "memory_bytes": 8e9}
    found = machine(evaluated(tmp_path, host_sample=only_within(*MEASURED, busy, idle)), "zk1")
    assert found.cpu_mean_percent_of_machine == 75.0
    assert found.memory_peak_bytes == 7e9


def test_means_and_peaks_are_of_the_machines_own_cores(tmp_path: Path) -> None:
    changes = only_within(
        20.0,
        23.0,
        {"cores": 8, "cpu_percent": 780, "iowait_percent": 80, "steal_percent": 40},
        {"cores": 8, "cpu_percent": 400, "iowait_percent": 0, "steal_percent": 0},
    )
    found = machine(evaluated(tmp_path, host_sample=changes), "zk2")
    samples = 29  # of 30 s, one of them partly of the warm-up
    inside = 2
    assert found.cores == 8
    assert found.cpu_peak_percent_of_machine == 97.5
    assert found.cpu_mean_percent_of_machine == pytest.approx((inside * 97.5 + (samples - inside) * 50) / samples)
    assert found.iowait_mean_percent_of_machine == pytest.approx(inside * 10 / samples)
    assert found.steal_mean_percent_of_machine == pytest.approx(inside * 5 / samples)


def test_hosts_that_are_one_machine_stand_in_one_row(tmp_path: Path) -> None:
    together = dict.fromkeys(("load1", "zk1", "zk2"), "one")
    # each of their samplers sees the same machine; one of them was away for a while
    found = evaluated(
        tmp_path,
        machines=together,
        host_sample=lambda host, process, at_s: (
            None if host == "load1" and at_s < 20 else {} if process else {"cpu_percent": 100}
        ),
    )
    assert [row.hosts for row in found.machines.rows] == [("load1", "zk1", "zk2"), ("zk3",)]
    assert found.machines.rows[0].roles == ("master", "workers", "member")
    assert found.machines.rows[0].cpu_mean_percent_of_machine == 50.0
    assert found.machines.cpu_of_processes(found.machines.rows[0], "zookeeper") == 70.0
    samples = machine_samples.within_load(found.run, found.timeline)
    own = samples[(samples["machine"] == "one") & (samples["process"] == "")]
    assert set(own["host"]) == {"zk2"}
    assert len(own) == 37


def test_a_clock_that_is_not_the_masters_is_put_right(tmp_path: Path) -> None:
    busy, idle = {"cpu_percent": 150}, {"cpu_percent": 10}
    ahead = {"zk1": 90.0, "zk2": -7.0}
    found = evaluated(tmp_path, clocks_ahead_s=ahead, host_sample=only_within(*MEASURED, busy, idle))
    offsets_s = {host: clock.before_s for host, clock in found.timeline.clocks.items()}
    assert offsets_s == {"zk1": 90.0, "zk2": -7.0, "zk3": 0.0, "load1": 0.0}
    assert [machine(found, host).cpu_mean_percent_of_machine for host in ("zk1", "zk2", "zk3")] == [75.0, 75.0, 75.0]


def test_a_second_sampler_of_a_host_has_seconds_of_its_own(tmp_path: Path) -> None:
    """A member that is a load host, too: its file holds two samplers' rows one after the other."""
    alone = Synthetic(operations={"get": 20.0}, host_sample=lambda host, _, __: {} if host == "zk1" else None)
    run = alone.write(tmp_path / "run")
    with (run / "host-metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    later_s = 2.0
    with (run / "host-metrics.csv").open("a", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        for row in rows:
            elapsed_s, ended = float(row["elapsed_s"]), datetime.fromisoformat(row["timestamp"])
            if elapsed_s > later_s:
                inside = wholly_within((ended - START).total_seconds() + 0.01, *MEASURED)
                worker = {"process": "worker-9", "cpu_percent": 40 if inside else 99} if row["process"] else {}
                label = {"timestamp": ended + timedelta(milliseconds=10), "elapsed_s": elapsed_s - later_s}
                writer.writerow(row | label | worker)
    found = judge_run(run)
    assert process(found, "zk1", "worker-9").cpu_peak_percent_of_core == 40.0
    assert process(found, "zk1", "zookeeper").cpu_mean_percent_of_core == 70.0
    assert [row.hosts for row in found.machines.rows] == [("zk1",)]
    points = over_time(found, "")
    assert points["value"].notna().all()  # no sampler's pace is taken for both together
    assert len(points) == 37


def test_a_process_is_told_as_it_used_its_core(tmp_path: Path) -> None:
    def sample(host: str, name: str, at_s: float) -> dict[str, object]:
        more = 20 < at_s < 22
        return {"cpu_percent": 180 if more else 60, "threads": 70 if more else 50} if name == "zookeeper" else {}

    found = process(evaluated(tmp_path, host_sample=sample), "zk1", "zookeeper")
    assert found.cpu_peak_percent_of_core == 180.0
    assert found.cpu_mean_percent_of_core == pytest.approx((2 * 180 + 27 * 60) / 29)
    assert (found.threads_peak, found.open_files_peak, found.memory_peak_bytes) == (70, 80, 400 * 1024**2)


def test_what_a_machine_does_not_tell_is_left_out(tmp_path: Path) -> None:
    unknown = {"disk_write_bytes_per_s": "", "disk_busy_percent": "", "steal_percent": "", "open_files": ""}
    found = evaluated(
        tmp_path,
        host_sample=lambda host, _, __: unknown | ({"swap_bytes": ""} if host == "zk2" else {}),
    )
    assert machine(found, "zk1").disk_write_peak_bytes_per_s is None
    table = machine_tables.machines(found)
    assert table is not None
    assert not {"Written (MB/s)", "Disk busy, peak (%)", "Steal (%)"} & set(table.head)
    swap = table.head.index("Swap, peak (GiB)")
    assert [row[swap] for row in table.rows] == ["0.0", "0.0", "\N{EN DASH}", "0.0"]
    processes = machine_tables.processes(found)
    assert processes is not None
    assert {row[-1] for row in processes.rows} == {"\N{EN DASH}"}


def test_of_many_workers_the_busiest_are_listed(tmp_path: Path) -> None:
    def sample(host: str, name: str, at_s: float) -> dict[str, object]:
        return {"cpu_percent": name.removeprefix("worker-")} if name.startswith("worker-") else {}

    found = evaluated(tmp_path, workers=20, host_sample=sample)
    table = machine_tables.processes(found)
    assert table is not None
    assert [row[1] for row in table.rows if row[0] == "load1"] == ["master", *(f"worker-{i}" for i in range(13, 21))]
    assert [row[0] for row in table.rows if row[1] == "zookeeper"] == ["zk1", "zk2", "zk3"]
    assert "Of 20 workers the 8 that used the most CPU; host-metrics.csv has all." in table.note
    assert len(found.machines.processes) == 24


def test_without_samples_there_is_nothing_to_tell(sound_run: Path, tmp_path: Path) -> None:
    run = Synthetic().write(tmp_path / "run")
    (run / "host-metrics.csv").unlink()
    found = judge_run(run)
    assert (found.machines.rows, found.machines.processes) == ((), ())
    assert machine_tables.machines(found) is machine_tables.processes(found) is None
    assert found.verdict.as_dict() == {"verdict": "valid", "reasons": []}


CONTAINERS = {"load1": "k", "zk1": "k", "zk2": "other", "zk3": "k"}


def test_a_machine_knows_whether_it_shares_its_kernel(tmp_path: Path) -> None:
    found = evaluated(tmp_path, kernels=CONTAINERS)
    assert [(row.name, row.kernel, row.shares_kernel) for row in found.machines.rows] == [
        ("load1", "k", True),
        ("zk1", "k", True),
        ("zk2", "other", False),
        ("zk3", "k", True),
    ]
    assert [[row.name for row in rows] for rows in found.machines.by_kernel] == [["load1", "zk1", "zk3"], ["zk2"]]


def test_the_table_says_who_are_containers_of_one_kernel(tmp_path: Path, sound: JudgedRun) -> None:
    table, alone = machine_tables.machines(evaluated(tmp_path, kernels=CONTAINERS)), machine_tables.machines(sound)
    assert table is not None
    assert alone is not None
    assert table.note == (
        f"{alone.note} load1, zk1, zk3 are containers of one kernel: CPU, memory, swap and disks are of all of them "
        "together."
    )


def over_time(found: JudgedRun, name: str) -> Any:
    samples = machine_samples.within_load(found.run, found.timeline)
    rows = machine_samples.with_figures(found.run, samples[samples["process"] == name], ["cpu_percent"])
    step_s = machine_samples.step_s(samples, found.timeline)
    return machine_samples.over_time(rows["time_s"], rows["host"], rows["cpu_percent"], step_s)


def test_a_process_that_did_not_run_leaves_a_gap(tmp_path: Path) -> None:
    def sample(host: str, name: str, at_s: float) -> dict[str, object] | None:
        away = host == "zk1" and 10 < at_s < 20
        late = host == "zk2" and 10 < at_s < 11
        return None if name == "zookeeper" and (away or late) else {}

    found = over_time(evaluated(tmp_path, host_sample=sample), "zookeeper")
    gaps = found[found["value"].isna()]
    assert set(gaps["series"]) == {"zk1"}
    assert all(10 < time_s < 20 for time_s in gaps["time_s"])
    assert found.groupby("series")["time_s"].is_monotonic_increasing.all()


def test_many_samples_are_put_together_and_peaks_stay(tmp_path: Path) -> None:
    def sample(host: str, name: str, at_s: float) -> dict[str, object]:
        return {"cpu_percent": 170} if name == "zookeeper" and 500 < at_s < 501 else {}

    found = over_time(evaluated(tmp_path, run_time_s=700, members=1, workers=1, host_sample=sample), "zookeeper")
    assert found.groupby("series").size().max() <= series.MAX_BINS
    assert set(found["value"]) == {70.0, 170.0}
