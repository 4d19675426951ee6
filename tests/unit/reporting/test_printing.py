"""The page as PDF: a browser that is missing, broken or wrong, and one that prints."""

import os
import select
from pathlib import Path

import pytest

from reporting import ReportingError, cli, judge_run, write_report
from reporting.render import printing
from reporting.render.report_files import Wanted
from tests.unit.reporting.synthetic import Synthetic


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("reporting.render.chart_list.build", lambda _: [])
    monkeypatch.delenv(printing.VARIABLE, raising=False)
    return Synthetic(run_time_s=5, stall_at_s=None).write(tmp_path / "run")


def browser(folder: Path, script: str) -> Path:
    """A program that is called as a browser is; `$target` is where it is to print."""
    found = folder / "browser"
    find_target = "for each; do case $each in --print-to-pdf=*) target=${each#--print-to-pdf=} ;; esac; done\n"
    found.write_text(f"#!/bin/sh\n{find_target}{script}\n")
    found.chmod(0o755)
    return found


def test_without_a_browser_nothing_is_written_and_the_remedy_is_said(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert cli.main(["report", "--pdf", str(run)]) == 1
    assert capsys.readouterr().err.startswith(
        "zk-locust-report: report.pdf needs Chromium, Chrome or Edge, and none is installed: apt install chromium, set"
    )
    assert not (run / "report.html").exists()
    monkeypatch.setenv(printing.VARIABLE, "no-such-browser")
    assert cli.main(["report", "--pdf", str(run)]) == 1
    assert "CHROME_PATH [no-such-browser]: there is no such program; correct it, or unset" in capsys.readouterr().err


@pytest.mark.parametrize("script", ["echo trouble with the display >&2; exit 1", "echo trouble with the display"])
def test_a_browser_that_does_not_print_leaves_the_report_before(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setenv(printing.VARIABLE, str(browser(tmp_path, script)))
    write_report(judge_run(run))
    before = (run / "report.html").read_bytes()
    with pytest.raises(ReportingError, match=r"report.pdf: .*/browser could not print the page \(trouble with the dis"):
        write_report(judge_run(run), wanted=Wanted(pdf=True))
    assert (run / "report.html").read_bytes() == before
    assert not list(run.glob(".report-*"))


def test_no_process_of_a_browser_that_takes_too_long_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printing, "_TIME_LIMIT_S", 1.0)
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    reader = os.open(alive, os.O_RDONLY | os.O_NONBLOCK)
    found = browser(tmp_path, f"sleep 60 >{alive} & wait")
    with pytest.raises(ReportingError, match="has not printed the page within 1 s"):
        printing.print_page(str(found), tmp_path / "page.html", tmp_path / "page.pdf")
    try:
        select.select([reader], [], [], 10)
        assert os.read(reader, 1) == b"", "the pipe has no writer any more"
    finally:
        os.close(reader)


def test_a_printed_page_never_stays_of_an_earlier_report(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(printing.VARIABLE, str(browser(tmp_path, 'echo "$target" >"$target"')))
    write_report(judge_run(run), wanted=Wanted(pdf=True))
    first = (run / "report.pdf").read_text()
    write_report(judge_run(run))
    assert (run / "report.pdf").read_text() != first
    monkeypatch.setenv(printing.VARIABLE, "no-such-browser")
    write_report(judge_run(run))
    assert not (run / "report.pdf").exists()
    assert "report.pdf of the earlier report is removed: CHROME_PATH [no-such-browser]" in caplog.text
