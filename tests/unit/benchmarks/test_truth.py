"""The arithmetic of the truth: percentiles, an open loop's response times, packets, and the table."""

import contextlib
import json
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from benchmarks.truth import latency_trials, packets
from benchmarks.truth.__main__ import chosen
from benchmarks.truth.latency_trials import LATENCY_TRIALS, open_loop_us
from benchmarks.truth.locust_run import Load
from benchmarks.truth.said import Said, read
from benchmarks.truth.scripted_server import ROW, percentile, without_last
from benchmarks.truth.setting import CLOSED, OPEN, Setting, load_of
from benchmarks.truth.table import (
    Outcome,
    Row,
    at_least,
    at_most,
    exact,
    latency,
    markdown,
    measured,
    named,
    not_valid,
    printed,
    summary,
    within,
)
from zk_locust.contract.clock_names import RESPONSE, SERVICE, SLIP


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


def test_the_last_request_of_each_connection_is_left_out() -> None:
    rows = np.zeros(5, ROW)
    rows["connection"] = [1, 2, 1, 2, 3]
    rows["arrival"] = [10, 20, 50, 40, 30]
    assert without_last(rows)["arrival"].tolist() == [10, 20]


class Answers:
    """Stands in for a setting, its server and the run: gets of 1 ms, one in fifty of 20 ms, and what a run says."""

    folder, seconds, hosts, precise = Path("/nowhere"), 1.0, "", True

    def __init__(self, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows = np.zeros(1000, ROW)
        self.rows["arrival"] = 1 + np.arange(1000) * 1_000_000
        self.rows["send"] = self.rows["sent"] = self.rows["arrival"] + np.where(np.arange(1000) % 50, 1, 20) * 1_000_000
        monkeypatch.setattr(latency_trials, "run", lambda *_: said)

    def rows_of(self, trial: str) -> dict[str, Row]:
        return {row.figure: row for row in LATENCY_TRIALS[trial](cast(Setting, self))}

    def server(self, name: str, **script: object) -> contextlib.AbstractContextManager["Answers"]:
        assert name
        assert script
        return contextlib.nullcontext(self)


def test_both_clocks_of_a_bimodal_server_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    times = {50.0: 1010.0, 99.0: 20_050.0, 99.9: 20_060.0}
    said = Said(clocks_us={(clock, at): time for clock in (RESPONSE, SERVICE) for at, time in times.items()})
    said.clocks_us[RESPONSE, 99.0] = 1010.0
    rows = Answers(said, monkeypatch).rows_of("bimodal-open")
    assert len(rows) == 6
    assert [figure for figure, row in rows.items() if not row.accepted] == ["response time p99"]
    assert rows["response time p99"].expected == "20,000 µs"


@pytest.mark.parametrize(
    ("client", "found_us", "accepted"),
    [("native", 20_190.0, True), ("native", 25_000.0, False), ("kazoo", 26_600.0, True), ("kazoo", 26_800.0, False)],
)
def test_a_valid_time_of_an_application_may_have_a_quarter_of_the_load_side(
    client: str, found_us: float, accepted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = Said(clocks_us={(SERVICE, 50.0): 1000.0, (SERVICE, 99.0): found_us}, verdict="valid")
    rows = Answers(said, monkeypatch).rows_of(f"constant-{client}")
    assert rows["service time p99"].accepted == accepted


@pytest.mark.parametrize("verdict", ["valid", "inconclusive: stalls"])
def test_a_closed_loop_with_stalls_must_not_be_valid(verdict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = Said(verdict=verdict, figures=dict.fromkeys(("rate", "p50", "p99", "p99.9"), verdict))
    rows = Answers(said, monkeypatch).rows_of("stall-closed-repeated")
    assert [rows[figure].accepted for figure in ("rate", "p99", "p99.9")] == [verdict != "valid"] * 3


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


INCONCLUSIVE = "inconclusive: client-delay"


def test_what_is_not_said_does_not_hold() -> None:
    assert latency("t", "f", 5000, 5099, "valid").outcome is Outcome.HOLDS
    assert latency("t", "f", 5000, 5101, "valid").outcome is Outcome.WRONG
    assert latency("t", "f", 100_000, 100_900, "valid").outcome is Outcome.HOLDS
    assert latency("t", "f", 5000, None, "valid").outcome is Outcome.WRONG
    assert latency("t", "f", 5000, float("nan"), "valid").outcome is Outcome.WRONG
    assert exact("t", "f", 20, 19).outcome is Outcome.WRONG
    assert within("t", "f", 1000, 1001, "/s", 0.001 * 1000).outcome is Outcome.HOLDS
    for limit in (at_most, at_least):
        assert limit("t", "f", 5, 5, "s").outcome is Outcome.HOLDS
        assert limit("t", "f", 5, None, "s").outcome is Outcome.WRONG
    assert at_most("t", "f", 5, 5.1, "s").outcome is Outcome.WRONG
    assert at_least("t", "f", 5, 4.9, "s").outcome is Outcome.WRONG


def test_a_wrong_figure_is_accepted_only_where_the_report_warns_of_it() -> None:
    assert latency("t", "f", 5000, 9000, INCONCLUSIVE, or_flagged=True).outcome is Outcome.FLAGGED
    assert latency("t", "f", 5000, 9000, INCONCLUSIVE).outcome is Outcome.WRONG
    for verdict in ("valid", ""):
        assert latency("t", "f", 5000, 9000, verdict, or_flagged=True).outcome is Outcome.WRONG
        assert not_valid("t", "f", verdict).outcome is Outcome.WRONG
    assert latency("t", "f", 5000, None, INCONCLUSIVE, or_flagged=True).outcome is Outcome.WRONG
    assert not_valid("t", "f", INCONCLUSIVE).outcome is Outcome.HOLDS


def test_a_note_on_a_figure_is_named() -> None:
    assert named("t", "rate", "worker-away", frozenset({"worker-away", "cpu-wait"}), "valid").outcome is Outcome.HOLDS
    assert named("t", "rate", "worker-away", frozenset({"cpu-wait"}), "valid").outcome is Outcome.WRONG


ROWS = [
    latency("stall", "p99", 2_880_000, 13_000, "valid"),
    latency("stall", "p50", 1000, 1010, "valid"),
    latency("stall", "p99.9", 1000, 9000, INCONCLUSIVE, or_flagged=True),
    exact("frozen", "censored", 20, None, "inconclusive: few-operations"),
    not_valid("frozen", "rate", "inconclusive: censored"),
    measured("open", "client delay p50", 40.4, "µs"),
]


def test_the_table_says_each_row_and_what_nobody_noticed() -> None:
    lines = printed(ROWS).splitlines()
    assert len(lines) == 8
    assert lines[2].split()[:2] == ["stall", "p99"]
    assert "-2,867,000 µs  does not hold   valid" in lines[2]
    assert "+10 µs  holds           valid" in lines[3]
    assert f"+8,000 µs  off, not valid  {INCONCLUSIVE}" in lines[4]
    assert lines[5].endswith("does not hold   inconclusive: few-operations")
    assert lines[6].split()[2:6] == ["not", "valid", "inconclusive", "-"]
    assert "40 µs" in lines[7]
    assert [row.accepted for row in ROWS] == [False, True, True, False, True, True]
    assert summary(ROWS) == "2 of 5 hold, 1 are off and not valid; of the 2 others, 1 are called valid"


def test_the_table_goes_into_a_page() -> None:
    lines = markdown(ROWS[:1]).splitlines()
    assert lines[0].count("|") == lines[1].count("|") == lines[2].count("|") == 7
    assert lines[2] == "| stall | p99 | 2,880,000 µs | 13,000 µs | does not hold | valid |"


COLUMNS = "elapsed_s,stage,worker,type,name,requests,failures,p50_us,p99_us,p99.9_us,max_us,cpu_percent"
STATS = """
1,measured,all,zookeeper,get,10,1,100,200,300,400,
1,measured,all,,Aggregated,10,1,100,200,300,400,
1,measured,w1,,Aggregated,10,1,100,200,300,400,50
2,measured,all,zookeeper,get,30,2,110,210,310,410,
2,measured,all,,Aggregated,30,2,110,210,310,410,
2,measured,w1,,Aggregated,30,2,110,210,310,410,70
2,measured,w1,zookeeper,get,29,2,999,999,999,999,
3,cool-down,all,zookeeper,get,4,0,1,2,3,4,
"""
MORE_COLUMNS = ",suppressed,censored,censored_max_us,offered,missed,dropped,response_p50_us,response_max_us,slip_p99_us"
OF_GETS = ",3,5,2000,,,,120,420,33"
OF_ALL = ",3,5,2000,50,10,1,120,420,33"


def test_a_run_of_an_older_version_is_read(tmp_path: Path) -> None:
    (tmp_path / "locust-stats.csv").write_text(COLUMNS + STATS)
    said = read(tmp_path)
    assert (said.successes, said.failures) == (34, 2)
    assert [said.percentile_us(SERVICE, percent) for percent in (50, 99, 99.9)] == [110.0, 210.0, 310.0]
    assert (said.longest_us, said.rate, said.worker_cpu_percent) == ({SERVICE: 410.0}, 15.0, 70.0)
    assert said.percentile_us(RESPONSE, 50) is None
    assert (said.censored, said.suppressed, said.offered, said.missed, said.unreported) == (None,) * 5
    assert said.accounted == 36


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    lines = (COLUMNS + STATS).splitlines()
    more = [MORE_COLUMNS, *(OF_ALL if "Aggregated" in line else OF_GETS for line in lines[1:])]
    (tmp_path / "locust-stats.csv").write_text("\n".join(map("".join, zip(lines, more, strict=True))))
    return tmp_path


def test_all_clocks_and_counts_are_read(run_folder: Path) -> None:
    said = read(run_folder)
    assert (said.suppressed, said.censored, said.censored_max_us) == (6, 10, 2000.0)
    assert (said.offered, said.missed, said.dropped) == (50, 10, 1)
    assert (said.percentile_us(RESPONSE, 50), said.longest_us[RESPONSE]) == (120.0, 420.0)
    assert said.percentile_us(SLIP, 99) == 33.0
    assert said.accounted == 34 + 2 + 6 + 10


def test_what_killed_workers_have_not_reported_is_read(run_folder: Path) -> None:
    (run_folder / "events.csv").write_text(
        "timestamp,source,event,subject,detail\n"
        "t,master,worker-lost,w1,it has ended\n"
        "t,master,operations-unreported,w1,37 were sent since its last report\n"
        "t,master,operations-unreported,w2,5 were sent since its last report\n"
        "t,master,operations-unreported,w3,an unknown number\n"
    )
    said = read(run_folder)
    assert (said.lost_workers, said.unreported) == (1, 42)
    assert said.accounted == 52 + 42


def test_each_figure_has_its_own_verdict(run_folder: Path) -> None:
    delay = {"rule": "client-delay", "severity": "inconclusive"}
    absent = {"rule": "member-unreachable", "severity": "inconclusive"}
    note = {"rule": "worker-cpu", "severity": "note"}

    def figure(operation: str, name: str, verdict: str, *reasons: dict[str, str], value: float | None = 1.0) -> object:
        return {"operation": operation, "figure": name, "clock": "service", "value": value, "verdict": verdict,
                "reasons": reasons}  # fmt: skip

    report = {
        "verdict": {"verdict": "inconclusive", "reasons": [absent, delay]},
        "figures": [
            figure("all operations", "p50", "valid"),
            figure("all operations", "p99", "valid"),
            figure("get", "rate", "inconclusive", absent, note, value=812.5),
            figure("get", "p50", "inconclusive", note, absent, delay),
            figure("get", "p99.9", "void", value=None),
        ],
    }
    (run_folder / "report.json").write_text(json.dumps(report))
    said = read(run_folder)
    assert said.verdict == "inconclusive: client-delay"
    assert said.verdict_on("p50") == "inconclusive: client-delay"
    assert said.verdict_on("p99") == "valid"
    assert said.verdict_on("rate") == "valid"
    assert said.rules["rate"] == {"member-unreachable", "worker-cpu"}
    assert said.rate == 812.5
    assert said.verdict_on("p99.9") == said.verdict


def test_a_load_is_a_command_line() -> None:
    arguments = Load(8, 12, options={"ignore-connection-down": True, "stats-collect": "500ms"}).arguments("h:1")
    assert "--ignore-connection-down" in arguments
    assert arguments[arguments.index("--stats-collect") + 1] == "500ms"
    assert "--arrival-rate" not in arguments
    assert not {"None", "True"} & set(arguments)


def test_both_loops_have_sessions_for_their_rate() -> None:
    closed, opened = load_of(CLOSED, 4000, 12), load_of(OPEN, 4000, 12)
    assert (closed.users, closed.wait_ms, closed.arrival_rate) == (40, 5.0, None)
    assert (opened.users, opened.arrival_rate) == (40, 4000)


def test_trials_are_chosen_by_patterns() -> None:
    assert chosen("rate-open-*-8000,frozen", quick=True) == ["frozen", "rate-open-1-8000", "rate-open-4-8000"]
    assert "constant-kazoo" not in chosen(None, quick=True)
    assert "constant-kazoo" in chosen(None, quick=False)
    everything = {f"constant-{client}" for client in ("native", "libzookeeper", "kazoo")}
    everything |= {"stall-closed-repeated", "bimodal-open"}
    assert everything <= set(chosen(None, quick=False))
    with pytest.raises(ValueError, match="rates"):
        chosen("frozen,rates", quick=False)
