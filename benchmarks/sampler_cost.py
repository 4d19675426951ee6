"""What it costs to sample a machine: CPU for each sample, and memory of the sampler, next to psutil.

    python -m benchmarks.sampler_cost [--processes 8] [--samples 500]

Both read the same figures of the machine and of the same idle processes, each in a process of its own. psutil is what a
user would take. It would have to be installed on every member, and does not report the time spent waiting for a core.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

from benchmarks.own_process import measured

READERS = ("host_metrics", "psutil")


def reader(name: str, pids: list[int]) -> Callable[[], object]:
    """Return the function that reads the machine and the processes once."""
    if name == "host_metrics":
        from host_metrics.machine import read_machine
        from host_metrics.process import read_process
        from host_metrics.process_identity import identity_of

        identities = [identity_of(pid) for pid in pids]
        return lambda: (read_machine(), [read_process(identity) for identity in identities])
    import psutil

    processes = [psutil.Process(pid) for pid in pids]

    def look() -> object:
        machine = psutil.cpu_times(), psutil.virtual_memory(), psutil.swap_memory()
        devices = psutil.disk_io_counters(perdisk=True), psutil.net_io_counters(pernic=True)
        wanted = ["cpu_times", "memory_full_info", "io_counters", "num_threads", "num_fds"]
        return machine, devices, [process.as_dict(wanted) for process in processes]  # `as_dict` uses `oneshot`

    return look


def measure(name: str, pids: list[int], samples: int) -> dict[str, float]:
    """Return milliseconds of CPU for each sample, and MiB of memory."""
    look = reader(name, pids)
    look()
    began = time.process_time()
    for _ in range(samples):
        look()
    cpu_s = time.process_time() - began
    return {"cpu_ms": 1000 * cpu_s / samples, "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--processes", type=int, default=8, help="idle processes that are sampled")
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--measure", choices=READERS, help=argparse.SUPPRESS)
    parser.add_argument("--pids", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure, [int(pid) for pid in given.pids.split(",")], given.samples)))
        return
    idle = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) for _ in range(given.processes)]
    try:
        pids = ",".join(str(process.pid) for process in idle)
        found = {}
        for name in READERS:
            found[name] = measured("sampler_cost", name, "--pids", pids, "--samples", given.samples)
            print(f"{name:<14}{found[name]['cpu_ms']:8.3f} ms of CPU a sample {found[name]['memory_mib']:8.1f} MiB")
    finally:
        for process in idle:
            process.kill()
            process.wait()
    ours, theirs = (found[name] for name in READERS)
    print(
        f"host_metrics / psutil: {ours['cpu_ms'] / theirs['cpu_ms']:.2f} of the CPU,"
        f" {ours['memory_mib'] / theirs['memory_mib']:.2f} of the memory"
    )


if __name__ == "__main__":
    main()
