"""What it costs to poll members: CPU of the process that asks, and of a member that answers.

    python -m benchmarks.metrics_cost [--members 5] [--interval-ms 500] [--seconds 20]

Real members without a load are polled by the monitor's pollers, which write `zk-metrics.csv`, once through the
AdminServer and once with `mntr`. A member's cost is its CPU while it is polled without that while it is not.
"""

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.own_process import measured
from lab.zookeeper_server import ZooKeeperServers

SOURCES = ("AdminServer", "mntr")
# The JVM compiles what answers, and the first answers cost several times the later ones.
WARM_UP_POLLS = 200


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def polled(addresses: list[str], source: str, interval_s: float, seconds: float, path: str) -> dict[str, float]:
    """Poll for that time; return CPU seconds of this process and the number of answers, after warming up the members.

    `addresses` are `admin port:client port` of each member on loopback. Files beside `path` mark begin and end.
    """
    from gevent import monkey

    monkey.patch_all()
    import gevent

    from zk_locust.contract.connect_string import Address
    from zk_metrics.member import Member, Sample
    from zk_metrics.metrics_file import MetricsFile
    from zk_metrics.polling import MemberPoller
    from zk_metrics.sources import FourLetterWord

    members = []
    for number, ports in enumerate(addresses, start=1):
        admin, client = ports.split(":")
        mntr = FourLetterWord("mntr", Address("127.0.0.1", int(client)))
        # Nothing listens on port 1, so the next source answers.
        url = f"http://127.0.0.1:{admin if source == 'AdminServer' else 1}/commands/monitor"
        members.append(Member(f"zk{number}", url, others=[mntr]))
    for _ in range(WARM_UP_POLLS):
        for member in members:
            member.ask()
    file, answers = MetricsFile(path), [0]

    def record(member: Member, sample: Sample) -> None:
        answers[0] += not sample.detail
        file.write(member.name, sample)

    Path(f"{path}.began").touch()
    before = time.process_time()
    pollers = [MemberPoller(member, interval_s, record) for member in members]
    gevent.sleep(seconds)
    used_s = time.process_time() - before
    Path(f"{path}.ended").touch()
    for poller in pollers:
        poller.stop()
    file.close()
    return {"cpu_s": used_s, "answers": answers[0]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--interval-ms", type=float, default=500.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    interval_s = options.interval_ms / 1000
    if options.measure:
        source, path, *addresses = options.measure
        json.dump(polled(addresses, source, interval_s, options.seconds, path), sys.stdout)
        return
    with tempfile.TemporaryDirectory() as name, ZooKeeperServers(options.members, Path(name)) as servers:
        print(f"{options.members} members, polled every {options.interval_ms:g} ms; CPU in percent of one core")
        pids = [member.process.pid for member in servers.members if member.process is not None]
        addresses = [f"{member.admin_port}:{member.client_port}" for member in servers.members]
        for source in SOURCES:
            path = Path(name) / f"{source}.csv"
            members, idle, asking, answers = _both(source, path, addresses, pids, options)
            print(
                f"{source:12} the process that asks {asking:5.2f} %; a member {members - idle:5.2f} % "
                f"({members:.2f} % polled, {idle:.2f} % not); {answers:.0f} answers"
            )


def _both(
    source: str, path: Path, addresses: list[str], pids: list[int], options: argparse.Namespace
) -> tuple[float, float, float, float]:
    """Return CPU of a member, polled and not, and of the process that asks, in percent of a core; and the answers."""
    found: dict[str, float] = {}

    def watch() -> None:
        for which in ("began", "ended"):
            while not path.with_name(f"{path.name}.{which}").exists():
                time.sleep(0.01)
            found[which] = sum(map(cpu_s, pids))

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    told = measured(
        "metrics_cost", source, path, *addresses, "--interval-ms", options.interval_ms, "--seconds", options.seconds
    )
    watching.join(10)
    time.sleep(2)
    before = sum(map(cpu_s, pids))
    time.sleep(options.seconds)
    idle = sum(map(cpu_s, pids)) - before
    percent = 100 / options.seconds
    share = percent / len(pids)
    return (found["ended"] - found["began"]) * share, idle * share, told["cpu_s"] * percent, told["answers"]


if __name__ == "__main__":
    main()
