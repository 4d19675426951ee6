"""What the machines and the processes on them used over the measured stage, one row each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

import pandas as pd

from host_metrics.columns import WHOLE_MACHINE
from reporting.analyse import machine_samples
from reporting.analyse.timeline import Timeline
from reporting.read.run_folder import RunFolder
from reporting.text import natural

ZOOKEEPER: Final = "zookeeper"
_WORKER: Final = "worker"


def _mean(column: str) -> Any:
    """A figure that is the mean of a column of the samples."""
    return field(metadata={"source": (column, "mean")})


def _max(column: str) -> Any:
    """A figure that is the largest value of a column of the samples."""
    return field(metadata={"source": (column, "max")})


@dataclass(frozen=True, slots=True)
class MachineRow:
    """One machine, with all hosts of the inventory that are this machine. Figures that it did not report are None.

    `kernel` is blank if it is not known. Machines that `shares_kernel` are containers of one kernel: CPU, memory, swap
    and disks are of all of them together. Percentages `_of_machine` are of all its cores. `swap_growth_bytes` is the
    peak of swapped-out memory minus that at the start of the measured stage.
    """

    hosts: tuple[str, ...]
    roles: tuple[str, ...]
    kernel: str
    shares_kernel: bool
    swap_growth_bytes: float | None
    cores: float | None = _max("cores")
    cpu_mean_percent_of_machine: float | None = _mean("cpu_share")
    cpu_peak_percent_of_machine: float | None = _max("cpu_share")
    iowait_mean_percent_of_machine: float | None = _mean("iowait_share")
    steal_mean_percent_of_machine: float | None = _mean("steal_share")
    memory_peak_bytes: float | None = _max("memory_bytes")
    memory_total_bytes: float | None = _max("memory_total_bytes")
    swap_peak_bytes: float | None = _max("swap_bytes")
    net_receive_peak_bytes_per_s: float | None = _max("net_receive_bytes_per_s")
    net_send_peak_bytes_per_s: float | None = _max("net_send_bytes_per_s")
    disk_write_mean_bytes_per_s: float | None = _mean("disk_write_bytes_per_s")
    disk_write_peak_bytes_per_s: float | None = _max("disk_write_bytes_per_s")
    disk_busy_mean_percent: float | None = _mean("disk_busy_percent")
    disk_busy_peak_percent: float | None = _max("disk_busy_percent")
    tcp_retransmits_mean_per_s: float | None = _mean("tcp_retransmits_per_s")

    @property
    def name(self) -> str:
        """Its hosts, as a text."""
        return ", ".join(self.hosts)


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One process: `zookeeper`, `master`, `worker-1`, … Figures that are not known are None.

    Percentages `_of_core` are of one core; a process of several threads may have more than 100.
    """

    host: str
    process: str
    cpu_mean_percent_of_core: float | None = _mean("cpu_percent")
    cpu_peak_percent_of_core: float | None = _max("cpu_percent")
    cpu_wait_mean_percent_of_core: float | None = _mean("cpu_wait_percent")
    memory_peak_bytes: float | None = _max("memory_bytes")
    disk_write_mean_bytes_per_s: float | None = _mean("disk_write_bytes_per_s")
    threads_peak: float | None = _max("threads")
    open_files_peak: float | None = _max("open_files")

    @property
    def is_worker(self) -> bool:
        """Whether it generates load."""
        return self.process.startswith(_WORKER)


@dataclass(frozen=True, slots=True)
class Machines:
    """All machines that were sampled, and the processes on them, in the order of their hosts' names."""

    rows: tuple[MachineRow, ...]
    processes: tuple[ProcessRow, ...]

    @property
    def by_kernel(self) -> list[tuple[MachineRow, ...]]:
        """The machines, those of one kernel together."""
        found: dict[str | MachineRow, list[MachineRow]] = {}
        for row in self.rows:
            found.setdefault(row.kernel if row.shares_kernel else row, []).append(row)
        return [tuple(rows) for rows in found.values()]

    def cpu_of_processes(self, machine: MachineRow, process: str | None = None) -> float | None:
        """Percent of all the machine's cores that its watched processes used, those of one name or all.

        None where it is not known.
        """
        used = [
            row.cpu_mean_percent_of_core
            for row in self.processes
            if row.host in machine.hosts and process in (None, row.process) and row.cpu_mean_percent_of_core is not None
        ]
        return sum(used) / machine.cores if used and machine.cores else None


def build(run: RunFolder, timeline: Timeline, within_load: pd.DataFrame) -> Machines:
    """The rows of all that have a sample in the measured stage."""
    inside = machine_samples.measured(within_load, timeline)
    machine = inside["process"] == WHOLE_MACHINE
    hosts, kernels = hosts_of(run), kernels_of(run)
    shared = Counter(kernels.values())
    rows = []
    for (id_,), figures in _figures(run, inside[machine], ["machine"], MachineRow, start=("swap_bytes", "first")):
        at_start, peak = figures.pop("start"), figures["swap_peak_bytes"]
        growth = None if at_start is None or peak is None else peak - at_start
        roles = dict.fromkeys(role for host in hosts[id_] for role in run.manifest.roles(host))
        kernel = kernels.get(id_, "")
        rows.append(
            MachineRow(
                hosts=hosts[id_],
                roles=tuple(roles),
                kernel=kernel,
                shares_kernel=shared[kernel] > 1,
                swap_growth_bytes=growth,
                **figures,
            )
        )
    processes = [
        ProcessRow(host=host, process=process, **figures)
        for (host, process), figures in _figures(run, inside[~machine], ["host", "process"], ProcessRow)
    ]
    return Machines(
        tuple(sorted(rows, key=lambda row: natural(row.name))),
        tuple(sorted(processes, key=lambda row: (natural(row.host), natural(row.process)))),
    )


def hosts_of(run: RunFolder) -> dict[str, tuple[str, ...]]:
    """Machine to the hosts of the inventory that are this machine, in the order of their names."""
    pairs = run.host_metrics[["machine", "host"]].drop_duplicates()
    return {str(id_): tuple(sorted(found["host"], key=natural)) for id_, found in pairs.groupby("machine")}


def kernels_of(run: RunFolder) -> dict[str, str]:
    """Machine to its kernel, without those that do not tell."""
    told = run.host_metrics.loc[run.host_metrics["kernel"] != "", ["machine", "kernel"]].drop_duplicates("machine")
    return {str(id_): str(kernel) for id_, kernel in zip(told["machine"], told["kernel"], strict=True)}


def _figures(
    run: RunFolder,
    samples: pd.DataFrame,
    by: Sequence[str],
    row: type[MachineRow | ProcessRow],
    **more: tuple[str, str],
) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """For each value of the columns `by`: that value, and figures of `row` and `more`, floats or None."""
    wanted = {each.name: each.metadata["source"] for each in fields(row) if each.metadata} | more
    columns_of: dict[str, list[str]] = {}
    for column, how in wanted.values():
        columns_of.setdefault(how, []).append(column)
    # One pass for each way, because one for each figure takes several times as long.
    made = {
        how: machine_samples.with_figures(run, samples[[*by]], dict.fromkeys(columns)).groupby(list(by)).agg(how)
        for how, columns in columns_of.items()
    }
    found = pd.DataFrame({name: made[how][column] for name, (column, how) in wanted.items()}).reset_index()
    return [
        (
            tuple(str(record[column]) for column in by),
            {name: None if record[name] != record[name] else float(record[name]) for name in wanted},
        )
        for record in found.to_dict("records")
    ]
