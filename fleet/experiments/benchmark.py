"""Runs one benchmark of an experiment: the project's own playbooks, called as a user would call them."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import reporting
from fleet.errors import FleetError, InputError, one_line
from fleet.experiments.arms import Arm, at_rate
from fleet.experiments.runner import Outcome, Request
from fleet.experiments.specification import FRESH, Specification
from zk_locust.contract.durable_files import read_object_if_sound
from zk_locust.contract.experiment import ALL, parse_objective
from zk_locust.contract.nearest_name import nearest
from zk_locust.contract.plain_text import plain_line
from zk_locust.contract.run_files import MANIFEST
from zk_locust.contract.verdicts import VOID

LOGS: Final = "logs"
_COMPLETE: Final = "complete"
_ALL_LOST: Final = "all-workers-lost"
_ASKING: Final = {
    "ask_pass": "--ask-pass",
    "become_ask_pass": "--ask-become-pass",
    "ask_vault_pass": "--ask-vault-password",
}
_PARTIAL: Final = {
    "subset": "--limit",
    "tags": "--tags",
    "skip_tags": "--skip-tags",
    "start_at_task": "--start-at-task",
    "step": "--step",
}
_FORWARDED: Final = {
    "vault_ids": "--vault-id",
    "vault_password_files": "--vault-password-file",
    "private_key_file": "--private-key",
    "remote_user": "--user",
    "connection": "--connection",
    "timeout": "--timeout",
    "forks": "--forks",
    "ssh_common_args": "--ssh-common-args",
    "ssh_extra_args": "--ssh-extra-args",
    "sftp_extra_args": "--sftp-extra-args",
    "scp_extra_args": "--scp-extra-args",
    "become_method": "--become-method",
    "become_user": "--become-user",
    "connection_password_file": "--connection-password-file",
    "become_password_file": "--become-password-file",
}
# Ctrl-C: the playbook ends its load and collects what there is.
_END_LIMIT_S: Final = 180.0
# Longer than `fleet.interruption.RETRY_S`, in which it takes no other one.
_AGAIN_S: Final = 20.0
_LOOK_S: Final = 0.5
_SHOWN_LINES: Final = 12
_VARIABLES: Final = "variables.json"
# Ansible kills the process that waits here after Ctrl-C. The shell stays until the playbook has ended, and then removes
# the folder of the variables. Its traps do not apply to the playbook.
_SHELL: Final = 'trap : INT TERM HUP; "$@"; code=$?; rm -rf "$0"; exit $code'


@dataclass(frozen=True, slots=True)
class Playbooks:
    """How playbooks are called: their folder, the inventories, options of ansible-playbook, and variables of `-e`.

    `variables` may hold secrets: they reach a playbook in a file that only this user can read. `interrupted` says
    whether the experiment must end.
    """

    folder: Path
    inventory: tuple[str, ...]
    options: tuple[str, ...]
    variables: Mapping[str, Any]
    interrupted: Callable[[], bool] = lambda: False

    def call(self, playbook: str, arm: Arm, log: Path, more: Mapping[str, Any], arguments: Sequence[str] = ()) -> int:
        """Call a playbook with an arm's variables; its screen goes to the end of `log`. Returns the exit code.

        Raises KeyboardInterrupt if the experiment is interrupted: the playbook gets Ctrl-C, and has ended then, or the
        exception says that it still runs.
        """
        if self.interrupted():
            raise KeyboardInterrupt
        folder = _private_folder({**self.variables, **arm.variables, **more})
        words = [str(Path(sys.executable).with_name("ansible-playbook")), str(self.folder / f"{playbook}.yml")]
        words += [word for source in self.sources(arm) for word in ("-i", source)]
        words += [*self.options, *arguments, "-e", f"@{folder / _VARIABLES}"]
        environment = os.environ | {"ANSIBLE_FORCE_COLOR": "false", "ANSIBLE_NOCOLOR": "true"}
        with _removed_on_failure(folder), log.open("ab") as screen:
            process = subprocess.Popen(
                ["/bin/sh", "-c", _SHELL, str(folder), *words], stdin=subprocess.DEVNULL, stdout=screen,
                stderr=subprocess.STDOUT, env=environment, start_new_session=True,
            )  # fmt: skip
        try:
            return self._wait(process)
        except BaseException as error:
            if not _end(process):
                # The shell must stay, because it removes the variables.
                raise KeyboardInterrupt(
                    f"{playbook}.yml has not ended within {_END_LIMIT_S:g} s of Ctrl-C and still runs as process "
                    f"{process.pid}; see {log}, and end it with pkill -KILL -P {process.pid}"
                ) from error
            raise

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        ended = os.pidfd_open(process.pid)
        try:
            while not select.select([ended], [], [], _LOOK_S)[0]:
                if self.interrupted():
                    raise KeyboardInterrupt
        finally:
            os.close(ended)
        return process.wait()

    def sources(self, arm: Arm) -> list[str]:
        """The inventories of an arm's runs."""
        return [str(Path(arm.inventory).expanduser().absolute())] if arm.inventory else list(self.inventory)


