"""What a host sends to the record of a run: taken in, missed, not expected; the samples of all put together."""

import io
import json
import os
import re
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml

from fleet.host_files import take_in
from fleet.merging import merge_samples
from fleet.pack import Limits
from fleet.run_record import close_record, open_record
from lab.places import PROJECT
from zk_locust.contract.run_files import HOST_METRICS, PROGRESS, SECRETS

PROCESSES = [
    {"name": "master", "environment": {"ZK_LOCUST_ZK_METRICS_COLLECT": "1000.0"}},
    {"name": "worker-1", "environment": {}},
]
FIGURES = [
    "locust-stats.csv", "locust-distrib.jsonl", "latency.hlog", "zk-metrics.csv", "slow-operations.csv", "events.csv",
]  # fmt: skip
BEGUN = {"events.csv": b"timestamp,source,event,subject,detail\n1,master,stage-start,measured,\n"}
RUNNING: dict[str, Any] = {"problem": None, "processes": {"master": {"exit_code": 1}, "worker-1": {}}}
ALL = dict.fromkeys(["supervisor.log", "master.log", "worker-1.log", "locustfile.py", *FIGURES], b"") | BEGUN


def taken_in(
    folder: Path,
    without: Iterable[str] = (),
    *,
    status: Any = RUNNING,
    processes: Any = PROCESSES,
    figures: list[str] = FIGURES,
    more: Mapping[str, bytes] = MappingProxyType({}),
) -> dict[str, list[str]]:
    documents = {"spec.json": {"processes": processes}} | ({"status.json": status} if status else {})
    files = ALL | {name: json.dumps(content).encode() for name, content in documents.items()} | dict(more)
    pack = folder / "pack.tar"
    with tarfile.open(pack, "w") as archive:
        for name in files.keys() - set(without):
            member = tarfile.TarInfo(name)
            member.size = len(files[name])
            archive.addfile(member, io.BytesIO(files[name]))
    found = take_in(folder, pack, "load1", figures, Limits())
    assert found.pop("refused") == []
    assert found.pop("taken") == sorted(files.keys() - set(without))
    return found


def test_a_host_that_has_all_its_files_lacks_none(folder: Path) -> None:
    assert taken_in(folder) == {"missing": [], "unknown": []}
    assert (folder / "latency.hlog").exists()
    assert not (folder / "logs/load1/latency.hlog").exists()
    assert (folder / "logs/load1/worker-1.log").exists()
    assert not (folder / "pack.tar").exists()


def test_histories_have_a_folder_of_their_own(folder: Path) -> None:
    histories = {"history-worker-1.bin": b"one", "history-final.bin": b"two"}
    assert taken_in(folder, more=histories) == {"missing": [], "unknown": []}
    assert {file.name: file.read_bytes() for file in (folder / "history/load1").iterdir()} == histories
    assert not list((folder / "logs").rglob("history-*"))


@pytest.mark.parametrize("name", [*FIGURES, "master.log", "worker-1.log", "supervisor.log", "status.json"])
def test_a_file_that_a_load_host_should_have_had_is_missing(folder: Path, name: str) -> None:
    assert taken_in(folder, [name]) == {"missing": [name], "unknown": []}


def test_a_master_that_ended_well_without_a_figure_lacks_all(folder: Path) -> None:
    status = RUNNING | {"processes": {"master": {"exit_code": 0}}}
    assert taken_in(folder, FIGURES, status=status)["missing"] == FIGURES


def test_what_a_run_does_not_write_is_not_missing(folder: Path) -> None:
    for asked in ("0", "0.0", "0ms", "web"):
        processes = [{"name": "master", "environment": {"ZK_LOCUST_ZK_METRICS_COLLECT": asked}}, PROCESSES[1]]
        assert taken_in(folder, ["zk-metrics.csv"], processes=processes)["missing"] == []
        (folder / "logs/load1/zk-metrics.csv").unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("the load has not begun", {"without": FIGURES[:-1], "more": {"events.csv": b"timestamp,source\n"}}),
        ("the master has not come so far", {"without": FIGURES}),
        ("a worker host has no figures", {"without": FIGURES, "figures": [], "processes": PROCESSES[1:]}),
        ("nothing was started", {"without": [*ALL], "status": None}),
        (
            "the second process could not be started",
            {"without": [*FIGURES, "worker-1.log"], "status": {"problem": "x", "processes": {"master": {}}}},
        ),
    ],
)
def test_a_file_that_is_rightly_not_there_is_not_missing(folder: Path, case: str, changes: Any) -> None:
    assert taken_in(folder, **changes)["missing"] == [], case


