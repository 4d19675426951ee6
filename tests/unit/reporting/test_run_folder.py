"""A run folder is read whatever state it is in, and what is wrong is named by file and line."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from host_metrics.columns import STALL_COLUMNS
from locust_extra.columns import STATS_COLUMNS
from reporting import judge_run
from reporting.errors import InputError
from reporting.read import run_folder
from reporting.render import tables
from tests.unit.reporting.slow_runs import SlowRun

INTERVAL = "benchmark_host_metrics_interval_s"
FILES = (
    "manifest.json",
    "locust-stats.csv",
    "locust-distrib.jsonl",
    "zk-metrics.csv",
    "host-metrics.csv",
    "events.csv",
)


@pytest.fixture
def run(sound_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound_run, tmp_path / sound_run.name))


def problems(run: Path) -> list[str]:
    return [str(problem) for problem in run_folder.load(run).problems]


@pytest.mark.parametrize("name", FILES)
def test_each_of_its_files_makes_a_folder_one_of_a_run(sound_run: Path, tmp_path: Path, name: str) -> None:
    shutil.copyfile(sound_run / name, tmp_path / name)
    assert len(problems(tmp_path)) == len(FILES) - 1


def test_a_column_that_a_file_lacks_is_named_and_blank_throughout(run: Path) -> None:
    with (run / "host-metrics.csv").open(newline="") as file:
        rows = [{**row, "threads": None, "host": None} for row in csv.DictReader(file)]
    with (run / "host-metrics.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [name for name in rows[0] if rows[0][name] is not None], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    assert problems(run) == ["host-metrics.csv:1: lacks the columns host, threads"]
    found = run_folder.load(run).host_metrics
    assert len(found) == len(rows)
    assert found["threads"].isna().all()
    assert set(found["host"]) == {""}


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("locust-stats.csv", ("interval",)),
        ("locust-stats.csv", ("elapsed_s",)),
        ("slow-operations.csv", ("sent_s", "arrived_s")),
        ("slow-operations.csv", ("handled_s",)),
        ("zk-metrics.csv", ("elapsed_s",)),
    ],
)
def test_a_file_without_numbers_that_must_be_filled_is_left_out(
    tmp_path: Path, name: str, columns: tuple[str, ...]
) -> None:
    slow = SlowRun()
    slow.scattered(20)
    run = slow.write(tmp_path / "run")
    with (run / name).open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (run / name).open("w", newline="") as file:
        writer = csv.DictWriter(file, [each for each in rows[0] if each not in columns], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    judged = judge_run(run)
    (problem,) = map(str, judged.run.problems)
    assert problem.startswith(f"{name}:1: lacks the columns {', '.join(columns)}: ")


def without_column(run: Path, column: str) -> None:
    """Make the machines' samples those of a version that did not have this column."""
    lines = [line.split(",") for line in (run / "host-metrics.csv").read_text().splitlines()]
    place = lines[0].index(column)
    text = "".join(",".join(cells[:place] + cells[place + 1 :]) + "\n" for cells in lines)
    (run / "host-metrics.csv").write_text(text)


def without_kernel(run: Path) -> None:
    """Make the machines' samples those of a version that did not tell kernels."""
    without_column(run, "kernel")


def test_samples_of_a_version_that_did_not_tell_kernels_are_whole(run: Path) -> None:
    without_kernel(run)
    assert problems(run) == []
    assert set(run_folder.load(run).host_metrics["kernel"]) == {""}
    assert judge_run(run).verdict.reasons == ()


def test_samples_of_a_version_that_did_not_tell_stalls_are_complete(run: Path) -> None:
    for column in STALL_COLUMNS:
        without_column(run, column)
    assert problems(run) == []
    assert run_folder.load(run).host_metrics["io_stall_percent"].isna().all()
    assert judge_run(run).verdict.reasons == ()


