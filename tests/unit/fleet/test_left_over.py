"""Files of runs that are still on hosts: what is said of them, fetched late, or begun anew."""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from fleet.left_over import place_of, results_of, sort_out, take_late
from fleet.pack import Limits
from fleet.record_holders import adopt, left_behind, take_over
from fleet.run_lines import run_lines
from fleet.run_record import close_record, open_record, read, update
from lab.places import PROJECT
from tests.unit.fleet.test_screens import load_host, run
from zk_locust.contract.run_files import MANIFEST

UNKNOWN_RUN = "20250101T000000Z-other"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def closed(results: Path) -> Path:
    """A run that was closed with the files of load1 and without those of load2."""
    folder = open_record(results, "quick", "", os.getpid())
    (folder / "logs/load1").mkdir(parents=True)
    (folder / "logs/load1/spec.json").write_text("{}")
    return close_record(folder)


def pack(tmp_path: Path, name: str = "worker-1.log") -> Path:
    (tmp_path / name).write_text("late")
    with tarfile.open(tmp_path / "pack", "w:gz") as archive:
        archive.add(tmp_path / name, name)
    return tmp_path / "pack"


def test_the_place_of_a_record(results: Path, closed: Path) -> None:
    opened = open_record(results, "next", "", os.getpid())
    assert place_of(results, opened.name) == "open"
    assert place_of(results, closed.name) == "closed"
    for name in (UNKNOWN_RUN, "", "..", "../..", ".unfinished", "latest/x"):
        assert place_of(results, name) == "unknown"
    assert results_of({"benchmark_results_dir": "/srv/r"}) == Path("/srv/r")
    assert results_of({}) == PROJECT / "results"


def test_status_advises_what_helps(results: Path, closed: Path) -> None:
    opened = open_record(results, "next", "", os.getpid())
    hosts = [load_host("load1", *(run(name, "ended") for name in (opened.name, closed.name, UNKNOWN_RUN)))]
    said = run_lines(hosts, "-i prod", lambda run_id: place_of(results, run_id))
    advice = dict(zip((line.split()[1] for line in said[::2]), said[1::2], strict=True))
    assert advice[opened.name] == "  `ansible-playbook playbooks/collect.yml -i prod` fetches them"
    assert advice[closed.name] == (
        "  its record is closed: `ansible-playbook playbooks/tidy.yml -i prod` fetches what it lacks and removes them"
    )
    assert advice[UNKNOWN_RUN] == (
        "  no record of it is here: playbooks/collect.yml fetches them on the controller of ada@desk; if that is gone,"
        f" `ansible-playbook playbooks/collect.yml -i prod -e run_record_adopt={UNKNOWN_RUN}` here"
    )


def test_files_are_removed_only_where_all_of_them_have_come(results: Path, closed: Path) -> None:
    assert sort_out(results_dir=results, host="load1", run_ids=[closed.name, UNKNOWN_RUN])["here"] == [closed.name]
    assert sort_out(results_dir=results, host="load2", run_ids=[closed.name, UNKNOWN_RUN]) == {
        "here": [], "late": [closed.name], "open": [], "unknown": [UNKNOWN_RUN],
    }  # fmt: skip
    manifest = json.loads((closed / MANIFEST).read_text())
    (closed / MANIFEST).write_text(json.dumps(manifest | {"missing": ["load1: [x] was refused: it is a FIFO"]}))
    assert sort_out(results_dir=results, host="load1", run_ids=[closed.name])["late"] == [closed.name]
    (closed / MANIFEST).write_text("")
    assert sort_out(results_dir=results, host="load1", run_ids=[closed.name])["here"] == []


def test_late_files_replace_nothing(tmp_path: Path, closed: Path) -> None:
    places = [take_late(closed, pack(tmp_path), host, Limits()) for host in ("load2", "load1", "load1")]
    folders = [Path(place["folder"]).relative_to(closed) for place in places]
    assert list(map(str, folders)) == ["logs/load2", "logs/load1/late", "logs/load1/late-2"]
    assert [(closed / folder / "worker-1.log").read_text() for folder in folders] == ["late"] * 3
    assert (closed / "logs/load1/spec.json").read_text() == "{}"


def test_a_late_history_joins_the_others_and_replaces_none(tmp_path: Path, closed: Path) -> None:
    name = "history-worker-1.bin"
    (closed / "history/load1").mkdir(parents=True)
    (closed / "history/load1" / name).write_text("first")
    for host in ("load1", "load2"):
        take_late(closed, pack(tmp_path, name), host, Limits())
    assert [(closed / "history" / host / name).read_text() for host in ("load1", "load2")] == ["first", "late"]


def test_a_run_whose_record_is_lost_is_begun_anew(results: Path, closed: Path) -> None:
    folder = adopt(results, UNKNOWN_RUN)
    assert adopt(results, UNKNOWN_RUN) == folder, "once more, after a failure"
    assert left_behind(results) == [folder]
    assert take_over(folder, os.getpid()) == []
    update(folder, {"state": "failed"})
    assert read(folder / MANIFEST)["started"] == "2025-01-01T00:00:00.000000+00:00"
    assert close_record(folder) == results / UNKNOWN_RUN
    with pytest.raises(OSError, match=rf"run_record_adopt \[{closed.name}\]: there is a record of it in "):
        adopt(results, closed.name)
    for name in ("../x", "quick", "20250101T000000Z-a/b", "", "x\n"):
        with pytest.raises(OSError, match="is no run id"):
            adopt(results, name)


def test_nobody_who_reads_on_is_no_reason_for_a_traceback(results: Path) -> None:
    for number in range(3000):  # more than a pipe takes
        (results / f"20250101T{number:06}Z-quick").mkdir(parents=True)
    fab = str(Path(sys.executable).with_name("fab"))
    command = f"{fab} runs --results-dir {results} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.startswith("run ")
    assert len(done.stdout.splitlines()) == 1
    assert (done.returncode, done.stderr) == (141, "")