def test_files_that_nobody_expects_are_said_of_load_hosts_only(folder: Path) -> None:
    assert taken_in(folder, more={"core.4711": b""})["unknown"] == ["core.4711"]
    assert (folder / "logs/load1/core.4711").exists()
    member = open_record(folder.parent.parent, "member", "", os.getpid())
    found = taken_in(member, ["spec.json"], status=None, figures=[], more={"zoo.cfg": b""})
    assert found == {"missing": [], "unknown": []}


def test_samples_are_missing_where_a_load_host_had_a_sampler(folder: Path) -> None:
    sampled: dict[str, Any] = {"processes": [*PROCESSES, {"name": "sampler"}], "more": {"sampler.log": b""}}
    assert taken_in(folder, **sampled) == {"missing": ["host-metrics.csv"], "unknown": []}
    sampled["more"] |= {"host-metrics.csv": b"timestamp\n"}
    assert taken_in(folder, **sampled) == {"missing": [], "unknown": []}


def test_samples_of_all_hosts_are_in_one_file_when_a_record_is_closed(folder: Path) -> None:
    files = {
        "load1/host-metrics.csv": b"timestamp,host\r\n1,load1\r\n2,loa",
        "zk1/host-metrics.csv": b"timestamp,host\r\n3,zk1 too\r\n",
        "zk1/zookeeper-host-metrics.csv": b"timestamp,host\r\n3,zk1\r\n",
        "zk2/zookeeper-host-metrics.csv": b"time,other\r\n4,zk2\r\n",
        "zk3/zookeeper-host-metrics.csv": b"times",
        "zk3/zookeeper.log": b"",
    }
    for name, content in files.items():
        (folder / "logs" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "logs" / name).write_bytes(content)
    # Who judges the run needs them before it is closed, and a controller that dies in between must lose nothing.
    for _ in range(2):
        merge_samples(folder)
        before = (folder / "host-metrics.csv").read_bytes()
    closed = close_record(folder)
    merged = (closed / "host-metrics.csv").read_bytes()
    assert merged == before
    assert merged == b"timestamp,host\r\n1,load1\r\n2,loa\n3,zk1 too\r\n3,zk1\r\n"
    left = sorted(str(path.relative_to(closed / "logs")) for path in (closed / "logs").rglob("*.*"))
    # What is of another make, or has no line, is kept as it is.
    assert left == ["zk2/zookeeper-host-metrics.csv", "zk3/zookeeper-host-metrics.csv", "zk3/zookeeper.log"]


def test_a_run_without_samples_has_no_file_of_them(folder: Path) -> None:
    closed = close_record(folder)
    assert not list(closed.glob("host-metrics*"))


def test_a_spec_of_a_million_processes_does_not_make_a_list_of_a_million_lines(folder: Path) -> None:
    many = [{"name": f"worker-{number}"} for number in range(200_000)]
    missing = taken_in(folder, processes=[*PROCESSES, *many])["missing"]
    assert missing[:2] == ["worker-0.log", "worker-2.log"]
    assert (len(missing), missing[-1]) == (21, "and 9,977 more")


def test_files_that_nobody_expects_are_bounded_in_number(folder: Path) -> None:
    found = taken_in(folder, more={f"core.{number:04}": b"" for number in range(1000)})
    assert found["unknown"][:2] == ["core.0000", "core.0001"]
    assert (len(found["unknown"]), found["unknown"][-1]) == (21, "and 980 more")


def test_roles_name_the_files_of_a_run_as_the_contract_does() -> None:
    roles = PROJECT / "roles"
    stays = yaml.safe_load((roles / "benchmark_collect/vars/main.yml").read_text())["_benchmark_collect_stays"]
    assert stays == [f"*{SECRETS}", f"*{PROGRESS}", "*__pycache__*", "faults", "faults/*"]
    samples = yaml.safe_load((roles / "zookeeper/vars/main.yml").read_text())["_zookeeper_samples_file"]
    assert samples.endswith(f"/zookeeper-{HOST_METRICS}")
    named = re.compile(r"[\w-]+\.(?:json|jsonl|csv|hlog)\b")
    texts = [file.read_text() for place in (roles, PROJECT / "playbooks") for file in place.rglob("*.yml")]
    found = {name for text in texts for name in named.findall(text)}
    assert found == {SECRETS, PROGRESS, f"zookeeper-{HOST_METRICS}"}, "other names belong to run_files"