@pytest.mark.parametrize(
    ("variables", "complaints"),
    [
        ({"members": {INTERVAL: 0}, "load1": {INTERVAL: 0}}, 0),
        ({"members": {INTERVAL: "0"}, "load1": {INTERVAL: "0"}}, 0),
        ({"members": {"zookeeper_managed": False}, "load1": {INTERVAL: 0}}, 0),
        ({"members": {INTERVAL: 0}, "load1": {}}, 1),
        ({"members": {INTERVAL: 1}, "load1": {INTERVAL: 1}}, 1),
        ({"members": {"zookeeper_managed": False}, "load1": {}}, 1),
        ({}, 1),
    ],
)
def test_samples_that_nobody_wanted_are_not_missed(
    run: Path, variables: dict[str, dict[str, object]], complaints: int
) -> None:
    (run / "host-metrics.csv").unlink()
    manifest = json.loads((run / "manifest.json").read_text())
    members = dict.fromkeys(("zk1", "zk2", "zk3"), variables.pop("members", None))
    manifest["inventory"]["hosts"] = {host: own for host, own in (members | variables).items() if own is not None}
    del manifest["plan"]
    (run / "manifest.json").write_text(json.dumps(manifest))
    assert len(problems(run)) == complaints


@pytest.mark.parametrize(("planned", "complaints"), [([], 0), (["zk1"], 1)])
def test_the_plan_says_whether_samples_are_missed(run: Path, planned: list[str], complaints: int) -> None:
    (run / "host-metrics.csv").unlink()
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["plan"]["sampled_hosts"] = planned
    (run / "manifest.json").write_text(json.dumps(manifest))
    assert len(problems(run)) == complaints


def test_a_run_of_which_nothing_is_known_misses_its_samples(run: Path) -> None:
    (run / "host-metrics.csv").unlink()
    (run / "manifest.json").write_text("{}")
    assert any(problem.startswith("host-metrics.csv: is missing") for problem in problems(run))


def test_a_sound_run_has_no_problems(sound_run: Path) -> None:
    assert problems(sound_run) == []


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named_and_the_rest_is_read(run: Path, name: str) -> None:
    (run / name).unlink()
    found = problems(run)
    assert len(found) == 1
    assert found[0].startswith(f"{name}: is missing: ")
    assert tables.summary(judge_run(run), None)


@pytest.mark.parametrize("name", FILES)
def test_an_empty_file_is_named_and_the_rest_is_read(run: Path, name: str) -> None:
    (run / name).write_bytes(b"")
    found = problems(run)
    assert len(found) == 1
    assert found[0].startswith(f"{name}:")
    assert tables.summary(judge_run(run), None)


@pytest.mark.parametrize("name", [name for name in FILES if name != "manifest.json"])
def test_a_line_that_is_cut_off_is_named_and_left_out(run: Path, name: str) -> None:
    content = (run / name).read_bytes()
    (run / name).write_bytes(content[:-12])
    last = len(content.splitlines())
    assert problems(run) == [f"{name}:{last}: the last line is cut off and is left out"]


def test_a_cut_off_number_is_not_taken_for_a_whole_one(run: Path) -> None:
    before = len(run_folder.load(run).stats)
    lines = (run / "locust-stats.csv").read_text().splitlines()
    (run / "locust-stats.csv").write_text("\n".join(lines))  # every field is there, the line end is not
    assert len(run_folder.load(run).stats) == before - 1


