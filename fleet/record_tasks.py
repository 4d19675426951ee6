"""The operations of the action `run_record`: what playbooks do with the record of a run, on the controller."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from fleet import left_over, record_holders, run_record
from fleet.fault_notes import event_rows, titles_of, told_faults
from fleet.host_files import take_in
from fleet.host_result import (
    MASTER,
    MEMBER,
    HostResult,
    clock_after,
    machine,
    master_ended_well,
    member_told,
    run_status,
)
from fleet.member_logs.record_events import record_events
from fleet.merging import merge_fault_events
from fleet.pack import MIB, Limits, PackError
from fleet.report_writing import Judging
from fleet.unreported import complete_events, sent_by_workers
from zk_locust.contract import run_plan
from zk_locust.contract.faults.planned import PlannedFault
from zk_locust.contract.plain_text import plain_values
from zk_locust.contract.run_files import FIGURES, MANIFEST, UNFINISHED

# Of the load: what the plan says, or what is of use to this run only.
_NOT_RECORDED: Final = ("members", "deadline_s", "lease_s", "provision_lease_s")


def controller_pid() -> int:
    """Return the process id of this `ansible-playbook`: a task runs in a child of it."""
    return os.getppid()


def open_record(*, results_dir: Path, scenario: str, label: str, preflight_began: str) -> dict[str, Any]:
    """Begin a record; return its `folder` and `run_id`. `preflight_began` (ISO 8601) may be empty."""
    folder = run_record.open_record(results_dir.resolve(), scenario, label, controller_pid())
    if preflight_began:
        run_record.note_phase(folder, "preflight", preflight_began, run_record.now())
    return {"folder": str(folder), "run_id": folder.name}


def take_over(*, results_dir: Path, run: str, adopt: str, take: bool) -> dict[str, Any]:
    """Make this `ansible-playbook` hold a record that was left behind: `run`, or the newest where that is empty.

    `adopt` names a run whose record is lost: it is begun anew. `take` takes runs of other machines too. Returns
    `folder`, `run_id`, and `lines` for the user.
    """
    if adopt:
        record_holders.adopt(results_dir, adopt)
    folder, more = record_holders.chosen(results_dir.resolve(), adopt or run, take)
    rest = f"; {more} more left behind, call again (run_record_run chooses)" if more else ""
    notes = record_holders.take_over(folder, controller_pid(), take)
    return {"folder": str(folder), "run_id": folder.name, "lines": [f"Finishing {folder.name}{rest}", *notes]}


def note_phase(*, folder: Path, name: str, moment: str) -> None:
    """Note the `start` or the `end` of a phase, as its moment."""
    times = {"start": (run_record.now(), None), "end": (None, run_record.now())}
    run_record.note_phase(open_folder(folder), name, *times[moment])


def note(*, folder: Path, values: dict[str, Any]) -> None:
    """Lay values over the manifest. Those of `hosts` and `versions` were told by hosts: they become plain text."""
    if "hosts" in values:
        values["hosts"] = {host: plain_values(found) for host, found in values["hosts"].items()}
    if "versions" in values:
        values["versions"] = plain_values(values["versions"])
    run_record.update(open_folder(folder), values)


def note_plan(
    *,
    folder: Path,
    load: dict[str, Any],
    workers: dict[str, Any],
    sample_intervals_s: dict[str, Any],
    members: list[str],
    clocks: dict[str, Any],
) -> dict[str, Any]:
    """Note what is about to be run, see `run_plan`; return the `plan`.

    `load` is the plan that `zk-locust resolve-plan` has printed, without its environment.
    `sample_intervals_s` has 0 for each host that is not sampled, `clocks` the results of the action `clock_offset`.
    """
    sampled = [host for host, seconds in sample_intervals_s.items() if float(seconds) > 0]
    plan = run_plan.run_plan(load, workers, sampled, members)
    offsets = {
        host: {"clock_offset_ms": clock["offset_ms"], "clock_error_ms": clock["error_ms"]}
        for host, clock in clocks.items()
        if clock and clock.get("offset_ms") is not None
    }
    scenario = {key: value for key, value in load.items() if key not in _NOT_RECORDED}
    run_record.update(open_folder(folder), {"plan": plan, "scenario": scenario, "hosts": offsets})
    return {"plan": plan}


def note_faults(*, folder: Path, member: str, told: str) -> dict[str, Any]:
    """Note the faults that a member's host has `told`; return `lines` for the user, and whether the notes `came`."""
    record = open_folder(folder)
    faults, problem = told_faults(told, member, folder.name)
    run_record.update(record, {"faults": {member: faults}})
    lines = [problem] if problem else []
    lines += [f"{member}: fault {each['number']}: {each['error']}" for each in faults if each["error"]]
    lines += [f"{member}: fault {each['number']} is not healed" for each in faults if each["state"] == "begun"]
    upgraded = [each for each in faults if each.get("release", "") != each.get("release_before", "") != ""]
    lines += [
        f"{member}: it has ZooKeeper {each['release']} now, before it had {each['release_before']}. The next"
        f" provisioning brings the inventory's back; zookeeper_version: {each['release']} keeps it"
        for each in upgraded[-1:]
    ]
    return {"lines": lines, "came": not problem}


