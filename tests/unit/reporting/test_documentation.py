"""docs/results.md names every file, column, rule and threshold there is."""

import re
from pathlib import Path

import pytest

from host_metrics.columns import HOST_COLUMNS
from locust_extra.columns import (
    DISTRIBUTION_FIELDS,
    MOMENT_COLUMNS,
    SESSION_COLUMNS,
    SESSION_EVENTS,
    SLOW_COLUMNS,
    STATS_COLUMNS,
)
from reporting.analyse.steadiness import least_z
from reporting.verdict import thresholds as rule_book
from zk_locust.contract.events import EVENT_COLUMNS
from zk_metrics.columns import METRIC_COLUMNS

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs" / "results.md").read_text()


def section(title: str) -> str:
    return re.split(r"^#{2,3} ", DOCUMENT.split(f"### {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize(
    ("file", "columns"),
    [
        ("locust-stats.csv", STATS_COLUMNS),
        ("locust-distrib.jsonl", DISTRIBUTION_FIELDS),
        ("slow-operations.csv", SLOW_COLUMNS),
        ("zk-metrics.csv", METRIC_COLUMNS),
        ("host-metrics.csv", HOST_COLUMNS),
        ("events.csv", EVENT_COLUMNS),
        ("moments.csv", MOMENT_COLUMNS),
        ("sessions.csv", (*SESSION_COLUMNS, *SESSION_EVENTS)),
    ],
)
def test_every_column_is_explained(file: str, columns: tuple[str, ...]) -> None:
    missing = [column for column in columns if f"`{column}`" not in section(file)]
    assert missing == []


def test_every_rule_is_explained_and_no_other() -> None:
    sources = "".join(file.read_text() for file in (ROOT / "reporting" / "verdict").glob("*_rules.py"))
    given = re.findall(r'(?:void|inconclusive|note)\(\s*"([a-z-]+)"', sources)
    given += re.findall(r'Reason\(\s*INCONCLUSIVE if [^,]+ else NOTE,\s*"([a-z-]+)"', sources)
    rules = {*given, "run-failed", "run-interrupted"}
    table = DOCUMENT.split("## The verdict")[1].split("## Commands")[0]
    explained = {rule for line in table.splitlines() for rule in re.findall(r"`([a-z-]+)`", line.split(" | ")[0])}
    assert explained == rules


def test_the_thresholds_are_those_of_the_rules() -> None:
    table = DOCUMENT.split("## The verdict")[1]
    for expected in (
        f"more than {rule_book.MAX_FAILURE_SHARE:.1%} of all operations".replace("%", " %"),
        f"more than {rule_book.MAX_OPERATION_FAILURE_SHARE:.0%} of one operation".replace("%", " %"),
        f"less than {rule_book.MIN_STAGE_SHARE:.0%} of the time".replace("%", " %"),
        f"at least {rule_book.CPU_SHORT_PERCENT:.0f} % of the time",
        f"at least {rule_book.CPU_SHORT_SHARE:.0%} of its measured intervals and in".replace("%", " %"),
        f"in {rule_book.CPU_SHORT_INTERVALS} of them",
        f"at least {rule_book.CPU_WAIT_PERCENT:.0f} % of the time on average",
        f"from {rule_book.CPU_WAIT_SPOILS_PERCENT:.0f} % on inconclusive",
        f"at least {rule_book.STEAL_PERCENT:.0f} % of a machine's cores",
        f"note, from {rule_book.STEAL_SPOILS_PERCENT:.0f} % on inconclusive | the hypervisor",
        f"at least {rule_book.BUSY_PERCENT:.0f} % of a load host's cores",
        f"at least {rule_book.BUSY_PERCENT:.0f} % of the cores of a member's machine",
        f"less than {rule_book.SAMPLES_SHARE:.0%} of the measured stage".replace("%", " %"),
        f"at least {rule_book.SWAP_GROWTH_MIB} MiB",
        f"fewer than {rule_book.MIN_OPERATIONS_BEYOND} operations",
        f"note from {rule_book.LOAD_SIDE_SHARE:.0%}, from {rule_book.LOAD_SIDE_SPOILS_SHARE:.0%} on".replace("%", " %"),
        f"at least {rule_book.LOAD_SIDE_LEAST_US:.0f} µs",
        f"at least {rule_book.HIDDEN_LEAST}, and at least {rule_book.HIDDEN_SHARE:.0%} as many".replace("%", " %"),
        f"in 1 of {1 / rule_book.DRIFT_CHANCE:.0f} steady runs",
        f"at least {least_z(rule_book.DRIFT_CHANCE, 9):.2f} for the nine series of two operations",
        f"at least {rule_book.RATE_FACTOR} (rate), {rule_book.P50_FACTOR} (p50), {rule_book.P99_FACTOR} (p99)",
        f"at least {rule_book.RETRANSMITS_PER_S:.0f} TCP segments a second",
        f"fewer than {rule_book.ACHIEVED_SHARE:.1%} of the operations".replace("%", " %"),
        f"note, above {rule_book.MAX_UNSENT_SHARE:.1%} inconclusive".replace("%", " %"),
        f"in which at least {rule_book.STALL_OPERATIONS} were",
        f"more than {rule_book.SHORT_INTERVALS_SHARE:.0%} of the measured intervals".replace("%", " %"),
        f"at least {rule_book.UNEVEN_FACTOR} times its even share",
        f"inconclusive up to {rule_book.UNEVEN_CHANCE:.2%}, up to".replace("%", " %"),
        f"in at most {rule_book.UNEVEN_NOTED_CHANCE:.0%} of runs".replace("%", " %"),
        f"at least {rule_book.STALLED_SHARE:.0%} of their time".replace("%", " %"),
        f"at least {1000 * rule_book.STALLED_LEAST_S:.0f} ms and",
        f"of which more than {rule_book.STALLED_CALLS:.0%} take so long".replace("%", " %"),
        f"and at least {rule_book.OUTSTANDING_LEAST}, or their median was at least {rule_book.OUTSTANDING_LIMIT:,}",
        f"busy at least {rule_book.DISK_BUSY_PERCENT:.0f} %",
        f"by at least {1000 * rule_book.CLOCK_STEP_S:.0f} ms",
    ):
        assert expected in table, expected