@pytest.mark.parametrize(
    ("name", "line", "text", "expected"),
    [
        (
            "locust-stats.csv",
            4,
            "a,b,c",
            f"locust-stats.csv:4: 3 fields where {len(STATS_COLUMNS)} are expected; the line is left out",
        ),
        (
            "locust-stats.csv",
            4,
            "2026-11-24T03:15:01+00:00,soon" + "," * (len(STATS_COLUMNS) - 2),
            "locust-stats.csv:4: column elapsed_s is not a number [soon]; the line is left out",
        ),
        (
            "locust-stats.csv",
            4,
            "2026-11-24T03:15:01+00:00,1,measured,,all,,get" + "," * (len(STATS_COLUMNS) - 7),
            "locust-stats.csv:4: column interval is not filled []; the line is left out",
        ),
        (
            "zk-metrics.csv",
            3,
            "yesterday,1,zk1,1" + "," * 13,
            "zk-metrics.csv:3: column timestamp is not a time [yesterday]",
        ),
        (
            "host-metrics.csv",
            3,
            "2026-11-24T03:15:01+00:00,1,zk1" + "," * 22,
            "host-metrics.csv:3: column machine is not filled []; the line is left out",
        ),
        ("locust-distrib.jsonl", 2, "[1, 2]", "locust-distrib.jsonl:2: is not a JSON object; the line is left out"),
        ("locust-distrib.jsonl", 2, '{"name": "get"}', "locust-distrib.jsonl:2: lacks the field "),
        ("locust-distrib.jsonl", 2, "{nonsense", "locust-distrib.jsonl:2: is not JSON ("),
    ],
)
def test_a_damaged_line_is_named(run: Path, name: str, line: int, text: str, expected: str) -> None:
    lines = (run / name).read_text().splitlines()
    lines[line - 1] = text
    (run / name).write_text("\n".join(lines) + "\n")
    found = problems(run)
    assert len(found) == 1
    assert found[0].startswith(expected)


def test_a_histogram_that_does_not_add_up_is_named(run: Path) -> None:
    lines = (run / "locust-distrib.jsonl").read_text().splitlines()
    broken = json.loads(lines[0])
    broken["requests"] += 5
    lines[0] = json.dumps(broken)
    (run / "locust-distrib.jsonl").write_text("\n".join(lines) + "\n")
    held = broken["requests"] - 5
    assert problems(run) == [
        f"locust-distrib.jsonl:1: its histogram holds {held} operations where requests says {held + 5}"
    ]


def test_a_file_that_is_damaged_throughout_is_not_listed_line_by_line(run: Path) -> None:
    (run / "locust-distrib.jsonl").write_text("x\n" * 5000)
    found = problems(run)
    assert len(found) == 9
    assert found[-1] == "locust-distrib.jsonl: 4992 more lines have such problems"


def test_a_manifest_with_unexpected_shapes_is_read_as_far_as_it_goes(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    manifest |= {
        "phases": [3, {"name": "run", "start": "x", "end": "y"}],
        "hosts": [],
        "scenario": "quick",
        "label": {},
    }
    (run / "manifest.json").write_text(json.dumps(manifest))
    found = run_folder.load(run)
    assert found.manifest.run_id == manifest["run_id"]
    assert [phase.name for phase in found.manifest.phases] == ["run"]
    assert len(found.problems) == 5


def test_the_state_that_older_versions_call_otherwise_is_complete(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps(manifest | {"state": "whole"}))
    assert judge_run(run).run.manifest.state == "complete"


def test_a_broken_manifest_names_its_line(run: Path) -> None:
    (run / "manifest.json").write_text('{"run_id": "x",\n "state" "complete"}')
    assert problems(run)[0].startswith("manifest.json:2: is not JSON")


def test_an_unreadable_file_is_a_problem(run: Path) -> None:
    (run / "events.csv").unlink()
    (run / "events.csv").mkdir()
    assert problems(run)[0].startswith("events.csv: cannot be read (Is a directory)")


def test_what_is_no_run_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for name, reason in (("nothing", "does not exist"), ("file", "is a file"), ("folder", "holds none of")):
        with pytest.raises(InputError, match=reason):
            run_folder.load(tmp_path / name)


@given(name=st.sampled_from(FILES), share=st.floats(0, 1), junk=st.binary(max_size=40))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_damage_raises(short_run: Path, tmp_path: Path, name: str, share: float, junk: bytes) -> None:
    run = tmp_path / "run"
    if not run.exists():
        shutil.copytree(short_run, run)
    content = (short_run / name).read_bytes()
    place = int(share * len(content))
    (run / name).write_bytes(content[:place] + junk + content[place + len(junk) * 2 :])
    assert tables.summary(judge_run(run), None)
    shutil.copyfile(short_run / name, run / name)
