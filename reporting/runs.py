"""The runs of a results folder: finding them by id, and listing them with their main figures.

The figures come from `report.json` if it is newer than the files of the run. Otherwise the run is read and judged.
"""

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reporting import text
from reporting.analyse.run_summary import RunSummary, fleet_of
from reporting.errors import InputError
from reporting.read import manifest as manifests
from reporting.read.parsing import number, read_json_object
from reporting.read.problems import ProblemLog
from reporting.render.screen_table import aligned
from zk_locust.contract.run_files import (
    DISTRIBUTIONS,
    EVENTS,
    EXPERIMENTS,
    HOST_METRICS,
    LATEST,
    MANIFEST,
    METRICS,
    SCHEMA_VERSION,
    STATS,
    UNFINISHED,
)

HEAD: Final = ("run", "started", "scenario", "label", "users", "rate/s", "p99 ms", "failures", "verdict", "state")


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run folder; `unfinished` when it is below `.unfinished`."""

    path: Path
    unfinished: bool

    @property
    def run_id(self) -> str:
        """The folder's name, which is the run's id."""
        return self.path.name


def find(results_dir: Path) -> list[ListedRun]:
    """All runs of a results folder, the oldest first, unfinished ones last. Raises InputError without a folder."""
    if not results_dir.is_dir():
        raise InputError(f"results folder [{results_dir}] does not exist; `make benchmark` makes it with the first run")
    runs = [ListedRun(path, False) for path in _folders(results_dir) if path.name not in (LATEST, EXPERIMENTS)]
    if (results_dir / UNFINISHED).is_dir():
        runs += [ListedRun(path, True) for path in _folders(results_dir / UNFINISHED)]
    return runs


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def resolve(results_dir: Path, run_ids: Sequence[str]) -> list[Path]:
    """The folders of these runs; without ids, of the newest finished one. Raises InputError, with the nearest ids."""
    runs = find(results_dir)
    by_id = {run.run_id: run.path for run in runs}
    newest = next((run.run_id for run in reversed(runs) if not run.unfinished), LATEST)
    if not run_ids and newest == LATEST:
        hint = f"; unfinished: {', '.join(by_id)}, name one with --run" if by_id else "; run a benchmark first"
        raise InputError(f"results folder [{results_dir}] holds no finished run{hint}")
    found = []
    for run_id in run_ids or [LATEST]:
        name = newest if run_id == LATEST else run_id
        if name not in by_id:
            near = difflib.get_close_matches(run_id, by_id, n=3, cutoff=0.4) or [x for x in by_id if run_id in x][:3]
            hint = f"; nearest: {', '.join(near)}" if near else f"; known: {', '.join(list(by_id)[-3:]) or 'none'}"
            raise InputError(f"no run [{run_id}] in [{results_dir}]{hint}")
        found.append(by_id[name])
    return found


def table(results_dir: Path) -> list[str]:
    """Lines of a table of all runs."""
    runs = find(results_dir)
    if not runs:
        return [f"No runs in {results_dir} yet; `make benchmark` makes one."]
    columns = zip(HEAD, zip(*(cells(summary_of(run)) for run in runs), strict=True), strict=True)
    head, shown = zip(*(each for each in columns if set(each[1]) != {text.NOTHING}), strict=True)  # no empty columns
    lines = aligned(head, list(zip(*shown, strict=True)), left={*HEAD[:4], *HEAD[8:]})
    if any(run.unfinished for run in runs):
        lines += [
            "",
            "A run is unfinished while it runs, or after an interruption: then finish it with "
            "`ansible-playbook playbooks/collect.yml`.",
        ]
    return lines


def summary_of(run: ListedRun, experiment: str = "") -> RunSummary:
    """What a run is and its main figures; `experiment` is the id of the experiment that it is part of."""
    manifest = manifests.parse(read_json_object(run.path / MANIFEST, ProblemLog(), missing=""), ProblemLog())
    written = {} if run.unfinished else report_of(run.path)
    total, verdict, consistency = (
        {} if not isinstance(found := written.get(key), dict) else found for key in ("total", "verdict", "consistency")
    )
    return RunSummary(
        path=run.path,
        run_id=run.run_id,
        started=manifest.started,
        scenario=manifest.scenario_name,
        label=manifest.label,
        fleet=fleet_of(manifest.groups, str(manifest.parameters.get("hosts") or "")),
        users=manifest.plan.users,
        rate_per_s=number(total.get("rate_per_s")),
        p99_us=number(total.get("p99_us")),
        failures=int(number(total.get("failures")) or 0) if total else None,
        verdict=str(verdict.get("verdict") or ""),
        state="unfinished" if run.unfinished else manifest.state or ("" if manifest.present else "unknown"),
        experiment=experiment,
        manifest=manifest,
        consistency=str(consistency.get("state") or ""),
    )


def cells(run: RunSummary) -> list[str]:
    """The run's cells below `HEAD`."""
    return [
        run.run_id,
        text.moment(run.started).removesuffix(" UTC") or text.NOTHING,
        run.scenario or text.NOTHING,
        run.label or text.NOTHING,
        text.count(run.users),
        text.rate(run.rate_per_s),
        text.latency_ms(run.p99_us),
        text.count(run.failures),
        run.answers or text.NOTHING,
        run.state or text.NOTHING,
    ]


def report_of(path: Path) -> dict[str, Any]:
    """The content of `report.json`; if it is missing or older than the figures, what it would be."""
    report = path / "report.json"
    sources = [path / name for name in (STATS, DISTRIBUTIONS, METRICS, HOST_METRICS, EVENTS)]
    try:
        newest = max((source.stat().st_mtime for source in sources if source.exists()), default=0.0)
        if report.stat().st_mtime >= newest:
            found = json.loads(report.read_text(encoding="utf-8"))
            if isinstance(found, dict) and found.get("schema_version", SCHEMA_VERSION) == SCHEMA_VERSION:
                return found
    except (OSError, ValueError):
        pass
    from reporting.render import report_data
    from reporting.verdict import judged_run

    try:
        return report_data.as_json(judged_run.judge_run(path))
    except InputError:
        return {}
