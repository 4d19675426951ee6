"""`--report-dir`: all records in one folder, and a report when Locust exits, by the command `zk-locust-report`."""

import json
import logging
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.options import Options
from zk_locust.contract.parameters import PARAMETERS, WEB
from zk_locust.contract.run_files import (
    DISTRIBUTIONS,
    EVENTS,
    FIGURES,
    HISTOGRAMS,
    MANIFEST,
    METRICS,
    SLOW_OPERATIONS,
    STATS,
)
from zk_locust.contract.user_stages import as_plan
from zk_locust.contract.warm_up import parse_warm_up
from zk_locust.load.stages import plan_of

FILES: Final[dict[str, str]] = {
    "stats_csv": STATS,
    "stats_distrib": DISTRIBUTIONS,
    "stats_hlog": HISTOGRAMS,
    "stats_slowest": SLOW_OPERATIONS,
    "stats_events": EVENTS,
    "zk_metrics_csv": METRICS,
}
INTERVAL_MS: Final = 1000.0
_COMMAND: Final = "zk-locust-report"

logger = logging.getLogger(__name__)


class ReportDir:
    """The folder of one Locust process. Raises ConfigurationError where it cannot be used.

    From then on the options name its files for what they do not name otherwise.
    """

    def __init__(self, folder: Path, environment: Any) -> None:
        self.folder = folder.expanduser().resolve()
        self._environment = environment
        self._started = ""
        self._scenario: dict[str, Any] = {}
        self._prepare()
        take_defaults(environment.parsed_options, self.folder)
        environment.parsed_options.report_dir = str(self.folder)

    def _prepare(self) -> None:
        try:
            held = sorted(path.name for path in self.folder.iterdir()) if self.folder.is_dir() else []
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                "--report-dir", self.folder, f"it cannot be made ({error.strerror})", "name another folder"
            ) from None
        taken = [name for name in held if name in (*FIGURES, MANIFEST)]
        if taken:
            raise ConfigurationError(
                "--report-dir", self.folder, f"it holds a run already ({taken[0]})", "name another folder, or remove it"
            )

    def on_test_start(self, **_: Any) -> None:
        """Note when the first test starts, and what it is: the folder's files are of that one.

        Call it when the plan knows the test, because a page may start others later.
        """
        if not self._started:
            self._started, self._scenario = _now(), self._scenario_now()

    def on_quit(self, **_: Any) -> None:
        """Write manifest and report, where there was a test. Call it when all files are closed."""
        if not self._started:
            return
        manifest = self.folder / MANIFEST
        manifest.write_text(json.dumps(self._manifest(), indent=1, ensure_ascii=False), encoding="utf-8")
        _write_report(self.folder)

    def _manifest(self) -> dict[str, Any]:
        return {
            "schema_version": 1,
            "run_id": self.folder.name,
            "state": "complete",
            "started": self._started,
            "ended": _now(),
            "scenario": self._scenario,
        }

    def _scenario_now(self) -> dict[str, Any]:
        options = self._environment.parsed_options
        plan = plan_of(self._environment)
        return {
            "name": Path(self._environment.locustfile or "locust").stem,
            "locustfile": self._environment.locustfile,
            "users": options.num_users,
            "user_stages": as_plan(stages) if (stages := Options.of(options).user_stages) else None,
            "spawn_rate": options.spawn_rate,
            "warmup": str(parse_warm_up(getattr(options, "warm_up", None) or 0.0)),
            "run_time_s": plan.measured_s if plan is not None else None,
            "parameters": {
                p.name: value
                for p in PARAMETERS
                if not p.secret and (value := getattr(options, p.destination, None)) not in (None, "")
            },
        }


def take_defaults(options: Any, folder: Path) -> None:
    """Have everything recorded in the folder, but for what the options say already."""
    for destination, name in FILES.items():
        if not getattr(options, destination, None):
            setattr(options, destination, str(folder / name))
    for destination in ("stats_collect", "zk_metrics_collect"):
        if getattr(options, destination, 0.0) in (None, "", 0.0, WEB):
            setattr(options, destination, INTERVAL_MS)


def _write_report(folder: Path) -> None:
    beside_python = Path(sys.executable).with_name(_COMMAND)
    command = str(beside_python) if beside_python.exists() else shutil.which(_COMMAND)
    if command is None:
        logger.error("No report: the command %s is not installed; %s holds what it would read", _COMMAND, folder)
        return
    done = subprocess.run([command, "report", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["it says nothing"]
        logger.error("No report (exit code %d): %s", done.returncode, lines[-1])
    else:
        logger.info("The report is %s", done.stdout.strip().splitlines()[-1])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
