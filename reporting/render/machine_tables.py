"""The tables of the machines and of the processes on them."""

from collections.abc import Callable
from typing import Final

from reporting import text
from reporting.analyse.machine_usage import MachineRow, ProcessRow
from reporting.render.report_tables import Table
from reporting.verdict.judged_run import JudgedRun

MAX_WORKER_ROWS: Final = 8
MAX_CONTAINERS: Final = 8
GIB: Final = 1024**3
MIB: Final = 1024**2
MB: Final = 1e6


def machines(judged: JudgedRun) -> Table | None:
    """What each machine used over the measured stage; columns that no machine tells are left out."""
    rows = judged.machines.rows
    columns: tuple[tuple[str, Callable[[MachineRow], str]], ...] = (
        ("Cores", lambda row: _shown(row.cores)),
        ("CPU (%)", lambda row: _shown(row.cpu_mean_percent_of_machine)),
        ("CPU, peak (%)", lambda row: _shown(row.cpu_peak_percent_of_machine)),
        ("Disk wait (%)", lambda row: _shown(row.iowait_mean_percent_of_machine, digits=1)),
        ("Steal (%)", lambda row: _shown(row.steal_mean_percent_of_machine, digits=1)),
        ("Memory, peak (GiB)", _memory),
        ("Swap, peak (GiB)", lambda row: _shown(row.swap_peak_bytes, GIB, digits=1)),
        ("Received, peak (MB/s)", lambda row: _shown(row.net_receive_peak_bytes_per_s, MB, digits=1)),
        ("Sent, peak (MB/s)", lambda row: _shown(row.net_send_peak_bytes_per_s, MB, digits=1)),
        ("Resent (1/s)", lambda row: _shown(row.tcp_retransmits_mean_per_s, digits=1)),
        ("Written (MB/s)", lambda row: _shown(row.disk_write_mean_bytes_per_s, MB, digits=1)),
        ("Written, peak (MB/s)", lambda row: _shown(row.disk_write_peak_bytes_per_s, MB, digits=1)),
        ("Disk busy, peak (%)", lambda row: _shown(row.disk_busy_peak_percent)),
    )
    told = [(title, shown) for title, shown in columns if any(shown(row) != text.NOTHING for row in rows)]
    note = (
        "Measured stage only: means, and peaks of one sample. CPU, disk wait and steal are percentages of all cores of "
        "the machine; steal is what the hypervisor gave to other guests. Network excludes loopback, resent are TCP "
        "segments, disk busy is how long the busiest disk was busy."
    )
    for together in judged.machines.by_kernel:
        if together[0].shares_kernel:
            names = text.some([row.name for row in together], MAX_CONTAINERS)
            note += f" {names} are containers of one kernel: CPU, memory, swap and disks are of all of them together."
    return (
        Table(
            "Machines in the measured stage",
            ("Machine", "Role", *(title for title, _ in told)),
            tuple((row.name, ", ".join(row.roles) or text.NOTHING, *(shown(row) for _, shown in told)) for row in rows),
            2,
            note=note,
        )
        if rows
        else None
    )


def processes(judged: JudgedRun) -> Table | None:
    """What each process used over the measured stage; of many workers only those that used the most CPU."""
    rows = judged.machines.processes
    workers = [row for row in rows if row.is_worker]
    busiest = sorted(workers, key=lambda row: -(row.cpu_mean_percent_of_core or 0.0))[:MAX_WORKER_ROWS]
    shown = [row for row in rows if not row.is_worker or row in busiest]
    note = "CPU is in percent of one core. Waiting is time that threads were ready to run and had no core."
    if len(busiest) < len(workers):
        note += f" Of {len(workers)} workers the {len(busiest)} that used the most CPU; host-metrics.csv has all."
    head = (
        *("Host", "Process", "CPU (%)", "CPU, peak (%)", "Waiting (%)", "Memory, peak (MiB)", "Threads, peak"),
        "Open files, peak",
    )
    return (
        Table("Processes in the measured stage", head, tuple(_process_cells(row) for row in shown), 2, note=note)
        if shown
        else None
    )


def _process_cells(row: ProcessRow) -> tuple[str, ...]:
    return (
        row.host,
        row.process,
        _shown(row.cpu_mean_percent_of_core),
        _shown(row.cpu_peak_percent_of_core),
        _shown(row.cpu_wait_mean_percent_of_core, digits=1),
        _shown(row.memory_peak_bytes, MIB),
        _shown(row.threads_peak),
        _shown(row.open_files_peak),
    )


def _memory(row: MachineRow) -> str:
    used = _shown(row.memory_peak_bytes, GIB, digits=1)
    return used if row.memory_total_bytes is None else f"{used} of {row.memory_total_bytes / GIB:,.1f}"


def _shown(value: float | None, unit: float = 1.0, digits: int = 0) -> str:
    return text.NOTHING if value is None else f"{value / unit:,.{digits}f}"
