"""The arithmetic of the truth: percentiles, an open loop's response times, packets, and the table."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.truth import packets
from benchmarks.truth.locust_run import read
from benchmarks.truth.scripted_server import ROW, percentile
from benchmarks.truth.table import Row, latency, printed, summary
from benchmarks.truth.trials import open_loop_us


def test_percentiles_take_the_ceiling_of_the_rank() -> None:
    values = np.array([1.0] * 1598 + [1000.0] * 2)
    assert percentile(values, 99.9) == 1000.0
    assert percentile(values, 99.0) == 1.0
    assert percentile(np.arange(1, 1001), 99.9) == 999
    assert percentile(np.array([3.0]), 50) == 3.0


def test_an_open_loop_waits_for_the_end_of_the_stall() -> None:
    done = np.concatenate([np.arange(0, 4_000, 10), np.arange(7_000, 12_000, 10)]) * 1_000_000
    rows = np.zeros(len(done), ROW)
    rows["arrival"] = done + 1
    rows["send"] = rows["sent"] = done + 1_000_001
    response_us = open_loop_us(rows, [(4_000_000_000, 7_000_000_000)], 12, 1000)
    assert len(response_us) == 12_000
    assert percentile(response_us, 50) == 1000
    assert percentile(response_us, 99) == pytest.approx(2_880_000, rel=0.01)
    assert response_us.max() == pytest.approx(3_000_000, rel=0.01)


def test_packets_are_matched_by_port_and_xid() -> None:
    found = np.array(
        [
            (1_000_000, 7, 40_000, 0),
            (1_500_000, 7, 40_001, 0),
            (1_600_000, 7, 40_001, 0),  # the same again
            (3_000_000, 7, 40_000, 1),
            (4_500_000, 7, 40_001, 1),
            (5_000_000, 8, 40_000, 0),  # without a reply
            (6_000_000, -2, 40_000, 0),  # a ping
            (7_000_000, -2, 40_000, 1),
        ],
        packets.PACKET,
    )
    assert packets.service_us(found, packets.keys(found)).tolist() == [2000.0, 3000.0]
    only = packets.keys(found[found["port"] == 40_001])
    assert packets.service_us(found, only).tolist() == [3000.0]


def test_what_is_not_said_does_not_hold() -> None:
    assert latency("t", "c", 5000, 5099, "valid").holds
    assert not latency("t", "c", 5000, 5101, "valid").holds
    assert latency("t", "c", 100_000, 100_900, "valid").holds
    assert not latency("t", "c", 5000, None, "valid").holds
    assert not latency("t", "c", 5000, float("nan"), "valid").holds
    assert not Row("t", "c", 20, 19, "", 0).holds


def test_the_table_says_each_row_and_what_nobody_noticed() -> None:
    rows = [
        latency("stall", "p99", 2_880_000, 13_000, "valid"),
        latency("stall", "p50", 1000, 1010, "valid"),
        Row("frozen", "without a reply", 20, None, "", 0, "inconclusive: few-operations"),
    ]
    lines = printed(rows).splitlines()
    assert len(lines) == 5
    assert lines[2].split()[:2] == ["stall", "p99"]
    assert "-2,867,000 µs  does not hold  valid" in lines[2]
    assert "+10 µs  holds          valid" in lines[3]
    assert lines[4].endswith("does not hold  inconclusive: few-operations")
    assert summary(rows) == "1 of 3 hold; of the 2 others, 1 stand in a run that is called valid"


COLUMNS = "elapsed_s,stage,worker,type,name,requests,failures,p50_us,p99_us,p99.9_us,max_us,cpu_percent"
STATS = """
1,measured,all,zookeeper,get,10,1,100,200,300,400,
1,measured,w1,,Aggregated,10,1,100,200,300,400,50
2,measured,all,zookeeper,get,30,2,110,210,310,410,
2,measured,w1,,Aggregated,30,2,110,210,310,410,70
3,cool-down,all,zookeeper,get,4,0,1,2,3,4,
"""


@pytest.mark.parametrize("knows_the_rest", [False, True])
def test_a_run_is_read_from_its_files(tmp_path: Path, knows_the_rest: bool) -> None:
    text = COLUMNS + STATS
    if knows_the_rest:
        first, *rest = text.splitlines()
        text = "\n".join([f"{first},censored", *(f"{line},5" for line in rest)])
    (tmp_path / "locust-stats.csv").write_text(text)
    said = read(tmp_path)
    assert (said.successes, said.failures) == (34, 2)
    assert said.percentiles_us == {50.0: 110.0, 99.0: 210.0, 99.9: 310.0}
    assert (said.longest_us, said.rate, said.worker_cpu_percent) == (410.0, 15.0, 70.0)
    assert said.unanswered == (10 if knows_the_rest else None)
    assert said.accounted == (46 if knows_the_rest else 36)
