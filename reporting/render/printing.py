"""Prints the report's page as PDF, by a browser that is installed: Chromium, Chrome or Edge, without a window."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from reporting.errors import ReportingError

BROWSERS: Final = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge",
)  # fmt: skip
VARIABLE: Final = "CHROME_PATH"
_TIME_LIMIT_S: Final = 300.0
_CHARTS_MS: Final = 120_000  # of the page's own clock, which runs on as fast as the page works
_ARGUMENTS: Final = (
    "--headless", "--disable-gpu", "--disable-extensions", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--no-first-run", "--no-default-browser-check", "--no-pdf-header-footer",
    f"--virtual-time-budget={_CHARTS_MS}",
)  # fmt: skip


def find_browser(target: str = "report.pdf", page: str = "report.html") -> str:
    """Return the path of a browser that can print a page to a target; both are names of files.

    Raises ReportingError, with the remedy, where there is none.
    """
    given = os.environ.get(VARIABLE, "")
    if given:
        if found := shutil.which(given):
            return found
        raise ReportingError(f"{VARIABLE} [{given}]: there is no such program; correct it, or unset it")
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise ReportingError(
        f"{target} needs Chromium, Chrome or Edge, and none is installed: apt install chromium, set "
        f"{VARIABLE} to the program, or print {page} from a browser"
    )


def print_page(browser: str, page: Path, target: Path) -> None:
    """Print a page to `target`. Raises ReportingError."""
    with tempfile.TemporaryDirectory(prefix="zk-locust-print-") as profile:
        command = [browser, *_ARGUMENTS, f"--user-data-dir={profile}", f"--print-to-pdf={target}"]
        if os.geteuid() == 0:  # its sandbox refuses root; the page is ours, and loads nothing
            command.append("--no-sandbox")
        try:
            done = _run([*command, page.absolute().as_uri()])
        except subprocess.TimeoutExpired:
            raise ReportingError(
                f"{target.name}: {browser} has not printed the page within {_TIME_LIMIT_S:g} s; print it yourself"
            ) from None
        except OSError as error:
            raise ReportingError(
                f"{target.name}: {browser} cannot be started ({error.strerror}); set {VARIABLE} to another browser"
            ) from None
    if done.returncode or not target.exists():
        said = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        raise ReportingError(f"{target.name}: {browser} could not print the page ({said[-1][:300]})")


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    """Run a browser; all its processes are ended where it takes too long, or this process is interrupted."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
        start_new_session=True,
    ) as browser:  # fmt: skip
        try:
            output, errors = browser.communicate(timeout=_TIME_LIMIT_S)
        except BaseException:
            os.killpg(browser.pid, signal.SIGKILL)  # not yet waited for, so that the group exists
            raise
    return subprocess.CompletedProcess(command, browser.returncode, output, errors)
