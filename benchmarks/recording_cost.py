"""What recording costs: a value, beside a dictionary and HdrHistogram; a get inside Locust, with recording and without.

    python -m benchmarks.recording_cost [--values 200000] [--users 32] [--seconds 6] [--rounds 3]

Values are log-normal around 400 µs. All figures come from one run, in turns; each is the best of its rounds. Without
recording, timers only count, and there are no statistics files.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hdrh.histogram import HdrHistogram
from locust.env import Environment

from benchmarks.client_cost import compile_floor, measure_floor_in_c, prepare
from benchmarks.locust_cost import FLOOR, measure
from benchmarks.standalone_server import standalone_server
from zk_locust.contract.histogram import HIGHEST_TRACKABLE_US
from zk_locust.load.recording import Operation, recording_of
from zk_locust.load.timer import LocustTimer, TimerSettings
from zk_locust.load.times import Times

UNTIMED = Path(__file__).with_name("untimed_workload.py")
TIMES, DICTIONARY, HDR = "kept and counted", "dictionary", "HdrHistogram"
COUNTED_AT_ONCE = 10_000  # what a busy worker records in a second


class Dictionary:
    """A dictionary of buckets, as it was recorded into before."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.requests = self.sum_us = 0
        self.min_us, self.max_us = 1 << 62, -1

    def record(self, value_us: int) -> None:
        """Count one value."""
        self.requests += 1
        self.sum_us += value_us
        if value_us < self.min_us:
            self.min_us = value_us
        if value_us > self.max_us:
            self.max_us = value_us
        if value_us > HIGHEST_TRACKABLE_US:
            return
        if value_us >= 2048:
            shift = value_us.bit_length() - 11
            value_us = (value_us >> shift) << shift
        counts = self.counts
        counts[value_us] = counts.get(value_us, 0) + 1


def ns_each(use: Callable[[int], object], values: Sequence[int]) -> float:
    """Return the CPU of one call, nanoseconds, without the loop's own."""
    began = time.thread_time_ns()
    for _ in values:
        pass
    empty = time.thread_time_ns()
    for value in values:
        use(value)
    return (time.thread_time_ns() - empty - (empty - began)) / len(values)


def ns_each_with_counting(use: Callable[[int], object], take: Callable[[], object], values: Sequence[int]) -> float:
    """Return the CPU of one call, nanoseconds, with its part of what `take` does after each 10,000 calls."""
    found = 0.0
    for start in range(0, len(values), COUNTED_AT_ONCE):
        piece = values[start : start + COUNTED_AT_ONCE]
        found += ns_each(use, piece) * len(piece)
        began = time.thread_time_ns()
        take()
        found += time.thread_time_ns() - began
    return found / len(values)


def value_costs(values: Sequence[int]) -> dict[str, float]:
    """Return nanoseconds of CPU by what is done."""
    times, operation = Times(), Operation()
    found = {
        TIMES: ns_each_with_counting(times.add_ns, times.take, [value * 1000 for value in values]),
        DICTIONARY: ns_each(Dictionary().record, values),
        HDR: ns_each(HdrHistogram(1, HIGHEST_TRACKABLE_US, 3).record_value, values),
        "one success: service time": ns_each_with_counting(
            lambda value: operation.succeed(0, 1, 0, value * 1000), operation.take, values
        ),
        "one success: all four clocks": ns_each_with_counting(
            lambda value: operation.succeed(1, 2, value, value * 1000), operation.take, values
        ),
    }
    environment = Environment()
    runner = environment.create_local_runner()
    recording_of(environment.events).fill_statistics_of(environment, runner)
    timer = LocustTimer("get", settings=TimerSettings(environment.events))

    def block(_: int) -> None:
        with timer:
            timer.success(8)

    found["a timer's block"] = ns_each(block, values)
    environment.events.request.add_listener(lambda **_: None)
    found["a timer's block, one more listener"] = ns_each(block, values)
    runner.quit()
    return found


def get_costs(users: int, seconds: int, rounds: int) -> dict[str, float]:
    """Return CPU seconds per 10,000 gets inside Locust; those of the floor where there is a C compiler."""
    costs: dict[str, float] = {}
    with standalone_server() as servers:
        program = compile_floor(servers.folder)
        prepare(servers.hosts, users, 60_000)
        for _ in range(rounds):
            found = {
                "recording on": measure("native", servers.hosts, users, seconds, servers.folder),
                "without the slowest": measure("native", servers.hosts, users, seconds, servers.folder, slowest=False),
                "recording off": measure("native", servers.hosts, users, seconds, None, UNTIMED),
            }
            if program is not None:
                found[FLOOR] = measure_floor_in_c(program, servers.members[0].client_port, users, 60_000)["get"]
            costs = {name: min(cost, costs.get(name, cost)) for name, cost in found.items()}
    return costs


def report(values: dict[str, float], gets: dict[str, float]) -> None:
    """Print both tables and the aims."""
    print(f"\n{'Recording a value':<38}{'ns of CPU':>10}{'/ first':>8}")
    for name, cost in values.items():
        print(f"{name:<38}{cost:>10.0f}{cost / values[TIMES]:>8.2f}")
    print(f"\n{'10,000 gets inside Locust, native':<38}{'CPU s':>10}{'/ off':>8}")
    for name, cost in gets.items():
        print(f"{name:<38}{cost:>10.3f}{cost / gets['recording off']:>8.2f}")
    print(f"\na value: {values[TIMES] / 1000:.3f} µs   aim: at most 0.2 µs")
    if FLOOR in gets:
        print(f"native, recording on / floor: {gets['recording on'] / gets[FLOOR]:.2f}   aim: at most 3")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--values", type=int, default=200_000)
    parser.add_argument("--users", type=int, default=32)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    drawn = random.Random(12)
    values = [int(drawn.lognormvariate(6, 0.8)) for _ in range(options.values)]
    rounds = [value_costs(values) for _ in range(options.rounds)]
    best = {name: min(found[name] for found in rounds) for name in rounds[0]}
    print("measuring gets inside Locust", file=sys.stderr)
    report(best, get_costs(options.users, options.seconds, options.rounds))


if __name__ == "__main__":
    main()
