"""Runs one benchmark of an experiment, and reads what it found."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import reporting
from fleet.errors import FleetError, one_line
from fleet.experiments.arms import Arm, at_rate
from fleet.experiments.playbooks import Playbooks
from fleet.experiments.runner import Outcome, Request
from fleet.experiments.specification import FRESH, Specification
from zk_locust.contract.durable_files import read_object_if_sound
from zk_locust.contract.experiment import ALL, RECOVERY, parse_objective
from zk_locust.contract.nearest_name import nearest
from zk_locust.contract.plain_text import plain_line
from zk_locust.contract.run_files import MANIFEST
from zk_locust.contract.verdicts import VOID

LOGS: Final = "logs"
_COMPLETE: Final = "complete"
# Configuration and program stay, so that provisioning has only to start the members.
_REMOVES: Final = "stop_removes_data"
_ALL_LOST: Final = "all-workers-lost"
_NOT_DONE: Final = "faults-not-done"
_SHOWN_LINES: Final = 12


def preflight(playbooks: Playbooks, arm: Arm) -> list[str]:
    """Return what preflight finds wrong with an arm; empty where it can be run."""
    with tempfile.TemporaryDirectory(prefix="zk-locust-preflight-") as folder:
        log = Path(folder) / "screen"
        if playbooks.call("preflight", arm, log, {}) == 0:
            return []
        return [f"arm {arm.name}: {line}" for line in _problems(log)]


def _problems(log: Path) -> list[str]:
    """Return the numbered problems of a preflight's screen; its last lines where there are none."""
    lines = [plain_line(line) for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    numbered = [line.strip().partition(". ")[2] for line in lines if line.strip().partition(". ")[0].isdigit()]
    found = [line for line in numbered if line] or [line for line in lines if line.strip()][-_SHOWN_LINES:]
    return list(dict.fromkeys(found))


class Benchmarks:
    """`run` runs one benchmark of an experiment. With fresh data, each starts with members that have none."""

    def __init__(
        self, folder: Path, results: Path, playbooks: Playbooks, spec: Specification, arms: Sequence[Arm]
    ) -> None:
        self._logs = folder / LOGS
        self._results = results
        self._playbooks = playbooks
        self._arms = arms
        self._fresh = spec.data == FRESH
        self._objectives = spec.objectives
        self._has_faults = spec.kind == RECOVERY
        self._started = False

    def run(self, request: Request) -> Outcome:
        """Run a benchmark, and read what it found. A benchmark that fails is void."""
        self._logs.mkdir(exist_ok=True)
        began = time.monotonic()
        log = self._logs / f"{request.number:03d}.log"
        if self._fresh and not self._started:
            for arm in _with_other_members(self._arms):  # what earlier runs have left
                self._remove_data(arm, log)
        self._started = True
        arm = request.arm if request.rate_per_s is None else at_rate(request.arm, request.rate_per_s)
        before = self._runs()
        # An arm's own inventory may name another folder of results.
        more: dict[str, Any] = {"benchmark_label": request.label, "benchmark_results_dir": str(self._results)}
        if self._fresh:
            more[_REMOVES] = True
        code = self._playbooks.call("benchmark", arm, log, more)
        new = sorted(self._runs() - before)
        own = [run for run in new if _label(self._results / run) == request.label]
        if self._fresh and code:  # it may have ended before it removed them
            self._remove_data(request.arm, log)
        took_s = time.monotonic() - began
        if not own:
            said = _problems(log)
            return Outcome(
                "", VOID, took_s, (f"it left no run: {said[0] if said else f'exit code {code}'}; see {log}",)
            )
        try:
            return outcome_of(
                self._results / own[-1], took_s, self._objectives, has_faults=self._has_faults, idle_us=request.idle_us
            )
        except reporting.ReportingError as error:
            return Outcome(own[-1], VOID, took_s, (f"it cannot be reported: {one_line(error)}",))

    def _remove_data(self, arm: Arm, log: Path) -> None:
        if code := self._playbooks.call("stop", arm, log, {_REMOVES: True}):
            raise FleetError(
                f"the members' data could not be removed (exit code {code}); see {log}, or write data: kept in the "
                "experiment's file"
            )

    def _runs(self) -> set[str]:
        return {manifest.parent.name for manifest in self._results.glob(f"*Z-*/{MANIFEST}")}


def _with_other_members(arms: Sequence[Arm]) -> list[Arm]:
    """Return one arm of those that say the same about members."""
    found: list[Arm] = []
    said: list[tuple[str, dict[str, Any]]] = []
    for arm in arms:
        own = {name: value for name, value in arm.variables.items() if name.startswith("zookeeper_")}
        if (arm.inventory, own) not in said:
            said.append((arm.inventory, own))
            found.append(arm)
    return found


def _label(run: Path) -> str:
    return str(read_object_if_sound(run / MANIFEST).get("label", ""))


def outcome_of(
    run: Path, took_s: float, objectives: Sequence[str], *, has_faults: bool = False, idle_us: float | None = None
) -> Outcome:
    """Read what a run found; its report is written where its benchmark could not do so.

    A run that is to have faults is void where one of them was not done. `idle_us` is that of the request.
    """
    if not (run / "report.json").exists():
        reporting.write_report(reporting.judge_run(run))
    found = reporting.run_data(run)
    verdict = found.get("verdict") or {}
    reasons = tuple(plain_line(reason["text"]) for reason in verdict.get("reasons", []) if reason["severity"] != "note")
    state = str(read_object_if_sound(run / MANIFEST).get("state") or _COMPLETE)
    # What a run that failed recorded is worth a look, but no other run is like it.
    worth = (verdict.get("verdict") or VOID) if state == _COMPLETE else VOID
    summary = _summary(found.get("total") or {})
    not_done = [str(each.get("text")) for each in verdict.get("reasons", []) if each.get("rule") == _NOT_DONE]
    if has_faults and (not_done or not found.get("faults")):
        why = plain_line(not_done[0]) if not_done else "it has no faults"
        return Outcome(run.name, VOID, took_s, (why, *reasons), summary=summary)
    if objectives and any(reason.get("rule") == _ALL_LOST for reason in verdict.get("reasons", [])):
        return Outcome(run.name, VOID, took_s, reasons, load_limited=True, summary=summary)
    if not objectives or worth == VOID:
        return Outcome(run.name, worth, took_s, reasons, summary=summary)
    if hopeless := _unknown_operations(found, objectives):
        return Outcome(run.name, VOID, took_s, (hopeless,), summary=summary, hopeless=hopeless)
    step = reporting.check_objectives(run, objectives, idle_us)
    return Outcome(run.name, worth, took_s, reasons, step["passed"], step["load_limited"], step, summary)


def _unknown_operations(found: Mapping[str, Any], objectives: Sequence[str]) -> str:
    """Return a problem where an objective is for an operation that the load does not have, else nothing."""
    known = [str(row["operation"]) for row in found.get("operations") or []]
    for objective in map(parse_objective, objectives):
        if objective.operation not in (ALL, *known):
            return (
                f"objectives [{objective.text}]: the load has no operation {objective.operation}"
                f"{nearest(objective.operation, known)}; it has: {', '.join(known) or 'none'}; correct the objective, "
                "and begin a new experiment"
            )
    return ""


def _summary(total: Mapping[str, Any]) -> str:
    """Return rate and percentiles of all operations, as far as they are known."""
    rate = total.get("rate_per_s")
    found = [] if rate is None else [f"{rate:,.0f}/s"]
    for name in ("p50", "p99"):
        value_us = total.get(f"{name}_us")
        found += [] if value_us is None else [f"{name} {value_us / 1000:.3g} ms"]
    return ", ".join(found)
