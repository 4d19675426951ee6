"""What an hour of the members' metrics takes on disk, and how long pandas needs to read it.

    python -m benchmarks.metrics_size [--polls 60] [--members 5]

Three real members under a small load are polled once a second. Their answers are then repeated up to an hour, with
counters that keep growing, and written in the format of `zk-metrics.csv`. The rival is one row for each metric.
"""

import argparse
import csv
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from lab.locust_processes import LOCUSTFILES, start_locust
from lab.zookeeper_server import ZooKeeperServers
from zk_metrics.columns import LONG_COLUMNS
from zk_metrics.member import Member, Sample
from zk_metrics.metrics_file import MetricsFile
from zk_metrics.untrusted import Value

HOUR_S = 3600
Answers = list[dict[str, Value]]


def polled(folder: Path, polls: int) -> list[Answers]:
    """Return the answers of each of three members, one for each poll."""
    with ZooKeeperServers(3, folder, full_speed=True) as servers:
        load = start_locust(
            folder / "locust.log", "-f", str(LOCUSTFILES / "locust_set_and_get.py"), "--headless", "--client", "native",
            "--hosts", servers.hosts, "--users", "32", "--spawn-rate", "32", "--run-time", f"{polls + 5}s",
            "--min-wait", "30", "--max-wait", "60",
        )  # fmt: skip
        members = [Member(f"zk{m.server_id}", f"{m.admin_url}/commands/monitor") for m in servers.members]
        found: list[Answers] = [[] for _ in members]
        for _ in range(polls):
            time.sleep(1)
            for answers, member in zip(found, members, strict=True):
                if not (sample := member.ask()).detail:
                    answers.append(sample.metrics)
        load.terminate()
        load.wait(30)
    return found


def at(answers: Answers, second: int) -> dict[str, Value]:
    """Return the answer that the member would give at that second: a recorded one, with counters that keep growing."""
    cycle, place = divmod(second, len(answers))
    told = dict(answers[place])
    for name, value in told.items():
        first, last = answers[0].get(name), answers[-1].get(name)
        if isinstance(value, int) and isinstance(first, int) and isinstance(last, int) and last > first:
            told[name] = value + cycle * (last - first)
    return told


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--polls", type=int, default=60)
    parser.add_argument("--members", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = polled(folder, options.polls)
        table, long = folder / "zk-metrics.csv", folder / "long.csv"
        file, began = MetricsFile(str(table)), datetime.now(UTC)
        writing_s = 0.0
        with long.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(LONG_COLUMNS)
            for second in range(HOUR_S):
                for number in range(options.members):
                    told = at(found[number % len(found)], second)
                    moment = began + timedelta(seconds=second, microseconds=1234 * number)
                    before = time.perf_counter()
                    file.write(f"zk{number + 1}", Sample(moment, before, 3.2, told))
                    writing_s += time.perf_counter() - before
                    label = [moment.isoformat(timespec="microseconds"), f"{second:.6f}", f"zk{number + 1}"]
                    writer.writerows([*label, metric, value, ""] for metric, value in told.items())
        file.close()
        print(f"an hour of {options.members} members at 1 s, {len(found[0][-1])} metrics each")
        for what, path in (("a row for each poll", table), ("a row for each metric", long)):
            before = time.perf_counter()
            rows = len(pd.read_csv(path))
            took_s = time.perf_counter() - before
            print(f"{what:22} {path.stat().st_size / 1e6:6.1f} MB  {rows:>10,} rows  read by pandas in {took_s:.2f} s")
        print(f"writing a poll: {writing_s / HOUR_S / options.members * 1e6:.0f} µs")


if __name__ == "__main__":
    main()
