"""The number of a lost worker's unreported operations is completed from what its host's supervisor has read."""

import csv
from pathlib import Path
from typing import Any

import pytest

from fleet.host_result import HostResult
from fleet.unreported import complete_events, sent_by_workers
from zk_locust.contract import unreported

UNKNOWN = unreported.unknown(63)
HEADER = ["timestamp", "source", "event", "subject", "detail", "more"]


def record(folder: Path, *events: list[str]) -> Path:
    with (folder / "events.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *events])
    return folder


def details(folder: Path) -> list[str]:
    with (folder / "events.csv").open(newline="") as file:
        return [row["detail"] for row in csv.DictReader(file)]


def lost(worker: str, detail: str) -> list[str]:
    return ["t", "master", "operations-unreported", worker, detail, "7"]


def result(host: str, **processes: Any) -> HostResult:
    return HostResult(host=host, role="worker", status={"processes": processes})


def test_what_a_host_knows_completes_what_the_master_did_not(tmp_path: Path) -> None:
    other = ["t", "master", "worker-lost", "load2/worker-1", UNKNOWN, ""]
    events = [lost("load2/worker-1", UNKNOWN), lost("load3/worker-1", UNKNOWN), other]
    folder = record(tmp_path, *events)
    sent = sent_by_workers([result("load2", **{"worker-1": {"sent": 100}, "worker-2": {"exit_code": 0}})])
    complete_events(folder, sent)
    assert details(folder) == [unreported.known(37), UNKNOWN, UNKNOWN]
    assert [unreported.number_in(detail) for detail in details(folder)] == [37, None, None]
    text = (folder / "events.csv").read_bytes()
    complete_events(folder, sent)
    assert (folder / "events.csv").read_bytes() == text, "it can be repeated"
    assert text.count(b"\r\n") == 4
    assert text.count(b",7\r\n") == 2, "further columns stay"


def test_a_number_that_the_master_knows_is_not_counted_again(tmp_path: Path) -> None:
    folder = record(tmp_path, lost("load1/worker-1", unreported.known(5)))
    complete_events(folder, {"load1/worker-1": 900})
    assert details(folder) == [unreported.known(5)]


@pytest.mark.parametrize("sent", [62, -1, True, "100", 1e3, None, 10**18])
def test_what_cannot_be_a_count_is_left_unknown(tmp_path: Path, sent: Any) -> None:
    folder = record(tmp_path, lost("load2/worker-1", UNKNOWN))
    complete_events(folder, sent_by_workers([result("load2", **{"worker-1": {"sent": sent}})]))
    assert details(folder) == [UNKNOWN]


def test_a_host_speaks_for_its_own_workers_only(tmp_path: Path) -> None:
    folder = record(tmp_path, lost("load2/worker-1", UNKNOWN))
    complete_events(folder, sent_by_workers([result("load3", **{"worker-1": {"sent": 100}})]))
    assert details(folder) == [UNKNOWN]


def test_a_record_without_events_is_left_alone(tmp_path: Path) -> None:
    complete_events(tmp_path, {"load2/worker-1": 100})
    assert not list(tmp_path.iterdir())
