"""The result of one host in a run: one object, which plays pass to the manifest and the verdict."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from zk_locust.contract.plain_text import plain_line, plain_values

MASTER: Final = "master"
WORKER: Final = "worker"
MEMBER: Final = "member"
_STATES: Final = ("running", "ended", "lost", "absent")
_LONGEST_FAILURE: Final = 2000
_MOST_TIMES: Final = 20
_LONGEST_ANSWER: Final = 8192
_UNREACHED: Final = "it cannot be reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostResult:
    """One host's share of a run. The role `benchmark_collect` makes it for load hosts, `zookeeper` for members.

    `role` is `master` (which may have workers too), `worker` or `member`. `came` says whether the host's files are in
    the record, `problem` why they are not; it is empty where the host had none (`nothing` says so) and where it was
    not reached. Of its files, `taken` are in the record, `missing` should have been among them, `unknown` are none
    of a run, and `refused` has a line for each that the controller did not take. `notes` are more that is wrong.
    `status` is what the load host's supervisor says: `started`, `ended`, `ended_by`, `processes` with their exit
    codes, `problem`. `machine` goes into the manifest: kernel, cores, versions, times of a full disk, lost samples.
    The master's `members` are the answers of the members' AdminServers, by name.
    """

    host: str
    role: str
    came: bool = False
    problem: str = ""
    nothing: str = ""
    taken: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    status: Mapping[str, Any] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    members: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def told(cls, host: str, role: str, found: Mapping[str, Any]) -> "HostResult":
        """Return the result that a play hands on; one of a host that was never reached is empty."""
        return cls(**{"host": host, "role": role, **found})

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for a play to hand on."""
        return asdict(self)

    @property
    def is_blocking(self) -> bool:
        """Whether the record stays open for this host: it is the master, and its figures may still come."""
        return self.role == MASTER and not self.came and not self.nothing

    def uncollected(self) -> str:
        """Return why the files of a load host did not come; empty where they did."""
        if self.came or self.nothing:
            return plain_line(self.nothing)
        left = "; they are left there" if self.problem and self.role == WORKER else ""
        return plain_line(f"{self.host}: its files could not be fetched, {self.problem or _UNREACHED}{left}")

    def lines(self) -> list[str]:
        """Return a line for each thing that is missing or wrong, as the manifest and the screen have it."""
        if self.role == MEMBER:
            found = [f"{self.host}: {line}" for line in [*self.refused, *self.notes, self.problem] if line]
        elif not self.came:
            found = [self.uncollected()]
        else:
            found = self._each(self.missing, "is missing: it was not written")
            if self.status.get("state") == "absent" and self.status.get("problem"):
                found.append(f"{self.host}: {self.status['problem']}")
            refused = [f"{self.host}: {line}" for line in self.refused]
            found += [*refused[:-1], *(f"{line}; this host keeps the run's files" for line in refused[-1:])]
        return list(map(plain_line, found))  # much of it was said by the host

    def unknown_lines(self) -> list[str]:
        """Return a line for each unexpected file."""
        found = self._each(self.unknown, f"is no file of a run; it is kept in logs/{self.host}") if self.came else []
        return list(map(plain_line, found))

    def _each(self, names: Iterable[str], words: str) -> list[str]:
        """Return a line for each name; a text that only counts more of them (`first_of`) stands alone."""
        return [f"{self.host}: {name}" + ("" if str(name).startswith("and ") else f" {words}") for name in names]


