"""The commands: what they print, what they write, and what they say to bad input."""

import json
import os
import pkgutil
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

import fabfile
from reporting import cli, judge_run, runs, write_report
from reporting.errors import InputError, ReportingError
from tests.unit.reporting.synthetic import Synthetic


@pytest.fixture
def results_dir(sound_run: Path, troubled_run: Path, tmp_path: Path) -> Path:
    """Two finished runs, one unfinished, and the link to the newest."""
    folder = tmp_path / "results"
    for run in (sound_run, troubled_run):
        shutil.copytree(run, folder / run.name)
    (folder / "latest").symlink_to(troubled_run.name)
    unfinished = folder / ".unfinished" / "20261124T061500Z-quick"
    unfinished.mkdir(parents=True)
    manifest = {
        "started": "2026-11-24T06:15:00+00:00",
        "scenario": {"name": "quick", "users": 64},
        "state": "unfinished",
    }
    (unfinished / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first figure is drawn, and stands for all others: that each can be drawn is tested with the figures."""
    for name in (
        *("vl_convert.vegalite_to_svg", "vl_convert.svg_to_png"),
        *("reporting.render.chart.Figure.page_spec", "reporting.render.chart.Figure.file_spec"),
    ):
        owner, _, attribute = name.rpartition(".")
        monkeypatch.setattr(name, first_for_all(getattr(pkgutil.resolve_name(owner), attribute)))
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})  # in this process, where that holds


def first_for_all(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, but what it gave at its first call it gives ever after."""
    found: list[Any] = []

    def call(*arguments: Any, **named: Any) -> Any:
        if not found:
            found.append(function(*arguments, **named))
        return found[0]

    return call


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spares the seconds that drawing takes, where not the drawings are tested."""
    monkeypatch.setattr("vl_convert.vegalite_to_svg", lambda *_, **__: "<svg/>")
    monkeypatch.setattr("vl_convert.svg_to_png", lambda *_, **__: b"png")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    monkeypatch.setattr("reporting.render.html_page._bundle", lambda: "")
    monkeypatch.setattr("reporting.render.chart.Figure.page_spec", lambda *_: {})
    monkeypatch.setattr("reporting.render.chart.Figure.file_spec", lambda *_: {})


def entries(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.usefixtures("drawn_once")
def test_report_writes_page_markdown_data_and_figures(results_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = results_dir / "20261124T041500Z-quick-troubled"
    before = set(entries(run))
    assert cli.main(["report", "--figures", str(run)]) == 0
    assert capsys.readouterr().out == f"{run / 'report.html'}\n"
    written = set(entries(run)) - before
    assert {"report.html", "report.md", "report.json", "figures/rate.svg", "figures/rate.png"} <= written
    assert (run / "figures/rate.png").read_bytes().startswith(b"\x89PNG")
    assert (run / "figures/rate.svg").read_text().startswith("<svg")
    assert len({path.rpartition(".")[0] for path in written if path.startswith("figures/")}) == 18
    data = json.loads((run / "report.json").read_text())
    assert data["verdict"]["verdict"] == "inconclusive"
    assert data["total"]["failures"] == 160
    assert [machine["hosts"] for machine in data["machines"]] == [["load1"], ["zk1"], ["zk2"], ["zk3"]]
    assert data["processes"][-1] == {
        "host": "zk3",
        "process": "zookeeper",
        "cpu_mean_percent_of_core": 70.0,
        "cpu_peak_percent_of_core": 70.0,
        "cpu_wait_mean_percent_of_core": 4.0,
        "disk_write_mean_bytes_per_s": None,
        "memory_peak_bytes": 400 * 1024**2,
        "threads_peak": 50,
        "open_files_peak": 80,
    }
    assert oct((run / "figures").stat().st_mode & 0o077) == oct(0o077 & ~current_umask())
    assert not list(run.glob(".report-*"))


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.usefixtures("undrawn")
def test_a_report_can_be_written_again_and_old_figures_go(results_dir: Path) -> None:
    run = results_dir / "20261124T031500Z-quick-synthetic"
    write_report(judge_run(run), with_figures=True)
    (run / "figures" / "of-an-older-version.svg").write_text("")
    write_report(judge_run(run))
    assert not (run / "figures" / "of-an-older-version.svg").exists()
    assert (run / "figures" / "rate.svg").exists()
    assert not list(run.glob(".report-*"))


@pytest.mark.usefixtures("undrawn")
def test_figures_are_files_only_on_demand(results_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = results_dir / "20261124T031500Z-quick-synthetic"
    with monkeypatch.context() as patch:
        patch.setattr("vl_convert.vegalite_to_svg", None)  # calling it would fail
        write_report(judge_run(run))
    assert not (run / "figures").exists()
    page, text = (run / "report.html").read_text(), (run / "report.md").read_text()
    assert "figures/" not in page + text
    assert (
        page.count(f"fab report --figures --run {run.name}")
        == text.count(f"fab report --figures --run {run.name}")
        == 1
    )
    write_report(judge_run(run), with_figures=True)
    assert "](figures/rate.png)" in (run / "report.md").read_text()
    assert 'href="figures/rate.svg"' in (run / "report.html").read_text()


@pytest.mark.usefixtures("undrawn")
def test_report_prints_the_summary_with_it(results_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = results_dir / "20261124T031500Z-quick-synthetic"
    assert cli.main(["report", "--summary", str(run)]) == 0
    with_it = capsys.readouterr().out
    assert cli.main(["summary", str(run)]) == 0
    assert with_it == capsys.readouterr().out
    assert "Verdict: " in with_it
    assert str(run / "report.html") in with_it


@pytest.mark.usefixtures("undrawn")
def test_a_report_that_fails_leaves_the_one_before(results_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = results_dir / "20261124T031500Z-quick-synthetic"
    write_report(judge_run(run), with_figures=True)
    before = entries(run)

    def full_disk(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("reporting.render.markdown.render", full_disk)
    with pytest.raises(ReportingError, match="No space left on device"):
        write_report(judge_run(run))
    assert entries(run) == before


def test_verdict_prints_json_and_writes_nothing(results_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = results_dir / "20261124T041500Z-quick-troubled"
    before = entries(run)
    assert cli.main(["verdict", str(run)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "inconclusive"
    assert {"rule", "severity", "text"} == set(found["reasons"][0])
    assert entries(run) == before


def test_summary_is_an_aligned_table(results_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = results_dir / "latest"
    assert cli.main(["summary", str(run)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Run 20261124T041500Z-quick-troubled: scenario quick, 32 users, 30 s measured"
    table = lines[2 : lines.index("", 2)]
    assert [line.split()[0] for line in table if "─" not in line] == ["operation", "get", "set", "all"]
    ends = {len(line) for line in table}
    assert len(ends) == 1
    assert "Verdict: inconclusive" in lines
    assert any(line.startswith("  - 160 of ") for line in lines)
    assert any(line.startswith("  - note: 1 of 3 members") for line in lines)
    assert lines[-1] == "Report:  none yet; `fab report` writes it"
    (run / "report.html").write_text("")
    cli.main(["summary", str(run)])
    assert capsys.readouterr().out.splitlines()[-1].endswith("20261124T041500Z-quick-troubled/report.html")


def test_runs_lists_finished_and_unfinished_runs(results_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["runs", "--results-dir", str(results_dir)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:5]] == [
        "20261124T031500Z-quick-synthetic",
        "20261124T041500Z-quick-troubled",
        "20261124T061500Z-quick",
    ]
    assert lines[2].split()[-2:] == ["valid", "complete"]
    assert lines[3].split()[-3:] == ["160", "inconclusive", "complete"]
    assert lines[4].split()[-1] == "unfinished"
    assert "2026-11-24 03:14:40" in lines[2]
    assert "collect.yml" in lines[-1]


def test_runs_leaves_out_columns_in_which_no_run_has_anything(tmp_path: Path) -> None:
    (tmp_path / "20261124T031500Z-quick").mkdir()
    (tmp_path / "20261124T031500Z-quick" / "manifest.json").write_text('{"state": "complete"}')
    assert runs.table(tmp_path)[0].split() == ["run", "failures", "verdict", "state"]


def test_runs_shows_report_json_only_while_it_is_newer_than_the_figures(results_dir: Path) -> None:
    run = results_dir / "20261124T031500Z-quick-synthetic"
    (run / "report.json").write_text(json.dumps({"total": {"failures": 4711}, "verdict": {"verdict": "void"}}))
    assert "4,711" in runs.table(results_dir)[2]
    (results_dir / "20261124T041500Z-quick-troubled" / "report.json").write_text("{}")  # nothing to read again there
    written_s = (run / "report.json").stat().st_mtime
    for name in ("locust-stats.csv", "locust-distrib.jsonl", "zk-metrics.csv", "host-metrics.csv", "events.csv"):
        os.utime(run / name, (written_s + 1, written_s + 1))
        told = runs.table(results_dir)[2]
        assert "4,711" not in told, name
        assert "valid" in told
        os.utime(run / name, (1, 1))
    assert "4,711" in runs.table(results_dir)[2]


def test_listing_reported_runs_needs_no_heavy_library(results_dir: Path) -> None:
    for name in ("20261124T031500Z-quick-synthetic", "20261124T041500Z-quick-troubled"):
        (results_dir / name / "report.json").write_text("{}")
    code = (
        "import sys\nfrom reporting import cli\n"
        "try:\n    cli.main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "sys.exit(bool({'pandas', 'numpy', 'altair', 'vl_convert'} & set(sys.modules)))"
    )
    for arguments in (["--help"], ["runs", "--results-dir", str(results_dir)]):
        subprocess.run([sys.executable, "-W", "error", "-c", code, *arguments], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["verdict", "nowhere"], "run folder [nowhere] does not exist"),
        (["summary", __file__], "is a file"),
        (["report", str(Path(__file__).parent)], "holds none of manifest.json"),
        (["runs", "--results-dir", "nowhere"], "results folder [nowhere] does not exist"),
        (["reprot"], "reprot"),
        (["verdict"], "RUN_DIR"),
        ([], "COMMAND"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = cli.main(arguments)
    except SystemExit as stop:
        code = int(stop.code or 0)
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert says in err


def test_one_wrong_folder_among_several_writes_nothing(results_dir: Path) -> None:
    run = results_dir / "20261124T031500Z-quick-synthetic"
    assert cli.main(["report", str(run), str(results_dir / "nope")]) == 2
    assert not (run / "report.html").exists()


def test_a_folder_that_cannot_be_written_is_one_line(
    results_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refused)
    assert cli.main(["report", str(results_dir / "latest")]) == 1
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert "(Permission denied)" in err


def test_a_terminal_without_utf8_gets_no_traceback(results_dir: Path) -> None:
    command = [sys.executable, "-c", "import sys; from reporting import cli; sys.exit(cli.main(sys.argv[1:]))"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    found = subprocess.run([*command, "summary", str(results_dir / "latest")], env=environment, capture_output=True)
    assert found.returncode == 0
    assert b"Verdict: inconclusive" in found.stdout


def test_runs_are_found_by_id_newest_first(results_dir: Path) -> None:
    assert [p.name for p in runs.resolve(results_dir, [])] == ["20261124T041500Z-quick-troubled"]
    assert [p.name for p in runs.resolve(results_dir, ["latest"])] == ["20261124T041500Z-quick-troubled"]
    assert runs.resolve(results_dir, ["20261124T061500Z-quick"])[0].parent.name == ".unfinished"


@pytest.mark.parametrize("wrong", ["20261124T031500Z-quick-syntetic", "quick-synthetic"])
def test_an_unknown_run_names_the_nearest(results_dir: Path, wrong: str) -> None:
    with pytest.raises(InputError, match=rf"no run \[{wrong}\] in .*nearest: 20261124T031500Z-quick-synthetic"):
        runs.resolve(results_dir, [wrong])


def test_a_results_folder_without_runs_says_how_to_make_one(tmp_path: Path) -> None:
    assert runs.table(tmp_path) == [f"No runs in {tmp_path} yet; `make benchmark` makes one."]
    with pytest.raises(InputError, match="holds no finished run"):
        runs.resolve(tmp_path, [])


@pytest.mark.usefixtures("undrawn")
def test_fab_report_takes_several_runs(results_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fabfile.report.body(Context(), [], ["20261124T031500Z-quick-synthetic,latest"], str(results_dir))
    out = capsys.readouterr().out
    assert out.count("Verdict: ") == 2
    assert (results_dir / "20261124T031500Z-quick-synthetic" / "report.html").exists()
    assert (results_dir / "latest" / "report.html").exists()
    with pytest.raises(Exit, match="nearest: ") as stop:
        fabfile.report.body(Context(), [], ["20261124T031500Z-quick"], str(results_dir))
    assert stop.value.code == 2


def test_fab_finds_runs_where_the_inventory_has_them_put(
    results_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(f"all: {{vars: {{benchmark_results_dir: '{{{{ place }}}}', place: {results_dir}}}}}\n")
    fabfile.list_runs.body(Context(), [str(inventory)])
    assert "20261124T041500Z-quick-troubled" in capsys.readouterr().out
    with pytest.raises(Exit, match=rf"no run \[nope\] in \[{results_dir}\]"):
        fabfile.report.body(Context(), [str(inventory)], ["nope"])
    with pytest.raises(Exit, match=r"folder \[/nowhere\] does not exist") as stop:
        fabfile.list_runs.body(Context(), [str(inventory)], "/nowhere")  # what is given wins
    assert stop.value.code == 2
    with pytest.raises(Exit, match=r"inventory \[/nowhere\] does not exist"):
        fabfile.list_runs.body(Context(), ["/nowhere"])


def test_without_a_word_of_it_runs_are_in_the_checkout(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("all: {hosts: {}}\n")
    assert fabfile._results("", [str(inventory)]) == fabfile.CHECKOUT / "results"


def test_a_single_operation_has_no_total_that_repeats_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Synthetic(operations={"set": 400.0}, run_time_s=5).write(tmp_path / "run")
    cli.main(["summary", str(run)])
    assert "all operations" not in capsys.readouterr().out
