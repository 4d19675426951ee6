"""The columns of `host-metrics.csv`: at each sample one row for the machine, and one for each process that lives.

A figure covers the time since the previous sample. A cell is empty if the figure is not available, such as another
user's open files or a virtual machine's disks. CPU is in percent of one core: 8 busy cores are 800.
"""

from __future__ import annotations

from typing import Final

WHOLE_MACHINE: Final = ""

STALL_COLUMNS: Final[tuple[str, ...]] = (
    "cpu_stall_percent",  # machine: at least one task was ready to run but waited for a core, percent of the time
    "io_stall_percent",  # machine: at least one task waited for a disk, percent of the time
    "memory_stall_percent",  # machine: at least one task waited for memory, percent of the time
)
"""The kernel's pressure stall information; older files lack it, and kernels may."""

HOST_COLUMNS: Final[tuple[str, ...]] = (
    "timestamp",  # UTC, ISO 8601 with microseconds, by the host's own clock; a label
    "elapsed_s",  # seconds on the host's monotonic clock since its sampler started
    "host",  # the host's name in the inventory
    "machine",  # the same for all hosts of the inventory that are one machine (or one container of it)
    "kernel",  # the same for all machines that are containers of one: CPU, memory and disks are all of theirs together
    "process",  # master, worker-1, zookeeper, …; empty in the machine's own row
    "cores",  # machine: cores that are switched on
    "cpu_percent",  # CPU in use, percent of one core
    "cpu_wait_percent",  # process: its threads together were ready to run but waited for a core, percent of one core
    "iowait_percent",  # machine: cores that were idle while something waited for a disk, percent of one core
    "steal_percent",  # machine: taken by the hypervisor for other guests, percent of one core
    "memory_bytes",  # machine: what is not available to new processes; process: resident set
    "memory_total_bytes",  # machine
    "swap_bytes",  # swapped out
    "disk_read_bytes_per_s",  # machine: from its disks; process: what it caused
    "disk_write_bytes_per_s",
    "disk_busy_percent",  # machine: the busiest disk was at work, percent of the time
    "net_receive_bytes_per_s",  # machine: all interfaces but loopback
    "net_send_bytes_per_s",
    "tcp_retransmits_per_s",  # machine: segments sent once more, loopback included
    "threads",  # process
    "open_files",  # process: descriptors
    *STALL_COLUMNS,
)

# Events of a file that is written while a load runs (`lasting_file`), as `events.csv` names them.
WRITE_FAILED: Final = "write-failed"
WRITE_RESUMED: Final = "write-resumed"
RECORDS_LOST: Final = "records-lost"