def run_status(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the status in the answer of `zk-locust host-run status|stop`; its state is `absent` where it says none.

    A host may print anything. What is not of its kind is left out: `processes` maps names to dictionaries, `progress`
    is one or None.
    """
    try:
        said = json.loads(answer.get("stdout") or "")
    except (ValueError, RecursionError):
        said = None
    if answer.get("rc") != 0 or not isinstance(said, dict) or said.get("state") not in _STATES:
        return {"state": "absent", "processes": {}, "progress": None}
    processes, progress = said.get("processes"), said.get("progress")
    named = processes.items() if isinstance(processes, dict) else ()
    return said | {
        "processes": {name: process for name, process in named if isinstance(process, dict)},
        "progress": progress if isinstance(progress, dict) else None,
    }


def master_ended_well(status: Mapping[str, Any]) -> bool:
    """Whether the Locust master came to the end of its load."""
    return status.get("ended_by") in ("leader", "itself") and _exit_code(status) == 0


def _exit_code(status: Mapping[str, Any]) -> Any:
    return ((status.get("processes") or {}).get("master") or {}).get("exit_code")


def master_failure(status: Mapping[str, Any], host: str, expected_workers: int, address: str, port: int) -> str:
    """Return why the Locust master did not end well; empty where it did.

    `address` and `port` are where the workers were to reach it.
    """
    if master_ended_well(status):
        return ""
    exit_code, ended_by, progress = _exit_code(status), status.get("ended_by"), status.get("progress")
    log = f"see logs/{host}/master.log in the run folder"
    if ended_by == "leader" and isinstance(progress, dict) and progress and not progress.get("stage"):
        said = progress.get("workers")
        ready = said if isinstance(said, int) else 0
        if ready < expected_workers:
            return (
                f"only {ready} of {expected_workers} workers have come to the master: the others do not reach"
                f" locust_master_address [{address}], port [{port}] (locust_master_port), or they have ended;"
                f" see logs/<worker host>/worker-*.log, and {log}"
            )
    problem = plain_line(status.get("problem") or "")
    return (
        f"the Locust master did not end well (state {plain_line(status.get('state'))}, ended by"
        f" {plain_line(ended_by or 'nobody')}, exit code"
        f" {'unknown' if exit_code is None else plain_line(exit_code)}); {f'{problem}; ' if problem else ''}{log}"
    )


def machine(role: str, ended: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the manifest says of a machine: from Ansible's facts, and of full disks from what ended there.

    `ended` is a load host's status, or the answer of a member's sampler. What is not known is left out.
    """
    # On x86 the list runs: number, vendor, model, number, …; elsewhere it holds models, or nothing.
    processors = facts.get("processor") or []
    models = processors[2:3] if processors and str(processors[0]).isdigit() else processors[:1]
    found = {
        "kernel": facts.get("kernel"),
        "distribution": " ".join(str(facts.get(k, "")) for k in ("distribution", "distribution_version")).strip(),
        "cpu_model": models[0] if models else None,
        "cores": facts.get("processor_vcpus"),
        "memory_mb": facts.get("memtotal_mb"),
        "python": facts.get("python_version"),
    }
    disk = told_by_sampler(ended) if role == MEMBER else times_of_full_disk(ended)
    return plain_values({key: value for key, value in found.items() if value}) | disk


def clock_after(clock: Mapping[str, Any], now: str) -> dict[str, Any]:
    """Return what the manifest says of a host's clock after the load, from the result of the action `clock_offset`.

    `now` is the controller's time, ISO 8601.
    """
    told = {"clock_offset_after_ms": clock.get("offset_ms"), "clock_error_after_ms": clock.get("error_ms")}
    found = {name: float(value) for name, value in told.items() if isinstance(value, int | float)}
    return found | {"clock_offset_after_at": now} if found else {}


def times_of_full_disk(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest's `disk_full`, each time with `since` and `until`; empty if the disk was never full."""
    times = status.get("disk_full")
    found = [
        {"since": _time(entry.get("since")), "until": _time(entry.get("until"))}
        for entry in (times if isinstance(times, list) else [])[:_MOST_TIMES]
        if isinstance(entry, Mapping)
    ]
    return {"disk_full": found} if found else {}


def told_by_sampler(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same for a member, with `samples_lost`, from the answer of `host_metrics stop`."""
    lines = str(answer.get("stdout") or "")[:_LONGEST_ANSWER].splitlines()
    try:
        told = json.loads(lines[1])
    except (IndexError, ValueError, RecursionError):
        return {}
    if not isinstance(told, dict):
        return {}
    lost = told.get("lost")
    is_number = isinstance(lost, int) and not isinstance(lost, bool) and lost > 0
    return times_of_full_disk(told) | ({"samples_lost": lost} if is_number else {})


def _time(text: object) -> str | None:
    try:
        return datetime.fromisoformat(str(text)).isoformat()
    except ValueError:
        return None


def member_told(answers: object) -> dict[str, Any]:
    """Return what the manifest says of a member, from the answers of its AdminServer (`srvr`, `environment`).

    `client_port` is the answer of its client port, where the AdminServer does not answer.
    """
    told = answers if isinstance(answers, Mapping) else {}
    srvr, environment, client_port = (
        told[name] if isinstance(told.get(name), Mapping) else {} for name in ("srvr", "environment", "client_port")
    )
    stats = srvr.get("server_stats")
    mode = stats.get("server_state") if isinstance(stats, Mapping) else None
    version = str(srvr.get("version") or client_port.get("version") or "unknown")
    return plain_values(
        {
            "zookeeper_version": version.partition("-")[0].partition(",")[0],
            "zookeeper_mode": mode or client_port.get("mode") or "unknown",
            "java": environment.get("java.version") or "unknown",
            "jvm": environment.get("java.vendor") or "",
        }
    )


def start_failures(answers: Mapping[str, Mapping[str, Any] | None]) -> list[str]:
    """Return why load hosts have not started their share, each with its name; `answers` are of `host-run start`."""
    failures = []
    for host, answer in answers.items():
        started = answer or {"rc": 1, "stderr": "it was not reached"}
        if started.get("rc", 1) != 0:
            said = plain_line(started.get("stderr") or started.get("msg") or "", _LONGEST_FAILURE)
            failures.append(f"{host}: {said or 'no reason given'}")
    return failures