def add_results(
    *,
    folder: Path,
    host: str,
    role: str,
    pack: str,
    problem: str,
    told: dict[str, Any],
    max_file_mib: int = Limits().file // MIB,
    max_mib: int = Limits().all // MIB,
) -> dict[str, Any]:
    """Take the `pack` of a host's files into the record; return the host's `result`, see `HostResult`.

    `problem` says why there is no pack. A host with neither had no files. `told` has what the host has said: `ended`,
    the answer of the command that ended the load or the sampler, `facts`, Ansible's, the `folder` of its files, the
    master's `members`, and `clock`, the result of the action `clock_offset` after the load.
    """
    record = open_folder(folder)
    limits = Limits(max_file_mib * MIB, max_mib * MIB)
    answer = told.get("ended") or {}
    status = answer if role == MEMBER else run_status(answer)
    found: dict[str, Any] = {"problem": problem}
    if pack and not problem:
        figures = list(FIGURES) if role == MASTER else []
        try:
            found = {"came": True, **take_in(record, Path(pack), host, figures, limits)}
        except PackError as error:
            found["problem"] = str(error)
        except OSError as error:
            found["problem"] = f"the run's record cannot be kept: {error}; see benchmark_results_dir"
        if role == MEMBER and found.get("problem"):
            found["problem"] = f"not all could be collected: {found['problem']}"
    elif not problem:
        found["nothing"] = f"{host}: no files of this run in {told.get('folder')}"
    result = HostResult(
        host=host,
        role=role,
        status={} if role == MEMBER else status,
        machine=machine(role, status, told.get("facts") or {}) | clock_after(told.get("clock") or {}, run_record.now()),
        members=told.get("members") or {},
        **found,
    )
    return {"result": result.as_dict()}


