"""The page of an experiment as PDF: `fab report --experiment ID --pdf`."""

from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

import fabfile
from reporting import ReportingError, write_experiment
from reporting.render import printing
from tests.unit.experiments.folders import COMPARE, experiment, noisy
from tests.unit.reporting.test_printing import browser

COPIES = """for page; do :; done; cp "${page#file://}" "$target" """


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = experiment(tmp_path / "results", COMPARE, noisy(1))
    (tmp_path / "results" / "run-compare-1" / "report.html").touch()
    return found


def report(folder: Path, **options: Any) -> None:
    given = {"inventory": [], "run": [], "results_dir": str(folder.parent.parent), "experiment": folder.name}
    fabfile.report.body(Context(), **(given | options))


def test_an_experiment_is_printed_without_links_to_this_machine(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(printing.VARIABLE, str(browser(tmp_path, COPIES)))
    report(folder, pdf=True)
    assert f"Printed: {folder / 'experiment.pdf'}" in capsys.readouterr().out
    printed, page = ((folder / name).read_text() for name in ("experiment.pdf", "experiment.html"))
    assert "run-compare-1/report.html" in page
    assert "run-compare-1/report.html" not in printed
    assert "run-compare-1" in printed
    assert sorted(file.name for file in folder.glob(".report-*")) == []


def test_without_a_browser_nothing_is_written_and_the_remedy_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv(printing.VARIABLE, raising=False)
    with pytest.raises(Exit, match=r"experiment\.pdf needs Chromium, .* or print experiment\.html from a browser"):
        report(folder, pdf=True)
    assert not (folder / "experiment.html").exists()


def test_a_browser_that_does_not_print_leaves_the_report_before(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(printing.VARIABLE, str(browser(tmp_path, "echo trouble >&2; exit 1")))
    write_experiment(folder)
    before = (folder / "experiment.html").read_bytes()
    with pytest.raises(ReportingError, match=r"experiment.pdf: .*/browser could not print the page \(trouble\)"):
        write_experiment(folder, pdf=True)
    assert (folder / "experiment.html").read_bytes() == before


def test_a_printed_page_never_stays_of_an_earlier_report(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(printing.VARIABLE, str(browser(tmp_path, 'echo "$target" >"$target"')))
    write_experiment(folder, pdf=True)
    first = (folder / "experiment.pdf").read_text()
    write_experiment(folder)
    assert (folder / "experiment.pdf").read_text() != first
    monkeypatch.setenv(printing.VARIABLE, "no-such-browser")
    write_experiment(folder)
    assert not (folder / "experiment.pdf").exists()
    assert "experiment.pdf of the earlier report is removed: CHROME_PATH [no-such-browser]" in caplog.text


def test_a_browser_that_fails_holds_up_no_report_that_was_not_to_be_printed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(printing.VARIABLE, str(browser(tmp_path, 'echo "$target" >"$target"')))
    write_experiment(folder, pdf=True)
    (folder / "experiment.html").write_text("an earlier report")
    monkeypatch.setenv(printing.VARIABLE, str(browser(tmp_path, "echo trouble >&2; exit 1")))
    lines = write_experiment(folder)
    assert not any("Printed:" in line for line in lines)
    assert "an earlier report" not in (folder / "experiment.html").read_text()
    assert not (folder / "experiment.pdf").exists()
    assert "experiment.pdf of the earlier report is removed: experiment.pdf: " in caplog.text
    assert "could not print the page (trouble)" in caplog.text
    assert sorted(file.name for file in folder.glob(".report-*")) == []


@pytest.mark.parametrize("option", ["figures", "figures_pdf", "option"])
def test_options_of_charts_are_refused(folder: Path, option: str) -> None:
    name = f"--{option.replace('_', '-')}"
    with pytest.raises(Exit, match=f"{name}: a report of an experiment has no such option; leave it or") as stop:
        report(folder, **{option: ["rate.top=9"] if option == "option" else True})
    assert stop.value.code == 2
