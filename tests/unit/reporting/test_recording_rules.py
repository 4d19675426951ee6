"""What a full disk, and trees of earlier runs, do to the verdict."""

import csv
from pathlib import Path
from typing import Any

import pytest

from reporting import judge_run
from reporting.verdict.judgement import Verdict
from tests.unit.reporting.synthetic import Synthetic
from zk_locust.contract.events import EVENT_COLUMNS

FAILED = ("write-failed", "locust-stats.csv", "No space left on device; its records wait in memory")
RESUMED = ("write-resumed", "locust-stats.csv", "after 9.8 s; 10 records have waited")
LOST = ("records-lost", "locust-stats.csv", "12 records: there was no room in memory either")
TREE = ("left-tree-removed", "/zk-locust-20261123T000000Z-quick", "59 nodes")
SINCE, UNTIL = "2026-11-24T03:15:10+00:00", "2026-11-24T03:15:30+00:00"


def judged(folder: Path, *events: tuple[str, str, str], **changes: Any) -> Verdict:
    """Return the verdict on a synthetic run in which this has happened, too."""
    run = Synthetic(**changes).write(folder / "run")
    with (run / "events.csv").open("a", newline="", encoding="utf-8") as file:
        for place, (event, subject, detail) in enumerate(events):
            row = {"timestamp": f"2026-11-24T03:15:{12 + place}Z", "source": "master", "event": event}
            csv.DictWriter(file, EVENT_COLUMNS).writerow(row | {"subject": subject, "detail": detail})
    return judge_run(run).verdict


@pytest.mark.parametrize(
    ("events", "verdict", "severity", "said"),
    [
        ((FAILED, RESUMED), "valid", "note", "from 12 s on (No space left on device). Everything was written"),
        ((FAILED,), "inconclusive", "inconclusive", "and locust-stats.csv not until the end"),
        ((FAILED, RESUMED, FAILED), "inconclusive", "inconclusive", "not until the end"),
        ((FAILED, RESUMED, LOST), "inconclusive", "inconclusive", "figures are missing: locust-stats.csv: 12 records"),
    ],
)
def test_a_file_that_could_not_be_written(
    events: tuple[tuple[str, str, str], ...], verdict: str, severity: str, said: str, tmp_path: Path
) -> None:
    found = judged(tmp_path, *events)
    (reason,) = found.reasons
    assert (found.verdict, reason.rule, reason.severity) == (verdict, "disk-full", severity)
    assert said in reason.text


@pytest.mark.parametrize(
    ("host", "times", "verdict", "said"),
    [
        ("load2", [{"since": SINCE, "until": UNTIL}], "valid", "load2 was full for 20 s, so its logs may have gaps"),
        ("load2", [{"since": SINCE, "until": None}], "valid", "so the end of its logs may be missing"),
        ("load1", [{"since": SINCE, "until": None}], "inconclusive", "so its last records may be missing"),
        ("load1", [{"since": None}, 7], "inconclusive", "so its last records may be missing"),
    ],
)
def test_a_load_host_whose_disk_was_full(host: str, times: list[Any], verdict: str, said: str, tmp_path: Path) -> None:
    groups = {"locust_master": ["load1"], "locust_workers": ["load2"]}
    manifest = {"hosts": {host: {"disk_full": times}}, "inventory": {"groups": groups, "hosts": {}}}
    found = judged(tmp_path, manifest=manifest)
    (reason,) = (reason for reason in found.reasons if reason.rule == "disk-full")
    assert (found.verdict, said in reason.text) == (verdict, True), reason.text


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"disk_full": [{"since": SINCE, "until": UNTIL}]}, "The disk of member zk1 was full for 20 s, so"),
        ({"disk_full": [{"since": SINCE, "until": None}]}, "The disk of member zk1 was full to the end, so"),
        (
            {"disk_full": [{"since": SINCE, "until": None}], "samples_lost": 12},
            "and 12 samples of its machine are missing",
        ),
        ({"samples_lost": 3}, "3 samples of its machine are missing"),
    ],
)
def test_a_member_whose_disk_was_full(known: dict[str, Any], said: str, tmp_path: Path) -> None:
    groups = {"zookeeper": ["zk1"], "locust_master": ["load1"], "locust_workers": ["load2"]}
    found = judged(tmp_path, manifest={"hosts": {"zk1": known}, "inventory": {"groups": groups, "hosts": {}}})
    (reason,) = (reason for reason in found.reasons if reason.rule == "disk-full")
    assert (found.verdict, said in reason.text) == ("inconclusive", True), reason.text


@pytest.mark.parametrize("lost", [0, None, "12", True, -1])
def test_a_member_that_has_lost_no_sample_is_no_reason(lost: Any, tmp_path: Path) -> None:
    groups = {"zookeeper": ["zk1"], "locust_master": ["load1"], "locust_workers": ["load2"]}
    manifest = {"hosts": {"zk1": {"samples_lost": lost}}, "inventory": {"groups": groups, "hosts": {}}}
    assert "disk-full" not in {reason.rule for reason in judged(tmp_path, manifest=manifest).reasons}


def test_trees_that_killed_runs_had_left_are_named(tmp_path: Path) -> None:
    found = judged(tmp_path, TREE)
    (reason,) = found.reasons
    assert (found.verdict, reason.rule) == ("valid", "left-trees")
    assert "removed before the load: /zk-locust-20261123T000000Z-quick (59 nodes)." in reason.text


@pytest.mark.parametrize("times", [None, [], "full", {"since": SINCE}])
def test_a_disk_that_was_not_full_is_no_reason(times: Any, tmp_path: Path) -> None:
    assert judged(tmp_path, manifest={"hosts": {"load2": {"disk_full": times}}}).reasons == ()