def note_results(
    *,
    folder: Path,
    load_hosts: dict[str, Any],
    members: dict[str, Any],
    without_master: bool,
    taken_over: bool,
    interruption: str,
) -> dict[str, Any]:
    """Note the result of every host. `load_hosts` and `members` map hosts to their results, the master first.
    That of a member which was not collected from, as an external one, is empty.

    Returns `state` and `reason` of the run, and `lines` for the user. Fails while the master's figures may still come,
    unless `without_master` gives them up.
    """
    record = open_folder(folder)
    loads = [
        HostResult.told(host, "worker" if number else MASTER, found or {})
        for number, (host, found) in enumerate(load_hosts.items())
    ]
    told = [HostResult.told(host, MEMBER, found or {}) for host, found in members.items()]
    master = loads[0]
    given_up = f"the master's figures were given up: {master.uncollected()}" if master.is_blocking else ""
    if master.is_blocking and not without_master:
        raise run_record.RecordError(
            f"{master.uncollected()}; correct it, and call playbooks/collect.yml again: the record stays open. If the"
            " master's files never come, -e benchmark_collect_without_master=true closes the run as failed, with what"
            " the other hosts have; -e run_record_run=ID finishes another run that was left behind"
        )
    missing = [line for result in [*loads, *told] for line in result.lines()]
    if given_up:
        missing = [given_up, *missing[1:]]
    machines: dict[str, dict[str, Any]] = {}
    for result in [*loads, *told]:  # a host may be both
        machines[result.host] = {**machines.get(result.host, {}), **result.machine}
    for member in members:
        machines[member] |= member_told(master.members.get(member))
    run_record.update(record, {"missing": missing, "hosts": machines})
    complete_events(record, sent_by_workers(loads))
    lines = missing + [line for result in loads for line in result.unknown_lines()]
    if master_ended_well(master.status) and not given_up:
        return {"state": "complete", "reason": "", "lines": lines}
    failure = str(run_record.read(record / MANIFEST).get("reason") or "")
    state = "failed" if failure or given_up or not taken_over else "interrupted"
    return {"state": state, "reason": failure or given_up or interruption, "lines": lines}


def add_late_results(
    *, results_dir: Path, run_id: str, host: str, pack: Path, max_file_mib: int, max_mib: int
) -> dict[str, Any]:
    """Take a host's files into the closed record of a run; return `folder`, `taken` and `refused`."""
    if left_over.place_of(results_dir, run_id) != left_over.CLOSED:
        raise run_record.RecordError(f"run_id [{run_id}]: there is no closed record of it in {results_dir}")
    return left_over.take_late(results_dir / run_id, pack, host, Limits(max_file_mib * MIB, max_mib * MIB))


def close_record(
    *, folder: Path, state: str, reason: str, report: bool = False, figures: bool = False
) -> dict[str, Any]:
    """Put all files together, judge the run, and give the record its final name; return its `folder`.

    With `report` the same process goes on to write the report, with each chart as a file too if `figures` asks for
    them: `report` of the result is for the action `write_report`, which waits for it.
    """
    record = open_folder(folder)
    run_record.update(record, {"state": state, "reason": reason})
    manifest = run_record.read(record / MANIFEST)
    if faults := manifest.get("faults"):
        planned = map(PlannedFault.of, (manifest.get("scenario") or {}).get("faults") or [])
        members = ((manifest.get("inventory") or {}).get("groups") or {}).get("zookeeper") or []
        merge_fault_events(record, event_rows(faults, titles_of(planned, faults, members)))
    known = list(manifest.get("missing") or [])
    more = [line for line in record_events(record, manifest) if line not in known]
    run_record.update(record, {"missing": known + more})
    judging = Judging(record, report=report, figures=figures)
    try:
        final = run_record.close_record(record, judging.verdict)
    except BaseException:
        judging.end()
        raise
    return {"folder": str(final), **judging.begun(final)}


def open_folder(folder: Path) -> Path:
    """Return the folder of an open record. Raises RecordError for any other folder."""
    if not folder.is_absolute() or folder.parent.name != UNFINISHED or not folder.is_dir():
        raise run_record.RecordError(
            f"folder [{folder}] is no open record of a run; another controller may have closed it"
        )
    return folder


OPERATIONS: Final[dict[str, Callable[..., dict[str, Any] | None]]] = {
    "open": open_record,
    "take_over": take_over,
    "note_phase": note_phase,
    "note": note,
    "note_plan": note_plan,
    "note_faults": note_faults,
    "add_results": add_results,
    "note_results": note_results,
    "close": close_record,
    "sort_out": left_over.sort_out,
    "add_late_results": add_late_results,
}
