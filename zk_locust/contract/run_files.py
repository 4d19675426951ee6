"""Names of files and folders: in a run folder on the controller, and in a run's folder on a load host.

Modules on hosts use this file too: Python 3.9, standard library only.
"""

from __future__ import annotations

from typing import Final

# The figures of a run. The master writes all except the last.
STATS: Final = "locust-stats.csv"
DISTRIBUTIONS: Final = "locust-distrib.jsonl"
HISTOGRAMS: Final = "latency.hlog"
METRICS: Final = "zk-metrics.csv"
SLOW_OPERATIONS: Final = "slow-operations.csv"
EVENTS: Final = "events.csv"
HOST_METRICS: Final = "host-metrics.csv"
MOMENTS: Final = "moments"
"""A worker's file of these is `moments-worker-1.csv`, among the logs of its host: only a run with faults has them."""
SESSIONS: Final = "sessions"
"""Likewise, for what became of a worker's sessions."""
DISPATCH_REQUESTS: Final = "dispatch.jsonl"
"""What a dispatcher on the master asks the controller to do: only a run with a dispatcher has it."""
FIGURES: Final = (STATS, DISTRIBUTIONS, HISTOGRAMS, METRICS, SLOW_OPERATIONS, EVENTS)
"""What the master's host brings, beside its logs."""

# The run folder: `results/<run_id>/`, while the run is open `results/.unfinished/<run_id>/`.
UNFINISHED: Final = ".unfinished"
LATEST: Final = "latest"
MANIFEST: Final = "manifest.json"
HISTORY: Final = "history"
"""A folder of history files for each host (see `history_format`)."""
HISTORY_LOCAL: Final = "local"
"""Stands for the host where no playbook has brought the files."""
CONSISTENCY: Final = "consistency.json"
SCHEMA_VERSION: Final = 1
"""Of the manifest and of `report.json`. It grows when something that was there before changes its meaning."""
CONTROLLER: Final = "controller.json"

# A load host's folder of a run.
SPEC: Final = "spec.json"
STATUS: Final = "status.json"
PROGRESS: Final = "progress.json"
SECRETS: Final = "secrets.json"
LOCUSTFILE: Final = "locustfile.py"
SUMMARY: Final = "locust-summary.json"
SUPERVISOR_LOG: Final = "supervisor.log"

# A host that runs may change.
LEASE: Final = "lease.json"
MACHINE_LOCK: Final = "/tmp/zk-locust-load.lock"
"""What a run locks on a load host without `load_host_state_dir`: runs of all users see each other there."""


def load_lock(state_dir: str | None) -> str:
    """Return the file that a run locks on a load host with this `load_host_state_dir`: a folder has its own lock."""
    return f"{state_dir}/load/lock" if state_dir else MACHINE_LOCK


def moments_of(process: str) -> str:
    """Return the name of the file of a worker's moments."""
    return f"{MOMENTS}-{process}.csv"


def sessions_of(moments: str) -> str:
    """Return the name of the file of a worker's sessions, which stands beside that of its moments."""
    return f"{SESSIONS}{moments[len(MOMENTS) :]}" if moments.startswith(MOMENTS) else f"{SESSIONS}-{moments}"


# An experiment's folder: `results/experiments/<id>/`.
EXPERIMENTS: Final = "experiments"
EXPERIMENT_DATA: Final = "experiment.json"
EXPERIMENT_PAGE: Final = "experiment.html"
EXPERIMENT_MARKDOWN: Final = "experiment.md"
EXPERIMENT_JUNIT: Final = "experiment.junit.xml"
EXPERIMENT_PDF: Final = "experiment.pdf"