def _end(process: "subprocess.Popen[bytes]") -> bool:
    """Send a playbook Ctrl-C and wait until it has ended, at most `_END_LIMIT_S`; return whether it has.

    Ansible can be caught in a lock of a worker that it has just ended; another Ctrl-C frees it. A playbook that is
    ending its run already only says so.
    """
    for _ in range(round(_END_LIMIT_S / _AGAIN_S)):
        os.killpg(process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_AGAIN_S)
            return True
    return False


def _private_folder(variables: Mapping[str, Any]) -> Path:
    """Write variables to a file in a new folder, both for this user only."""
    folder = Path(tempfile.mkdtemp(prefix="zk-locust-experiment-"))
    with _removed_on_failure(folder):
        file = folder / _VARIABLES
        file.touch(mode=0o600)
        file.write_text(json.dumps(variables, default=str), encoding="utf-8")
    return folder


@contextlib.contextmanager
def _removed_on_failure(folder: Path) -> Iterator[None]:
    """Remove a folder of variables where no playbook was started that removes it."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


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
        self._started = False

    def run(self, request: Request) -> Outcome:
        """Run a benchmark, and read what it found. A benchmark that fails is void."""
        self._logs.mkdir(exist_ok=True)
        began = time.monotonic()
        log = self._logs / f"{request.number:03d}.log"
        if self._fresh and not self._started:
            for arm in _with_other_members(self._arms):  # what earlier runs have left
                self._remove_members(arm, log)
        self._started = True
        arm = request.arm if request.rate_per_s is None else at_rate(request.arm, request.rate_per_s)
        before = self._runs()
        # An arm's own inventory may name another folder of results.
        more: dict[str, Any] = {"benchmark_label": request.label, "benchmark_results_dir": str(self._results)}
        if self._fresh:
            more["stop_removes_members"] = True
        code = self._playbooks.call("benchmark", arm, log, more)
        new = sorted(self._runs() - before)
        own = [run for run in new if _label(self._results / run) == request.label]
        if self._fresh and code:  # it may have ended before it removed them
            self._remove_members(request.arm, log)
        took_s = time.monotonic() - began
        if not own:
            said = _problems(log)
            return Outcome(
                "", VOID, took_s, (f"it left no run: {said[0] if said else f'exit code {code}'}; see {log}",)
            )
        try:
            return outcome_of(self._results / own[-1], took_s, self._objectives)
        except reporting.ReportingError as error:
            return Outcome(own[-1], VOID, took_s, (f"it cannot be reported: {one_line(error)}",))

    def _remove_members(self, arm: Arm, log: Path) -> None:
        if code := self._playbooks.call("teardown", arm, log, {}, ("--limit", "zookeeper")):
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


def outcome_of(run: Path, took_s: float, objectives: Sequence[str]) -> Outcome:
    """Read what a run found; its report is written where its benchmark could not do so."""
    if not (run / "report.json").exists():
        reporting.write_report(reporting.judge_run(run))
    found = reporting.run_data(run)
    verdict = found.get("verdict") or {}
    reasons = tuple(plain_line(reason["text"]) for reason in verdict.get("reasons", []) if reason["severity"] != "note")
    state = str(read_object_if_sound(run / MANIFEST).get("state") or _COMPLETE)
    # What a run that failed recorded is worth a look, but no other run is like it.
    worth = (verdict.get("verdict") or VOID) if state == _COMPLETE else VOID
    summary = _summary(found.get("total") or {})
    if objectives and any(reason.get("rule") == _ALL_LOST for reason in verdict.get("reasons", [])):
        return Outcome(run.name, VOID, took_s, reasons, load_limited=True, summary=summary)
    if not objectives or worth == VOID:
        return Outcome(run.name, worth, took_s, reasons, summary=summary)
    if hopeless := _unknown_operations(found, objectives):
        return Outcome(run.name, VOID, took_s, (hopeless,), summary=summary, hopeless=hopeless)
    step = reporting.check_objectives(run, objectives)
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


def forwarded(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the options of this ansible-playbook that its benchmarks need too.

    Raises InputError for one that asks for a password, or that would leave out a part of each benchmark.
    """
    for name, option in _ASKING.items():
        if options.get(name):
            raise InputError(
                f"{option}: the runs of an experiment cannot ask; use a vault, and ANSIBLE_VAULT_PASSWORD_FILE"
            )
    for name, option in _PARTIAL.items():
        if options.get(name) and options[name] != ("all",) and options[name] != ["all"]:
            raise InputError(f"{option}: an experiment needs complete benchmarks on all hosts; leave it out")
    words: list[str] = []
    for name, option in _FORWARDED.items():
        value = options.get(name)
        words += [f"{option}={each}" for each in (value if isinstance(value, list | tuple) else [value]) if each]
    return (*words, *(["--become"] if options.get("become") else []))
