"""What the machines and the processes on them used over the measured stage, one row each."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from host_metrics.columns import WHOLE_MACHINE
from reporting.analyse import machine_samples
from reporting.analyse.timeline import Timeline
from reporting.read.run_folder import RunFolder
from reporting.text import natural

ZOOKEEPER: Final = "zookeeper"
_WORKER: Final = "worker"


@dataclass(frozen=True, slots=True)
class MachineRow:
    """One machine, with all hosts of the inventory that are this machine. Figures are None where it does not tell.

    `kernel` is blank where it is not known. Where the machine `shares_kernel` with others of the run, they are
    containers, and what they tell of CPU, memory, swap and disks is of all of them together.
    Percentages `_of_machine` are of all its cores together. `swap_growth_bytes` is the most that was swapped out less
    what was at the start of the measured stage.
    """

    hosts: tuple[str, ...]
    roles: tuple[str, ...]
    kernel: str
    shares_kernel: bool
    cores: float | None
    cpu_mean_percent_of_machine: float | None
    cpu_peak_percent_of_machine: float | None
    iowait_mean_percent_of_machine: float | None
    steal_mean_percent_of_machine: float | None
    memory_peak_bytes: float | None
    memory_total_bytes: float | None
    swap_peak_bytes: float | None
    swap_growth_bytes: float | None
    net_receive_peak_bytes_per_s: float | None
    net_send_peak_bytes_per_s: float | None
    disk_write_mean_bytes_per_s: float | None
    disk_write_peak_bytes_per_s: float | None
    disk_busy_peak_percent: float | None
    tcp_retransmits_mean_per_s: float | None

    @property
    def name(self) -> str:
        """Its hosts, as a text."""
        return ", ".join(self.hosts)


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One process that was watched: `zookeeper`, `master`, `worker-1`, … Figures are None where it does not tell.

    Percentages `_of_core` are of one core; a process of several threads may have more than 100.
    """

    host: str
    process: str
    cpu_mean_percent_of_core: float | None
    cpu_peak_percent_of_core: float | None
    cpu_wait_mean_percent_of_core: float | None
    memory_peak_bytes: float | None
    threads_peak: float | None
    open_files_peak: float | None

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


_MACHINE_FIGURES: Final[Mapping[str, tuple[str, str]]] = {
    "cores": ("cores", "max"),
    "cpu_mean_percent_of_machine": ("cpu_share", "mean"),
    "cpu_peak_percent_of_machine": ("cpu_share", "max"),
    "iowait_mean_percent_of_machine": ("iowait_share", "mean"),
    "steal_mean_percent_of_machine": ("steal_share", "mean"),
    "memory_peak_bytes": ("memory_bytes", "max"),
    "memory_total_bytes": ("memory_total_bytes", "max"),
    "swap_peak_bytes": ("swap_bytes", "max"),
    "net_receive_peak_bytes_per_s": ("net_receive_bytes_per_s", "max"),
    "net_send_peak_bytes_per_s": ("net_send_bytes_per_s", "max"),
    "disk_write_mean_bytes_per_s": ("disk_write_bytes_per_s", "mean"),
    "disk_write_peak_bytes_per_s": ("disk_write_bytes_per_s", "max"),
    "disk_busy_peak_percent": ("disk_busy_percent", "max"),
    "tcp_retransmits_mean_per_s": ("tcp_retransmits_per_s", "mean"),
}
_SWAP_AT_START: Final = ("swap_bytes", "first")
_PROCESS_FIGURES: Final[Mapping[str, tuple[str, str]]] = {
    "cpu_mean_percent_of_core": ("cpu_percent", "mean"),
    "cpu_peak_percent_of_core": ("cpu_percent", "max"),
    "cpu_wait_mean_percent_of_core": ("cpu_wait_percent", "mean"),
    "memory_peak_bytes": ("memory_bytes", "max"),
    "threads_peak": ("threads", "max"),
    "open_files_peak": ("open_files", "max"),
}


def build(run: RunFolder, timeline: Timeline, within_load: pd.DataFrame) -> Machines:
    """The rows of all that have a sample in the measured stage."""
    samples = machine_samples.measured(within_load, timeline)
    machine = samples["process"] == WHOLE_MACHINE
    hosts, kernels = hosts_of(run), kernels_of(run)
    shared = Counter(kernels.values())
    rows = []
    for (id_,), figures in _figures(samples[machine], ["machine"], {**_MACHINE_FIGURES, "start": _SWAP_AT_START}):
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
        for (host, process), figures in _figures(samples[~machine], ["host", "process"], _PROCESS_FIGURES)
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
    samples: pd.DataFrame, by: Sequence[str], wanted: Mapping[str, tuple[str, str]]
) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """For each value of the columns `by`: that value, and the wanted figures as floats or None."""
    groups = samples.groupby(list(by))
    columns_of: dict[str, list[str]] = {}
    for column, how in wanted.values():
        columns_of.setdefault(how, []).append(column)
    # one look at the samples for each way: one for each figure takes some times as long
    made = {how: groups[columns].agg(how) for how, columns in columns_of.items()}
    found = pd.DataFrame({name: made[how][column] for name, (column, how) in wanted.items()}).reset_index()
    return [
        (
            tuple(str(record[column]) for column in by),
            {name: None if record[name] != record[name] else float(record[name]) for name in wanted},
        )
        for record in found.to_dict("records")
    ]
